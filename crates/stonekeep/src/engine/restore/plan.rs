//! What a restore is going to do, as plain data: nothing has been changed yet.

use std::collections::BTreeSet;

use stonekeep_format::file_name::DbFileName;

use super::included::Included;
use super::keep::Kept;
use super::listing::{TargetListing, TargetListings, goes_without_saying};
use super::moves::{Move, MovedFile};
use super::old_database::Sequences;
use super::record::{self, RecordHead, RestoreRecord};
use super::report::{RestoreAction, RestoredFile};
use super::write::Write;
use crate::engine::contents::{AdjustedOptions, BackupContents, BackupFile};
use crate::store::EntryKind;
use crate::target::{ARCHIVE, Area, CURRENT, TargetDirectories, TargetDirectory};
use crate::{Error, Result, Warning, WarningName};

/// The plan of a restore.
#[derive(Debug)]
pub(super) struct Plan {
    /// What step R2 writes down.
    pub(super) record: RestoreRecord,
    pub(super) writes: Vec<Write>,
    pub(super) warnings: Vec<Warning>,
}

/// What a plan is made of, besides the backup.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlanInputs<'a> {
    pub(super) targets: &'a TargetDirectories,
    pub(super) listings: &'a TargetListings,
    /// Tables and blobs at the target that stay.
    pub(super) kept: &'a Kept,
    pub(super) keep_log_files: bool,
    /// Whether an earlier restore has removed the old state: its CURRENT is ours.
    pub(super) freed: bool,
    /// Where the repository is.
    pub(super) repository: &'a str,
    pub(super) sequences: Sequences,
}

impl Plan {
    /// Decides on every file of the backup, and on every file at the target.
    ///
    /// # Errors
    /// `InvalidArgument` with all files that the backup was made without and that are nowhere else; `Refused` if
    /// something that is no file has a name that is needed.
    pub(super) fn make(
        mut backup: BackupContents,
        inputs: PlanInputs<'_>,
        adjusted: AdjustedOptions,
    ) -> Result<Self> {
        let mut plan = Plan {
            record: RestoreRecord {
                head: RecordHead {
                    stonekeep_restore: 0,
                    repository: inputs.repository.to_owned(),
                    backup_id: backup.id,
                    meta_crc32c: backup.meta_crc32c.0,
                    database_id: backup.database_id.clone(),
                    wal_dir: record::wal_dir(inputs.targets),
                    had_current: !inputs.freed && inputs.listings.db.entries.contains_key(CURRENT),
                    current: std::mem::take(&mut backup.current),
                    wal_files_kept: Vec::new(),
                    unverifiable: Vec::new(),
                    left_alone: Vec::new(),
                    rewritten_options: adjusted.rewritten,
                    sequences: inputs.sequences,
                    keep_old: None,
                    keep_old_made: false,
                    salvage: None,
                    point: None,
                },
                moves: Vec::new(),
                // With one more, for IDENTITY.
                files: Vec::with_capacity(backup.files.len() + 1),
                directories: Vec::new(),
            },
            writes: Vec::new(),
            warnings: adjusted.warnings,
        };
        plan.add_identity(&backup)?;
        let staying_wals = plan.decide_on_old_files(inputs);
        backup.require_complete(|file| {
            let name = file.name.to_string();
            !inputs.kept.contains(&name) && !staying_wals.contains(&name)
        })?;
        plan.decide_on_new_files(backup.files, inputs, &staying_wals)?;
        plan.require_free_places(inputs)?;
        Ok(plan)
    }

    /// Adds files of the application.
    pub(super) fn add_included(&mut self, included: Included) {
        let record = &mut self.record;
        record.moves.extend(included.moves());
        for write in &included.writes {
            let name = write.to.name.clone();
            record.head.left_alone.retain(|other| *other != name);
            record.files.push(RestoredFile {
                name,
                size_bytes: write.content.size_bytes,
                action: RestoreAction::Write,
            });
        }
        self.writes.extend(included.writes);
        record.directories = included.directories.into_iter().collect();
    }

    /// Bytes to be written.
    pub(super) fn bytes(&self) -> u64 {
        self.writes.iter().map(|write| write.content.size_bytes).sum()
    }

    /// After the old files were removed to make room.
    pub(super) fn forget_old_files(&mut self) {
        self.record.moves.retain(|step| !matches!(step, Move::Away(_)));
        self.record.head.had_current = false;
    }

    fn add_identity(&mut self, backup: &BackupContents) -> Result<()> {
        if let Some(identity) = backup.identity() {
            self.write(Area::Db, "IDENTITY".into(), &identity)?;
        } else if backup.database_id.is_none() {
            let message = "the backup does not have the database's id, as those that RocksDB made of older databases: \
                           the restored database gets a new one when it is opened";
            self.warnings
                .push(Warning::general(WarningName::DatabaseId, message));
        }
        Ok(())
    }

