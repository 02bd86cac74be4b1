//! The bases of streams.

use stonekeep_format::{BackupId, FileNumber};

use crate::engine::BackupEngineReadOnly;
use crate::engine::info::WhichBackup;
use crate::parallel::run_bounded;
use crate::repo::catalog;
use crate::repo::facts_reader::stream_of;
use crate::repo::stream::stream_id::StreamId;
use crate::repo::stream::target::{Base, BaseOfStream};
use crate::{Error, Result};

/// A backup that a stream goes on from.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct FoundBase {
    pub(in crate::engine) id: BackupId,
    pub(in crate::engine) stream: StreamId,
    pub(in crate::engine) base: Base,
}

/// The bases among the backups, the newest one first.
///
/// # Errors
/// `Refused` if the backup that is asked for is no base; `NotFound` if there is none; I/O errors.
pub(super) fn find(engine: &BackupEngineReadOnly, which: WhichBackup) -> Result<Vec<FoundBase>> {
    let found = named(engine, which)?;
    if let (WhichBackup::Id(id), [(_, Some(gap))]) = (which, found.as_slice()) {
        return Err(lacks_writes(id, *gap));
    }
    let found = whole(found);
    match (found.is_empty(), which) {
        (false, _) => Ok(found),
        (true, WhichBackup::Id(id)) => {
            let message = format!("backup {id} is no base: no stream goes on from it");
            Err(Error::refused(message).with_hint("choose a backup that a follower has made"))
        }
        (true, _) => Err(Error::not_found(
            "no backup is a base of a stream, so that only backups can be restored",
        )
        .with_hint("follow the database (stonekeep follow) to be able to restore a point between backups")),
    }
}

/// The same, which may be none.
///
/// # Errors
/// I/O errors.
pub(in crate::engine) fn all(engine: &BackupEngineReadOnly, which: WhichBackup) -> Result<Vec<FoundBase>> {
    named(engine, which).map(whole)
}

/// A backup that names a stream, and the gap before it, if it lacks what that is about.
type Named = (FoundBase, Option<FileNumber>);

fn named(engine: &BackupEngineReadOnly, which: WhichBackup) -> Result<Vec<Named>> {
    let mut ids = match which {
        WhichBackup::Id(id) => vec![id],
        _ => catalog::list(engine.store())?.ids,
    };
    ids.reverse();
    let found = run_bounded(engine.workers(), ids, |id| read(engine, id))?;
    Ok(found.into_iter().flatten().collect())
}

/// Those that lack nothing.
fn whole(found: Vec<Named>) -> Vec<FoundBase> {
    let whole = found.into_iter().filter(|(_, gap)| gap.is_none());
    whole.map(|(base, _)| base).collect()
}

fn lacks_writes(id: BackupId, gap: FileNumber) -> Error {
    Error::refused(format!(
        "no point can be reached from backup {id}: WAL {gap} of the stream lacks sequence numbers, and the writes that have them may not have \
         been in a table yet when the backup was captured"
    ))
    .with_hint("choose another base")
}

fn read(engine: &BackupEngineReadOnly, id: BackupId) -> Result<Option<Named>> {
    let of = stream_of(engine.store(), id)?;
    Ok(of.map(|BaseOfStream { stream, base, gap }| (FoundBase { id, stream, base }, gap)))
}
