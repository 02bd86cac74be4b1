//! What a restore is going to do, as plain data: nothing has been changed yet.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use stonekeep_format::SequenceNumber;
use stonekeep_format::file_name::DbFileName;

use super::included::Included;
use super::keep::Kept;
use super::listing::{TargetListing, TargetListings, goes_without_saying};
use super::moves::{Move, MovedFile};
use super::newer::Sequences;
use super::record::{self, RecordHead, RestoreRecord};
use super::report::{RestoreAction, RestoreReport, RestoredFile};
use super::write::{Write, WrittenFile};
use crate::engine::contents::{AdjustedOptions, BackupContents, BackupFile, RewrittenOptions};
use crate::store::EntryKind;
use crate::target::{ARCHIVE, Area, CURRENT, TargetDirectories, TargetDirectory};
use crate::{Error, Result, Warning, WarningName};

/// The plan of a restore.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) backup: BackupContents,
    pub(super) writes: Vec<Write>,
    pub(super) moves: Vec<Move>,
    /// Directories that files of the application need, and that are missing.
    directories: BTreeSet<String>,
    pub(super) files: Vec<RestoredFile>,
    pub(super) wal_files_kept: Vec<String>,
    pub(super) left_alone: Vec<String>,
    pub(super) had_current: bool,
    pub(super) rewritten_options: Vec<RewrittenOptions>,
    pub(super) sequences: Sequences,
    /// Where the old state's files go, and whether that directory was made for it.
    pub(super) keep_old: Option<PathBuf>,
    pub(super) keep_old_made: bool,
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
}

impl Plan {
    /// Decides on every file of the backup, and on every file that stands at the target.
    ///
    /// # Errors
    /// `InvalidArgument` with all files that the backup was made without and that are nowhere else; `Refused` if
    /// something that is no file stands in the way.
    pub(super) fn make(
        backup: BackupContents,
        inputs: PlanInputs<'_>,
        adjusted: AdjustedOptions,
    ) -> Result<Self> {
        // With one more, for IDENTITY.
        let most = backup.files.len() + 1;
        let mut plan = Plan {
            backup,
            writes: Vec::with_capacity(most.saturating_sub(inputs.kept.len())),
            directories: BTreeSet::new(),
            moves: Vec::with_capacity(most.saturating_sub(inputs.kept.len())),
            files: Vec::with_capacity(most),
            wal_files_kept: Vec::new(),
            left_alone: Vec::new(),
            had_current: false,
            rewritten_options: adjusted.rewritten,
            sequences: Sequences::default(),
            keep_old: None,
            keep_old_made: false,
            warnings: adjusted.warnings,
        };
        plan.add_identity();
        let staying_wals = plan.decide_on_old_files(inputs);
        plan.backup.require_complete(|file| {
            let name = file.name.to_string();
            !inputs.kept.contains(&name) && !staying_wals.contains(&name)
        })?;
        plan.decide_on_new_files(inputs, &staying_wals);
        plan.require_free_places(inputs)?;
        Ok(plan)
    }

    /// Adds files of the application.
    pub(super) fn add_included(&mut self, included: Included) {
        self.moves.extend(included.moves());
        for write in &included.writes {
            let name = write.to().name;
            self.left_alone.retain(|other| *other != name);
            self.files.push(RestoredFile {
                name,
                size_bytes: write.file.size_bytes(),
                action: RestoreAction::Write,
            });
        }
        self.writes.extend(included.writes);
        self.directories = included.directories;
    }

    /// Bytes to be written.
    pub(super) fn bytes(&self) -> u64 {
        self.writes.iter().map(|write| write.file.size_bytes()).sum()
    }

    /// The record of step R2.
    pub(super) fn into_record(self, targets: &TargetDirectories, repository: String) -> RestoreRecord {
        RestoreRecord {
            head: self.head(targets, repository),
            moves: self.moves,
            files: self.files,
            directories: self.directories.into_iter().collect(),
        }
    }

    /// What the record says of the restore as a whole.
    pub(super) fn head(&self, targets: &TargetDirectories, repository: String) -> RecordHead {
        RecordHead {
            stonekeep_restore: 0,
            repository,
            backup_id: self.backup.id,
            meta_crc32c: self.backup.meta_crc32c.0,
            database_id: self.backup.database_id.clone(),
            wal_dir: record::wal_dir(targets),
            had_current: self.had_current,
            current: self.backup.current.clone(),
            wal_files_kept: self.wal_files_kept.clone(),
            unverifiable: self.unverifiable(),
            left_alone: self.left_alone.clone(),
            rewritten_options: self.rewritten_options.clone(),
            sequences: self.sequences,
            keep_old: self.keep_old.as_deref().and_then(Path::to_str).map(str::to_owned),
            keep_old_made: self.keep_old_made,
        }
    }

