//! `stonekeep/latest`: a hint at the newest backup, for readers of a place that cannot be listed.
//!
//! ```text
//! {"stonekeep_latest":1,"backup_id":7,"meta_crc32c":3735928559}
//! ```
//!
//! A run that commits or deletes puts it once, under the writer's lock, after it has changed `meta/`. A failure is only
//! logged: the run has done its work, and the next one repairs the hint. So it may name a backup that is gone, or an older one
//! than the newest: a reader trusts it for nothing but where to begin to look, and looks at the next [`LOOK_AHEAD`] ids, too.
//!
//! | stopped | the hint |
//! |---|---|
//! | after `meta/` has changed, before the hint is put | names the backup that was newest before: found by the look ahead, unless it was deleted |
//! | while it is put | the old or the new one, never half of one |
//!
//! Only stores whose files are uploaded have it: a directory on this machine can be listed by whoever serves it, and needs no
//! further write for each backup. RocksDB's engine looks at nothing in `stonekeep/`.

use serde::{Deserialize, Serialize};
use stonekeep_format::{BackupId, Crc32c};

use super::layout;
use super::loaded_meta::LoadedMeta;
use crate::store::{Durability, PutContent, PutMode, Store, Uploads};
use crate::{Error, ErrorKind, Result};

/// How many ids above that of the hint a reader looks at.
pub const LOOK_AHEAD: u32 = 16;

/// The run that repairs a hint.
const RUN: &str = "latest-hint";

/// A hint has one short line.
const LIMIT_BYTES: u64 = 4096;

/// What the hint says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Hint {
    stonekeep_latest: u32,
    backup_id: u32,
    meta_crc32c: u32,
}

/// Puts the hint at a backup that has been committed; `run` is whoever does it.
pub fn committed(store: &Store, run: &str, id: BackupId, meta: &[u8]) {
    if is_kept_by(store) {
        log(put(store, run, id, Crc32c(crc32c::crc32c(meta))));
    }
}

/// Puts the hint anew after a collection, unless it names the newest backup already; removes it where none is left.
pub fn repair(store: &Store, newest: Option<BackupId>) {
    if is_kept_by(store) {
        log(repaired(store, newest));
    }
}

/// The newest backup that can be found without a listing.
///
/// # Errors
/// `NotFound` if there is no hint, or no backup near what it names, and I/O errors of the store.
pub fn find(store: &Store) -> Result<BackupId> {
    let hint = read(store)?.ok_or_else(|| {
        name_one(format!(
            "{} cannot be listed, and has no file {} that names the newest backup",
            store.location(),
            layout::latest_hint()
        ))
    })?;
    let ids = (hint.get()..=hint.get().saturating_add(LOOK_AHEAD)).filter_map(BackupId::new);
    let mut newest = None;
    for id in ids {
        if store.stat(&layout::meta(id))?.is_some() {
            newest = Some(id);
        }
    }
    newest.ok_or_else(|| {
        name_one(format!(
            "{} cannot be listed, and its newest backup was {hint}, which is gone",
            store.location()
        ))
    })
}

fn name_one(message: String) -> Error {
    Error::not_found(message).with_hint("name a backup by its id")
}

fn is_kept_by(store: &Store) -> bool {
    store.traits().uploads != Uploads::Resumable
}

fn log(put: Result<()>) {
    if let Err(error) = put {
        tracing::warn!(reason = %error.one_line(), "the hint at the newest backup could not be put; the next run repairs it");
    }
}

fn repaired(store: &Store, newest: Option<BackupId>) -> Result<()> {
    let hinted = read(store)?;
    match newest {
        _ if hinted == newest => Ok(()),
        Some(id) => {
            let put = put(store, RUN, id, LoadedMeta::unparsed(store, id)?.crc32c);
            let discarded = store.discard(RUN);
            put.and(discarded)
        }
        None => store.delete_one(&layout::latest_hint()),
    }
}

fn put(store: &Store, run: &str, id: BackupId, crc32c: Crc32c) -> Result<()> {
    let hint = Hint {
        stonekeep_latest: 1,
        backup_id: id.get(),
        meta_crc32c: crc32c.0,
    };
    let mut line = serde_json::to_vec(&hint).map_err(|error| {
        Error::new(ErrorKind::Io, "writing the hint at the newest backup").with_source(error)
    })?;
    line.push(b'\n');
    let content = PutContent::Bytes(&line);
    store
        .put(
            run,
            &layout::latest_hint(),
            content,
            PutMode::Replace,
            Durability::Buffered,
        )
        .map(drop)
}

/// The backup that the hint names; `None` without one, also where it cannot be understood.
fn read(store: &Store) -> Result<Option<BackupId>> {
    let bytes = match store.read(&layout::latest_hint(), LIMIT_BYTES) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) => return Ok(None),
        bytes => bytes?,
    };
    Ok(parse(&bytes))
}

fn parse(bytes: &[u8]) -> Option<BackupId> {
    let hint: Hint = serde_json::from_slice(bytes).ok()?;
    BackupId::new(hint.backup_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::MemoryStore;

    fn id(number: u32) -> BackupId {
        BackupId::new(number).unwrap()
    }

    fn store() -> Store {
        let store = Store::from(MemoryStore::with_named_uploads());
        store.create_root(Durability::Buffered).unwrap();
        store
    }

    fn put_meta(store: &Store, number: u32) {
        let content = PutContent::Bytes(b"a meta file");
        let key = layout::meta(id(number));
        store
            .put("test", &key, content, PutMode::Replace, Durability::Buffered)
            .unwrap();
    }

    #[test]
    fn a_hint_is_only_where_the_look_begins() {
        let store = store();
        assert_eq!(find(&store).unwrap_err().kind(), ErrorKind::NotFound);
        committed(&store, "test", id(3), b"a meta file");
        let gone = find(&store).unwrap_err();
        assert!(gone.to_string().contains("was 3, which is gone"), "{gone}");
        put_meta(&store, 3);
        assert_eq!(find(&store).unwrap(), id(3));
        put_meta(&store, 3 + LOOK_AHEAD);
        assert_eq!(find(&store).unwrap(), id(3 + LOOK_AHEAD));
        store.delete_one(&layout::meta(id(3 + LOOK_AHEAD))).unwrap();
        put_meta(&store, 4 + LOOK_AHEAD);
        assert_eq!(find(&store).unwrap(), id(3));
    }

    #[test]
    fn a_collection_repairs_the_hint() {
        let store = store();
        put_meta(&store, 2);
        committed(&store, "test", id(5), b"a meta file");
        repair(&store, Some(id(2)));
        assert_eq!(read(&store).unwrap(), Some(id(2)));
        repair(&store, None);
        assert_eq!(store.stat(&layout::latest_hint()).unwrap(), None);
        repair(&store, Some(id(2)));
        assert_eq!(find(&store).unwrap(), id(2));
    }

    #[test]
    fn a_store_with_resumable_uploads_has_no_hint() {
        let store = Store::from(MemoryStore::new());
        store.create_root(Durability::Buffered).unwrap();
        committed(&store, "test", id(1), b"");
        assert_eq!(read(&store).unwrap(), None);
    }

    #[test]
    fn what_is_no_hint_is_none() {
        for bytes in [
            "",
            "7",
            "{}",
            r#"{"stonekeep_latest":1,"backup_id":0,"meta_crc32c":1}"#,
        ] {
            assert_eq!(parse(bytes.as_bytes()), None, "{bytes}");
        }
    }
}
