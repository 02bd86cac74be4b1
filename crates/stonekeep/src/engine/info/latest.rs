//! Which backup `latest` and `latest-valid` name.

use stonekeep_format::BackupId;

use crate::engine::BackupEngineReadOnly;
use crate::repo::catalog::{self, MetaState, SizedMeta};
use crate::repo::index::RepositoryIndex;
use crate::repo::verified::{DamageKind, known_damage};
use crate::repo::{latest_hint, layout};
use crate::store::Store;
use crate::{Error, ErrorKind, Finding, Result, Warning, WarningName};

/// A backup by its number or by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhichBackup {
    /// This one.
    Id(BackupId),
    /// The newest: the one with the largest id, damaged or not.
    Latest,
    /// The newest whose files exist with the right sizes, are not known to be damaged inside, and pass their checksums while the backup
    /// is restored.
    LatestValid,
}

impl WhichBackup {
    /// Adds to the failure of one backup that another one may do: the newest may be damaged although older ones are not.
    pub(crate) fn advise(self, error: Error) -> Error {
        if self == WhichBackup::Latest && error.is_about_a_backup() && error.hint().is_none() {
            return error.with_hint("latest-valid takes the newest backup that is not damaged");
        }
        error
    }
}

/// A backup that was newer than the one that was taken, and why it was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
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
    /// What the choice may have missed.
    pub(crate) warnings: Vec<Warning>,
}

impl BackupEngineReadOnly {
    /// The id of the backup that is meant. Content is not read, so [`WhichBackup::LatestValid`] gives the newest with the
    /// right sizes. Whether a backup named by its number exists is not checked.
    ///
    /// # Errors
    /// `NotFound` if there is no backup, `Corrupt` if all are damaged, I/O errors of the store.
    pub fn resolve(&self, which: WhichBackup) -> Result<BackupId> {
        self.resolve_with_warnings(which).map(|(id, _)| id)
    }

    /// The same, with what the choice may have missed: where the store cannot be listed, a newer backup than the latest that
    /// was found may exist.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub fn resolve_with_warnings(&self, which: WhichBackup) -> Result<(BackupId, Vec<Warning>)> {
        let candidates = self.candidates(which)?;
        match candidates.ids.first() {
            Some(first) => Ok((*first, candidates.warnings)),
            None => Err(self.none_to_take(&candidates.passed_over)),
        }
    }

    /// The backups to try for this choice, in order, with those that need not be tried and why. One by its number, and the
    /// newest, is not examined here: the verb that reads it reports what is wrong. With `max_valid_backups_to_open`, no more than that
    /// many of the newest valid ones count.
    ///
    /// # Errors
    /// `NotFound` if there is no backup to try, I/O errors of the store.
    pub(crate) fn candidates(&self, which: WhichBackup) -> Result<Candidates> {
        self.candidates_in(which, &RepositoryIndex::new(self.store()))
    }

    /// The same, with what is listed for it.
    ///
    /// # Errors
    /// As [`Self::candidates`].
    pub(crate) fn candidates_in(
        &self,
        which: WhichBackup,
        index: &RepositoryIndex<'_>,
    ) -> Result<Candidates> {
        let mut candidates = Candidates::default();
        let wanted = match which {
            WhichBackup::Id(id) => {
                candidates.ids.push(id);
                return Ok(candidates);
            }
            WhichBackup::Latest if !self.store().traits().lists => {
                candidates.ids.push(latest_hint::find(self.store())?);
                candidates.warnings.push(newer_may_exist(self.store()));
                return Ok(candidates);
            }
            WhichBackup::Latest => {
                candidates.ids.extend(self.backup_ids()?.pop());
                return if candidates.ids.is_empty() {
                    Err(self.no_backup())
                } else {
                    Ok(candidates)
                };
            }
            WhichBackup::LatestValid => self.options().max_valid_backups_to_open.unwrap_or(usize::MAX),
        };
        let store = self.store();
        let damaged = known_damage(store, self.time());
        for id in self.backup_ids()?.into_iter().rev() {
            if candidates.ids.len() >= wanted {
                break;
            }
            index.begin_listing();
            let findings = match read_for_sizes(store, id) {
                Ok(Ok(read)) => {
                    let mut findings = index.findings(&read.loaded, read.facts.as_ref())?;
                    if findings.is_empty() {
                        // Damaged bytes are found while they are read.
                        let known = damaged.damaged_files(&read.loaded, &[]).into_iter();
                        let inside = known.filter(|damage| damage.kind == DamageKind::Inside);
                        findings.extend(inside.map(|damage| damage.finding));
                    }
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

    /// The error for a repository without any backup, which may hold what an unfinished first one has left.
    pub(crate) fn no_backup(&self) -> Error {
        let (store, location) = (self.store(), self.store().location());
        let private = store.list(Some(&layout::private_directory())).unwrap_or_default();
        let is_begun = !private.is_empty() || store.leftovers().is_ok_and(|runs| !runs.is_empty());
        let message = if is_begun {
            format!("there is no backup in {location}: the first one has not been completed")
        } else {
            format!("there is no backup in {location}")
        };
        Error::not_found(message)
    }

    fn none_to_take(&self, passed_over: &[PassedOver]) -> Error {
        let location = self.store().location();
        match passed_over.first() {
            None => self.no_backup(),
            Some(newest) => Error::new(
                ErrorKind::Corrupt,
                match passed_over.len() {
                    1 => format!("the only backup in {location} is damaged"),
                    count => format!("all {count} backups in {location} are damaged"),
                },
            )
            .with_hint("verify them to see what each one lacks")
            .with_findings(newest.findings.clone()),
        }
    }
}

/// A meta file with the facts that have sizes, or the reason why it cannot be read.
fn read_for_sizes(store: &Store, id: BackupId) -> Result<std::result::Result<SizedMeta, Error>> {
    match catalog::load(store, id)? {
        MetaState::Readable(loaded) => SizedMeta::read(store, loaded).map(Ok),
        MetaState::Unreadable(error) => Ok(Err(error)),
    }
}

fn newer_may_exist(store: &Store) -> Warning {
    let message = format!(
        "cannot be listed: a newer backup may exist than the newest of the {} ids from that in {} on",
        latest_hint::LOOK_AHEAD + 1,
        layout::latest_hint()
    );
    Warning::about(WarningName::NotListed, store.location(), message)
}
