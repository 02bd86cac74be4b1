//! Which backups a purge deletes.

use stonekeep_format::BackupId;

use crate::repo::catalog::{self, MetaState};
use crate::repo::presence::Presence;
use crate::store::Store;
use crate::{Error, ErrorKind, Observer, Result};

/// All valid backups but so many of the newest, oldest first.
///
/// # Errors
/// `Stopped`, I/O errors of the store.
pub(super) fn all_but_newest(
    store: &dyn Store,
    keep: usize,
    observer: &dyn Observer,
) -> Result<Vec<BackupId>> {
    let (mut presence, mut valid) = (Presence::new(store), Vec::new());
    for id in catalog::list(store)?.ids {
        if observer.should_stop() {
            return Err(Error::stopped());
        }
        let loaded = match catalog::load(store, id) {
            Ok(MetaState::Readable(loaded)) => loaded,
            Ok(MetaState::Unreadable(..)) => continue,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let findings = presence.check(&loaded, loaded.facts(store)?.as_ref())?;
        if findings.is_empty() {
            valid.push(id);
        }
    }
    valid.truncate(valid.len().saturating_sub(keep));
    Ok(valid)
}
