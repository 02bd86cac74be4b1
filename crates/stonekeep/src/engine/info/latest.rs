//! Which backup is meant by "latest".

use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::MetaReader;

use crate::engine::BackupEngineReadOnly;
use crate::repo::catalog::{self, MetaState};
use crate::repo::facts::BackupFacts;
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

impl BackupEngineReadOnly {
    /// The id of the backup that is meant. Content is not read, so that [`WhichBackup::LatestValid`] gives the first to
    /// try, which is [`WhichBackup::Latest`]. That a backup named by its number exists is not looked at.
    ///
    /// # Errors
    /// `NotFound` if there is no backup, `Corrupt` if none is whole, I/O errors of the store.
    pub fn resolve(&self, which: WhichBackup) -> Result<BackupId> {
        let (candidates, passed_over) = self.candidates(which)?;
        let first = candidates.first().copied();
        first.ok_or_else(|| self.none_to_take(&passed_over))
    }

    /// The backups to try for this choice, in order, with those that need not be tried and why. One by its number is not
    /// looked at here: the verb that reads it says what is wrong. With `max_valid_backups_to_open`, no more than that
    /// many of the newest valid ones count.
    ///
    /// # Errors
    /// `NotFound` if there is no backup to try, I/O errors of the store.
    pub(crate) fn candidates(&self, which: WhichBackup) -> Result<(Vec<BackupId>, Vec<PassedOver>)> {
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
    ) -> Result<(Vec<BackupId>, Vec<PassedOver>)> {
        let wanted = match which {
            WhichBackup::Id(id) => return Ok((vec![id], Vec::new())),
            WhichBackup::Latest => 1,
            WhichBackup::LatestValid => usize::MAX,
        };
        let wanted = wanted.min(self.options().max_valid_backups_to_open.unwrap_or(usize::MAX));
        let store = self.store().as_ref();
        let mut reader = MetaReader::default();
        let (mut candidates, mut passed_over) = (Vec::new(), Vec::new());
        for id in self.backup_ids()?.into_iter().rev() {
            if candidates.len() >= wanted {
                break;
            }
            let read = presence.while_listing(|| read_for_sizes(&mut reader, store, id));
            let findings = match read {
                Ok((MetaState::Readable(loaded), facts)) => presence.check(&loaded, facts.as_ref())?,
                Ok((MetaState::Unreadable(_, error), _)) => error.findings().to_vec(),
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            match findings.is_empty() {
                true => candidates.push(id),
                false => passed_over.push(PassedOver { id, findings }),
            }
        }
        if candidates.is_empty() {
            return Err(self.none_to_take(&passed_over));
        }
        // Backups between two candidates were passed over only if the newer candidate is, too.
        Ok((candidates, passed_over))
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

/// A meta file, and our facts where it needs them.
fn read_for_sizes(
    reader: &mut MetaReader,
    store: &dyn Store,
    id: BackupId,
) -> Result<(MetaState, Option<BackupFacts>)> {
    let state = catalog::load_with(reader, store, id)?;
    let facts = match &state {
        MetaState::Readable(loaded) => loaded.facts_for_sizes(store)?,
        MetaState::Unreadable(..) => None,
    };
    Ok((state, facts))
}
