//! Decides about each thing in the inventory, without changing anything.

use std::time::{Duration, SystemTime};

use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::PathId;
use stonekeep_format::backup_name::RepoPath;

use super::inventory::{IncludedDirectory, Inventory, PrivateDirectory};
use super::kept::Kept;
use super::modified;
use super::plan::{Garbage, GarbageKind, GarbagePlan, Policy, RetainingBackup, Total};
use crate::repo::{catalog, layout};
use crate::store::{Entry, EntryKind, Key};
use crate::{Result, Warning, WarningName};

/// How long private files stay of which only the claim of their id says that they are ours.
const CLAIMED_STAYS: Duration = Duration::from_secs(3600);

/// What to remove of all that is in the inventory.
///
/// # Errors
/// I/O errors of the store while it is asked for the age of files of unknown origin.
pub fn plan(inventory: &mut Inventory<'_>, policy: &Policy) -> Result<GarbagePlan> {
    let mut unlistable = std::mem::take(&mut inventory.unlistable);
    let mut planner = Planner {
        inventory,
        policy,
        plan: GarbagePlan::default(),
        kept: Kept::default(),
        unknown: Vec::new(),
        is_held_without_record: false,
    };
    planner.shared()?;
    for directory in &inventory.private {
        planner.private(directory);
    }
    for directory in &inventory.included {
        planner.included(directory);
    }
    planner.judge_unknown();
    planner.kept();
    planner.ours();
    planner.claims();
    planner.report();
    unlistable.retain(|(id, _)| inventory.origins.private(*id).is_some() && !planner.is_pinned(*id));
    let mut plan = planner.plan;
    plan.unlistable = unlistable;
    Ok(plan)
}

struct Planner<'a> {
    inventory: &'a Inventory<'a>,
    policy: &'a Policy,
    plan: GarbagePlan,
    kept: Kept,
    unknown: Vec<Unknown>,
    is_held_without_record: bool,
}

/// Something whose origin no record has.
struct Unknown {
    files: Vec<Garbage>,
    directory: Option<BackupId>,
    age: Duration,
}

/// What becomes of a shared file that no backup names.
enum Verdict {
    Pinned,
    Retained,
    Unfinished,
    Delete(GarbageKind),
}