    /// What is done, or would be, but for the list of files.
    pub(super) fn report(&self) -> RestoreReport {
        RestoreReport {
            files_moved_away: self.old_files().count() as u64 + u64::from(self.had_current),
            wal_files_kept: self.wal_files_kept.clone(),
            unverifiable: self.unverifiable(),
            left_alone: self.left_alone.clone(),
            rewritten_options: self.rewritten_options.clone(),
            target_sequence_number: self.sequences.target.map(SequenceNumber),
            backup_sequence_number: self.sequences.backup.map(SequenceNumber),
            kept_old: self.keep_old.clone(),
            warnings: self.warnings.clone(),
            ..RestoreReport::of(self.backup.id, &self.files)
        }
    }

    /// The old database's files that go.
    pub(super) fn old_files(&self) -> impl Iterator<Item = &MovedFile> {
        self.moves.iter().filter_map(|step| match step {
            Move::Away(place) => Some(place),
            _ => None,
        })
    }

    /// Whether anything of an old database goes.
    pub(super) fn replaces(&self) -> bool {
        self.had_current || self.old_files().next().is_some()
    }

    /// After they were removed to make room.
    pub(super) fn forget_old_files(&mut self) {
        self.moves.retain(|step| !matches!(step, Move::Away(_)));
        self.had_current = false;
    }

    fn unverifiable(&self) -> Vec<String> {
        let unknown = self.writes.iter().filter(|write| write.file.crc32c().is_none());
        unknown.map(|write| write.file.path_text()).collect()
    }

    fn add_identity(&mut self) {
        if let Some(identity) = self.backup.identity() {
            self.write(Area::Db, "IDENTITY".into(), identity);
        } else if self.backup.database_id.is_none() {
            let message = "the backup does not have the database's id, as those that RocksDB made of older databases: \
                           the restored database gets a new one when it is opened";
            self.warnings
                .push(Warning::general(WarningName::DatabaseId, message));
        }
    }

    fn write(&mut self, area: Area, name: String, file: BackupFile) {
        if file.name != DbFileName::Current {
            self.moves.push(Move::In(MovedFile::new(area, &name)));
        }
        self.files.push(RestoredFile {
            name,
            size_bytes: file.size_bytes,
            action: RestoreAction::Write,
        });
        self.writes.push(Write {
            area,
            file: WrittenFile::Database(file),
        });
    }

    fn decide_on_new_files(&mut self, inputs: PlanInputs<'_>, staying_wals: &BTreeSet<String>) {
        for file in std::mem::take(&mut self.backup.files) {
            let name = file.name.to_string();
            let is_wal = matches!(file.name, DbFileName::Wal(_));
            let area = if is_wal {
                inputs.targets.wal_area()
            } else {
                Area::Db
            };
            if inputs.kept.contains(&name) {
                self.files.push(RestoredFile {
                    name,
                    size_bytes: file.size_bytes,
                    action: RestoreAction::Keep,
                });
            } else if is_wal && staying_wals.contains(&name) {
                self.wal_files_kept.push(name);
            } else {
                self.write(area, name, file);
            }
        }
    }

    /// The names of the WALs that are beside the new ones in the end.
    fn decide_on_old_files(&mut self, inputs: PlanInputs<'_>) -> BTreeSet<String> {
        let mut staying_wals = BTreeSet::new();
        for here in inputs.listings.all() {
            let target = inputs.targets.of(here.area);
            let is_wal_area = here.area == inputs.targets.wal_area();
            if here.area == Area::Db {
                self.had_current = !inputs.freed && here.entries.contains_key(CURRENT);
            }
            for (name, parsed) in here.database_files() {
                let is_wal = matches!(parsed, DbFileName::Wal(_));
                let stays = match here.area {
                    _ if is_wal && inputs.keep_log_files => true,
                    Area::Db => inputs.kept.contains(name),
                    Area::Wal => !is_wal && !matches!(parsed, DbFileName::Trash(_)),
                };
                if !stays {
                    self.moves.push(Move::Away(MovedFile::new(here.area, name)));
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
                self.moves.push(Move::Away(place));
            } else if is_wal_area && here.entries.contains_key(name) {
                let message = "it stays in archive/, since a WAL of that name stands beside it";
                self.warnings
                    .push(Warning::about(WarningName::WalsKept, place.path(), message));
            } else if is_wal_area {
                staying_wals.insert(name.clone());
                self.moves.push(Move::Back(place));
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
                self.left_alone.push(shown(name));
            }
        }
        let archived = here.archived_unknown.iter();
        self.left_alone
            .extend(archived.map(|name| shown(&format!("{}/{name}", ARCHIVE))));
    }

    /// Whatever has a name that is needed must be a file that goes.
    fn require_free_places(&self, inputs: PlanInputs<'_>) -> Result<()> {
        let going: BTreeSet<(Area, &str)> = self
            .old_files()
            .filter(|place| !place.archived)
            .map(|place| (place.area, place.name.as_str()))
            .collect();
        let coming = self.moves.iter().filter_map(|step| match step {
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