    fn write(&mut self, area: Area, name: String, file: &BackupFile) -> Result<()> {
        let to = MovedFile::new(area, &name);
        if file.name != DbFileName::Current {
            self.record.moves.push(Move::In(to.clone()));
        }
        if file.crc32c.is_none() {
            self.record.head.unverifiable.push(file.path_text());
        }
        self.record.files.push(RestoredFile {
            name,
            size_bytes: file.size_bytes,
            action: RestoreAction::Write,
        });
        let content = file.content()?;
        self.writes.push(Write { to, content });
        Ok(())
    }

    fn decide_on_new_files(
        &mut self,
        files: Vec<BackupFile>,
        inputs: PlanInputs<'_>,
        staying_wals: &BTreeSet<String>,
    ) -> Result<()> {
        for file in files {
            let name = file.name.to_string();
            let is_wal = matches!(file.name, DbFileName::Wal(_));
            let area = if is_wal {
                inputs.targets.wal_area()
            } else {
                Area::Db
            };
            if inputs.kept.contains(&name) {
                self.record.files.push(RestoredFile {
                    name,
                    size_bytes: file.size_bytes,
                    action: RestoreAction::Keep,
                });
            } else if is_wal && staying_wals.contains(&name) {
                self.record.head.wal_files_kept.push(name);
            } else {
                self.write(area, name, &file)?;
            }
        }
        Ok(())
    }

    /// The names of the WALs that are beside the new ones in the end.
    fn decide_on_old_files(&mut self, inputs: PlanInputs<'_>) -> BTreeSet<String> {
        let mut staying_wals = BTreeSet::new();
        for here in inputs.listings.all() {
            let target = inputs.targets.of(here.area);
            let is_wal_area = here.area == inputs.targets.wal_area();
            for (name, parsed) in here.database_files() {
                let is_wal = matches!(parsed, DbFileName::Wal(_));
                let stays = match here.area {
                    _ if is_wal && inputs.keep_log_files => true,
                    Area::Db => inputs.kept.contains(name),
                    Area::Wal => !is_wal && !matches!(parsed, DbFileName::Trash(_)),
                };
                if !stays {
                    let place = MovedFile::new(here.area, name);
                    self.record.moves.push(Move::Away(place));
                } else if is_wal && is_wal_area {
                    staying_wals.insert(name.to_owned());
                }
            }
            self.decide_on_archive(here, is_wal_area, inputs.keep_log_files, &mut staying_wals);
            self.leave_alone(target, here, inputs.targets);
        }
        staying_wals
    }

    fn decide_on_archive(
        &mut self,
        here: &TargetListing,
        is_wal_area: bool,
        keep_log_files: bool,
        staying_wals: &mut BTreeSet<String>,
    ) {
        for name in &here.archived {
            let place = MovedFile::archived(here.area, name);
            if !keep_log_files {
                self.record.moves.push(Move::Away(place));
            } else if is_wal_area && here.entries.contains_key(name) {
                let message = "it stays in archive/, since there is a WAL of that name beside it";
                self.warnings
                    .push(Warning::about(WarningName::WalsKept, place.path(), message));
            } else if is_wal_area {
                staying_wals.insert(name.clone());
                self.record.moves.push(Move::Back(place));
            }
        }
    }

    fn leave_alone(&mut self, target: &TargetDirectory, here: &TargetListing, targets: &TargetDirectories) {
        let shown = |name: &str| match here.area {
            Area::Db => name.to_owned(),
            Area::Wal => target.path().join(name).display().to_string(),
        };
        for (name, found) in &here.entries {
            let holds_wals = || {
                let wals = targets.separate_wals();
                wals.is_some_and(|wals| wals.path().starts_with(target.path().join(name)))
            };
            if found.parsed.is_none() && !goes_without_saying(name, found) && !holds_wals() {
                self.record.head.left_alone.push(shown(name));
            }
        }
        let archived = here.archived_unknown.iter();
        let archived = archived.map(|name| shown(&format!("{ARCHIVE}/{name}")));
        self.record.head.left_alone.extend(archived);
    }

    /// Whatever has a name that is needed must be a file that goes.
    fn require_free_places(&self, inputs: PlanInputs<'_>) -> Result<()> {
        let going: BTreeSet<(Area, &str)> = self
            .record
            .old_files()
            .filter(|place| !place.archived)
            .map(|place| (place.area, place.name.as_str()))
            .collect();
        let coming = self.record.moves.iter().filter_map(|step| match step {
            Move::In(place) => Some((place.area, place.name.as_str())),
            _ => None,
        });
        // CURRENT does not go: it is replaced.
        for (area, name) in coming.chain([(Area::Db, CURRENT)]) {
            let here = inputs.listings.all().find(|here| here.area == area);
            let found = here.and_then(|here| here.entries.get(name));
            let in_the_way = found.is_some_and(|found| match name {
                CURRENT => found.kind != EntryKind::File,
                _ => !going.contains(&(area, name)),
            });
            if in_the_way {
                let path = inputs.targets.of(area).path().join(name);
                return Err(Error::refused(format!(
                    "{} is no regular file, and the restored one needs its place",
                    path.display()
                )));
            }
        }
        Ok(())
    }
}