impl Planner<'_> {
    fn shared(&mut self) -> Result<()> {
        let (inventory, mut unknown) = (self.inventory, Vec::new());
        let paths = inventory.stored.paths();
        for id in paths.ids().filter(|id| !inventory.metas.named.contains(*id)) {
            let (Some(entry), Ok(path)) = (inventory.stored.entry(id), std::str::from_utf8(paths.path(id)))
            else {
                continue;
            };
            if entry.kind == EntryKind::Directory {
                self.plan.unknown_files.push(path.to_owned());
                continue;
            }
            let file = Garbage {
                key: Key::trusted(path),
                size_bytes: entry.size_bytes.unwrap_or_default(),
                kind: GarbageKind::UnknownOrigin,
            };
            unknown.extend(self.decide(Some(id), file));
        }
        let ages = self.ages(&unknown)?;
        for (file, age) in unknown.into_iter().zip(ages) {
            self.add_unknown(file, age);
        }
        for (directory, entry) in inventory.stored.foreign() {
            if !is_file_of_a_repository(directory, entry) {
                self.plan
                    .unknown_files
                    .push(format!("{directory}/{}", entry.name));
            } else if let Some(file) =
                self.decide(None, garbage(directory, entry, GarbageKind::UnknownOrigin))
            {
                self.add_unknown(file, self.age([entry.modified]));
            }
        }
        Ok(())
    }

    /// Carries out the verdict about a file; gives it back if its age matters.
    fn decide(&mut self, path: Option<PathId>, file: Garbage) -> Option<Garbage> {
        match self.verdict(path) {
            Verdict::Pinned => self.kept.add_shared(path, file.size_bytes),
            Verdict::Retained => self.plan.retained.add(file.size_bytes),
            Verdict::Unfinished => self.plan.unfinished.add(file.size_bytes),
            Verdict::Delete(GarbageKind::UnknownOrigin) => return Some(file),
            Verdict::Delete(kind) => self.plan.shared.push(Garbage { kind, ..file }),
        }
        None
    }

    /// Of a name that no meta file can have there is no path.
    fn verdict(&self, path: Option<PathId>) -> Verdict {
        let inventory = self.inventory;
        let is_pinned = |path: PathId| inventory.kept().any(|(_, named)| named.contains(path));
        if !inventory.unreadable_pins.is_empty() || path.is_some_and(is_pinned) {
            return Verdict::Pinned;
        }
        if !inventory.metas.unreadable.is_empty() {
            return Verdict::Retained;
        }
        let is_unfinished = path.is_some_and(|path| inventory.origins.is_unfinished(path));
        match (
            is_unfinished,
            path.and_then(|path| inventory.origins.shared(path)),
        ) {
            (true, _) if self.policy.keep_unfinished => Verdict::Unfinished,
            (_, Some(kind)) => Verdict::Delete(kind),
            (true, None) => Verdict::Delete(GarbageKind::LeftOver),
            (false, None) => Verdict::Delete(GarbageKind::UnknownOrigin),
        }
    }

    fn add_unknown(&mut self, file: Garbage, age: Duration) {
        self.unknown.push(Unknown {
            files: vec![file],
            directory: None,
            age,
        });
    }

    /// How old files of unknown origin are now, by listings of their own: such files are rare, and the index has no times.
    fn ages(&self, files: &[Garbage]) -> Result<Vec<Duration>> {
        let modified = modified::of(self.inventory.store, files.iter().map(|file| &file.key))?;
        let age = |file: &Garbage| self.age([modified.get(&file.key).copied()]);
        Ok(files.iter().map(age).collect())
    }

    fn private(&mut self, directory: &PrivateDirectory) {
        let Some(id) = directory.id else {
            self.unknown_in_private(&directory.entry);
            return;
        };
        // Committed since it was listed.
        if self.inventory.metas.ids.contains(&id) {
            return;
        }
        let entries = std::iter::once(&directory.entry).chain(&directory.files);
        let age = self.age(entries.map(|entry| entry.modified));
        let by_claim = || {
            let is_old = age >= self.policy.min_age.min(CLAIMED_STAYS);
            (is_old && self.inventory.is_claimed_first(id)).then_some(GarbageKind::LeftOver)
        };
        let claimed = self.inventory.origins.private(id).or_else(by_claim);
        let kind = claimed.unwrap_or(GarbageKind::UnknownOrigin);
        let (key, mut files) = (layout::private(id), Vec::new());
        for entry in &directory.files {
            if is_file_of_a_repository(&key, entry) {
                files.push(garbage(&key, entry, kind));
            } else {
                self.plan.unknown_files.push(format!("{key}/{}", entry.name));
            }
        }
        if self.is_pinned(id) {
            self.kept
                .add_private(id, files.iter().map(|file| file.size_bytes));
        } else if claimed.is_some() {
            self.plan.private.extend(files);
            self.plan.private_directories.push(id);
        } else {
            let directory = Some(id);
            self.unknown.push(Unknown {
                files,
                directory,
                age,
            });
        }
    }

    /// Nobody but us puts anything there, so that its origin is known.
    fn included(&mut self, included: &IncludedDirectory) {
        // Its meta file could not be deleted, or appeared meanwhile.
        if included.of_deleted && self.inventory.metas.ids.contains(&included.id) {
            return;
        }
        if self.is_pinned(included.id) {
            let sizes = included.files.iter().map(|(_, size_bytes)| *size_bytes);
            self.kept.add_private(included.id, sizes);
            return;
        }
        let kind = self
            .inventory
            .origins
            .private(included.id)
            .unwrap_or(GarbageKind::LeftOver);
        self.plan.included.extend(included.garbage(kind));
        self.plan
            .included_directories
            .extend(included.directories.iter().cloned());
    }

    fn unknown_in_private(&mut self, entry: &Entry) {
        let path = format!("{}/{}", layout::private_directory(), entry.name);
        self.plan.warnings.extend(catalog::warn_of_private(&entry.name));
        self.plan.unknown_files.push(path);
    }

    fn is_pinned(&self, id: BackupId) -> bool {
        !self.inventory.unreadable_pins.is_empty() || self.inventory.kept().any(|(kept, _)| kept == id)
    }

    /// How long nothing of this has been changed. A time to come counts as now, and so does it if no time is known.
    fn age(&self, modified: impl IntoIterator<Item = Option<SystemTime>>) -> Duration {
        let last = modified.into_iter().flatten().max();
        let age = last.and_then(|last| self.policy.now.duration_since(last).ok());
        age.unwrap_or_default()
    }

    /// A foreign engine begins a backup with its private directory, and commits it at the very end. So where there is
    /// such a directory and anything is young, what is old may belong to the same backup, too: it takes hours.
    fn judge_unknown(&mut self) {
        let is_young = |unknown: &Unknown| unknown.age < self.policy.min_age;
        let under_way = self.unknown.iter().any(|unknown| unknown.directory.is_some())
            && self.unknown.iter().any(is_young);
        for unknown in std::mem::take(&mut self.unknown) {
            if under_way || unknown.age < self.policy.min_age {
                self.plan.too_young += 1;
                continue;
            }
            match unknown.directory {
                Some(id) => {
                    self.plan.private.extend(unknown.files);
                    self.plan.private_directories.push(id);
                }
                None => self.plan.shared.extend(unknown.files),
            }
        }
    }

    /// Facts, staging areas and records.
    fn ours(&mut self) {
        let inventory = self.inventory;
        for facts in &inventory.facts {
            if !self.is_pinned(facts.id) && !inventory.metas.ids.contains(&facts.id) {
                self.plan.facts.push(Garbage {
                    key: layout::facts(facts.id),
                    size_bytes: facts.size_bytes,
                    kind: inventory
                        .origins
                        .private(facts.id)
                        .unwrap_or(GarbageKind::LeftOver),
                });
            }
        }
        for area in &inventory.areas {
            if area.resumable && self.policy.keep_unfinished {
                self.plan.unfinished += area.total;
            } else {
                self.plan.areas.push(area.clone());
            }
        }
        if self.plan.retained == Total::default() && !self.is_held_without_record {
            let records = inventory.records.iter();
            let done = records.filter(|record| !self.is_pinned(record.id));
            self.plan.records = done.map(|record| record.key.clone()).collect();
        }
    }

    /// An id whose traces go stays claimed, unless that of a larger one is there.
    fn claims(&mut self) {
        let inventory = self.inventory;
        let claimed = inventory.claimed.last();
        let private = inventory.private.iter().filter_map(|directory| directory.id);
        let ours = private.filter(|id| inventory.origins.private(*id).is_some());
        let facts = inventory.facts.iter().map(|facts| facts.id);
        let records = inventory.records.iter().map(|record| record.id);
        let largest = records.chain(facts).chain(ours).max();
        let later = claimed.max(inventory.metas.ids.last());
        self.plan.claim = largest.filter(|largest| later.is_none_or(|later| later < largest));
        let stays = self.plan.claim.as_ref().or(claimed);
        let smaller = inventory.claimed.iter().filter(|id| Some(*id) != stays);
        self.plan.claims = smaller.map(|id| layout::id_claim(*id)).collect();
    }

    /// Which pins and deadlines keep files.
    fn kept(&mut self) {
        let inventory = self.inventory;
        self.plan.kept_for_undelete = self.kept.for_undelete(inventory);
        (self.plan.held_by_pins, self.is_held_without_record) = self.kept.by_pins(inventory);
    }

    fn report(&mut self) {
        let unreadable = self.inventory.metas.unreadable.iter();
        self.plan.retaining_backups = unreadable
            .map(|(id, reason)| RetainingBackup {
                id: *id,
                reason: reason.clone(),
            })
            .collect();
        for pin in &self.inventory.unreadable_pins {
            let message = "somebody reads a backup, and which one cannot be read here: no file of any backup is removed";
            self.plan
                .warnings
                .push(Warning::about(WarningName::UnreadablePin, pin.as_str(), message));
        }
        let unknown = self.inventory.metas.unknown.iter();
        self.plan
            .unknown_files
            .extend(unknown.chain(&self.inventory.unknown).cloned());
        self.plan.unknown_files.sort();
    }
}

fn garbage(directory: &Key, entry: &Entry, kind: GarbageKind) -> Garbage {
    Garbage {
        key: Key::trusted(format!("{directory}/{}", entry.name)),
        size_bytes: entry.size_bytes,
        kind,
    }
}

/// Whether RocksDB or we may have put it there: a legal name, or that of a shared file which RocksDB was copying
/// (`GetSharedFileRel` and `GetSharedFileWithChecksumRel` in `utilities/backup/backup_engine.cc`).
fn is_file_of_a_repository(directory: &Key, entry: &Entry) -> bool {
    let unfinished = entry
        .name
        .strip_prefix('.')
        .and_then(|name| name.strip_suffix(".tmp"));
    let name = unfinished.unwrap_or(&entry.name);
    entry.kind != EntryKind::Directory && RepoPath::parse(&format!("{directory}/{name}")).is_some()
}
