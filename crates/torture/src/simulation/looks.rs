//! How commands look at a repository, and what they may expect of it.

use std::collections::BTreeSet;

use stonekeep::{BackupId, ErrorKind, InfoDetail, VerifyLevel, VerifyWhat};

use super::client::{Client, Run};
use super::known::Watched;

/// A backup that may be there, or seldom any id.
pub(super) fn some_id(client: &Client) -> u32 {
    let there = client.history.model(0).candidates();
    client.draw(|rng| match there.len() {
        0 => rng.u32(1..5),
        _ if rng.u8(0..12) == 0 => rng.u32(1..12),
        many => there[rng.usize(0..many)],
    })
}

pub(super) fn id(number: u32) -> stonekeep::Result<BackupId> {
    BackupId::new(number).ok_or_else(|| stonekeep::Error::invalid("no id"))
}

/// The backups as a command finds them.
pub(super) fn there(client: &Client, site: usize) -> Vec<Watched> {
    let model = client.history.model(site);
    model.watch(&model.ids())
}

/// `NotFound`, unless one of these must have been there all the time, but for so many changes of the command itself.
pub(super) fn may_be_missing(client: &Client, site: usize, there: &[Watched], own: u32) -> Vec<ErrorKind> {
    if client.history.model(site).was_any_certain(there, own) {
        Vec::new()
    } else {
        vec![ErrorKind::NotFound]
    }
}

/// What two looks at the ids of a repository say together.
pub(super) fn list_of(run: &Run) -> stonekeep::Result<BTreeSet<u32>> {
    let all = run.reader(0)?.get_all_backup_info(InfoDetail::Sizes)?;
    Ok(all.backups.iter().map(|backup| backup.id.get()).collect())
}

/// Everything, with checksums.
pub(super) fn verified(run: &Run, site: usize) -> stonekeep::Result<stonekeep::VerifyReport> {
    run.reader(site)?
        .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, run)
}
