//! Which backup is meant by "latest".

use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::MetaReader;

use crate::engine::BackupEngineReadOnly;
use crate::repo::catalog::{self, MetaState, SizedMeta};
use crate::repo::presence::Presence;
use crate::store::Store;
use crate::{Error, ErrorKind, Finding, Result};

/// A backup by its number or by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WhichBackup {
    /// This one.
    Id(BackupId),
    /// The newest whose meta file can be read and whose files are there with the right sizes.
    Latest,
    /// The newest that also passes its checksums while it is restored.
    LatestValid,
}

/// A backup that was newer than the one that was taken, and why it was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// The backup.
    pub id: BackupId,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
}

/// The backups to try.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    /// In this order.
    pub(crate) ids: Vec<BackupId>,
    /// Those that need not be tried.
    pub(crate) passed_over: Vec<PassedOver>,
    /// What was read of the first one for the choice.
    pub(crate) first: Option<SizedMeta>,
}

impl BackupEngineReadOnly {
    /// The id of the backup that is meant. Content is not read, so that [`WhichBackup::LatestValid`] gives the first to
    /// try, which is [`WhichBackup::Latest`]. That a backup named by its number exists is not looked at.
    ///
    /// # Errors
    /// `NotFound` if there is no backup, `Corrupt` if none is whole, I/O errors of the store.
    pub fn resolve(&self, which: WhichBackup) -> Result<BackupId> {
        let candidates = self.candidates(which)?;
        let first = candidates.ids.first().copied();
        first.ok_or_else(|| self.none_to_take(&candidates.passed_over))
    }

    /// The backups to try for this choice, in order, with those that need not be tried and why. One by its number is not
    /// looked at here: the verb that reads it says what is wrong. With `max_valid_backups_to_open`, no more than that
    /// many of the newest valid ones count.
    ///
    /// # Errors
    /// `NotFound` if there is no backup to try, I/O errors of the store.
    pub(crate) fn candidates(&self, which: WhichBackup) -> Result<Candidates> {
        self.candidates_in(which, &mut Presence::new(self.store().as_ref()))
    }

    /// The same, with what is listed for it.
    ///
    /// # Errors
    /// As [`Self::candidates`].
    pub(crate) fn candidates_in(
        &self,
        which: WhichBackup,
        presence: &mut Presence<'_>,
    ) -> Result<Candidates> {
        let mut candidates = Candidates::default();
        let wanted = match which {
            WhichBackup::Id(id) => {
                candidates.ids.push(id);
                return Ok(candidates);
            }
            WhichBackup::Latest => 1,
            WhichBackup::LatestValid => usize::MAX,
        };
        let wanted = wanted.min(self.options().max_valid_backups_to_open.unwrap_or(usize::MAX));
        let store = self.store().as_ref();
        let mut reader = None;
        for id in self.backup_ids()?.into_iter().rev() {
            if candidates.ids.len() >= wanted {
                break;
            }
            let read = presence.while_listing(|| read_for_sizes(&mut reader, store, id));
            let findings = match read {
                Ok(Ok(read)) => {
                    let findings = presence.check(&read.loaded, read.facts.as_ref())?;
                    if findings.is_empty() {
                        candidates.ids.push(id);
                        candidates.first.get_or_insert(read);
                        continue;
                    }
                    findings
                }
                Ok(Err(unreadable)) => unreadable.findings().to_vec(),
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            candidates.passed_over.push(PassedOver { id, findings });
        }
        if candidates.ids.is_empty() {
            return Err(self.none_to_take(&candidates.passed_over));
        }
        // Backups between two candidates were passed over only if the newer candidate is, too.
        Ok(candidates)
    }

    fn none_to_take(&self, passed_over: &[PassedOver]) -> Error {
        let location = self.store().location();
        match passed_over.first() {
            None => Error::not_found(format!("there is no backup in {location}")),
            Some(newest) => Error::new(
                ErrorKind::Corrupt,
                format!("none of the {} backups in {location} is whole", passed_over.len()),
            )
            .with_hint("verify them, to see what each one lacks")
            .with_findings(newest.findings.clone()),
        }
    }
}

/// A meta file with what belongs to it, or the reason why it cannot be read. The first one is mostly the only one: what
/// makes reading more of them quicker is begun with the second.
fn read_for_sizes(
    reader: &mut Option<MetaReader>,
    store: &dyn Store,
    id: BackupId,
) -> Result<std::result::Result<SizedMeta, Error>> {
    let state = match reader {
        Some(reader) => catalog::load_with(reader, store, id)?,
        None => catalog::load(store, id)?,
    };
    reader.get_or_insert_default();
    match state {
        MetaState::Readable(loaded) => SizedMeta::read(store, loaded).map(Ok),
        MetaState::Unreadable(_, error) => Ok(Err(error)),
    }
}
