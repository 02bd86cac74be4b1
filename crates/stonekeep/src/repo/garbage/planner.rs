//! Deciding about each thing that was found, without touching anything.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use stonekeep_format::BackupId;
use stonekeep_format::backup_name::RepoPath;

use super::{
    Garbage, GarbageKind, GarbagePlan, HeldBack, HeldByPin, Policy, PrivateDirectory, Survey, TakenAlong,
    Total,
};
use crate::repo::{catalog, layout};
use crate::store::{Entry, EntryKind, Key};
use crate::{Warning, WarningName};

/// What to remove of all that was found.
pub fn plan(survey: &mut Survey, policy: &Policy) -> GarbagePlan {
    let mut unlistable = std::mem::take(&mut survey.unlistable);
    let mut planner = Planner {
        survey,
        policy,
        plan: GarbagePlan::default(),
        pinned: Vec::new(),
        pinned_private: BTreeMap::new(),
        unknown: Vec::new(),
        is_held_without_record: false,
    };
    for (directory, entries) in &survey.shared {
        for entry in entries {
            planner.shared(directory, entry);
        }
    }
    for directory in &survey.private {
        planner.private(directory);
    }
    for taken in &survey.taken_along {
        planner.taken_along(taken);
    }
    planner.judge_unknown();
    planner.held_by_pins();
    planner.ours();
    planner.claims();
    planner.tell();
    unlistable.retain(|(id, _)| survey.claims.private(*id).is_some() && !planner.is_pinned(*id));
    let mut plan = planner.plan;
    plan.unlistable = unlistable;
    plan
}

struct Planner<'a> {
    survey: &'a Survey,
    policy: &'a Policy,
    plan: GarbagePlan,
    /// Shared files that only pins keep.
    pinned: Vec<(String, u64)>,
    /// Private directories that only pins keep.
    pinned_private: BTreeMap<BackupId, Total>,
    unknown: Vec<Unknown>,
    is_held_without_record: bool,
}

/// Something whose origin no record tells.
struct Unknown {
    files: Vec<Garbage>,
    directory: Option<BackupId>,
    age: Duration,
}

/// What becomes of a shared file that no backup names.
enum Fate {
    Pinned,
    HeldBack,
    Unfinished,
    Garbage(GarbageKind),
}

impl Planner<'_> {
    fn shared(&mut self, directory: &Key, entry: &Entry) {
        let path = format!("{directory}/{}", entry.name);
        if self.survey.metas.references.contains(&path) {
            return;
        }
        let size_bytes = entry.size_bytes;
        match self.fate(&path) {
            _ if !is_file_of_a_repository(directory, entry) => self.plan.strangers.push(path),
            Fate::Pinned => self.pinned.push((path, size_bytes)),
            Fate::HeldBack => self.plan.held_back_total.add(size_bytes),
            Fate::Unfinished => self.plan.unfinished.add(size_bytes),
            Fate::Garbage(GarbageKind::UnknownOrigin) => {
                self.unknown.push(Unknown {
                    files: vec![garbage(directory, entry, GarbageKind::UnknownOrigin)],
                    directory: None,
                    age: self.age([entry.modified]),
                });
            }
            Fate::Garbage(kind) => self.plan.shared.push(garbage(directory, entry, kind)),
        }
    }

    fn fate(&self, path: &str) -> Fate {
        let survey = self.survey;
        let is_pinned = || survey.pins.iter().any(|pin| pin.references.contains(path));
        if !survey.unreadable_pins.is_empty() || is_pinned() {
            return Fate::Pinned;
        }
        if !survey.metas.unreadable.is_empty() {
            return Fate::HeldBack;
        }
        match (survey.claims.is_unfinished(path), survey.claims.shared(path)) {
            (true, _) if self.policy.keep_unfinished => Fate::Unfinished,
            (_, Some(kind)) => Fate::Garbage(kind),
            (true, None) => Fate::Garbage(GarbageKind::LeftOver),
            (false, None) => Fate::Garbage(GarbageKind::UnknownOrigin),
        }
    }

    fn private(&mut self, directory: &PrivateDirectory) {
        let Some(id) = directory.id else {
            self.private_stranger(&directory.entry);
            return;
        };
        // Committed since it was listed.
        if self.survey.metas.ids.contains(&id) {
            return;
        }
        let claimed = self.survey.claims.private(id);
        let kind = claimed.unwrap_or(GarbageKind::UnknownOrigin);
        let (key, mut files) = (layout::private(id), Vec::new());
        for entry in &directory.files {
            if is_file_of_a_repository(&key, entry) {
                files.push(garbage(&key, entry, kind));
            } else {
                self.plan.strangers.push(format!("{key}/{}", entry.name));
            }
        }
        if self.is_pinned(id) {
            let total = self.pinned_private.entry(id).or_default();
            files.iter().for_each(|file| total.add(file.size_bytes));
        } else if claimed.is_some() {
            self.plan.private.extend(files);
            self.plan.private_directories.push(id);
        } else {
            let entries = std::iter::once(&directory.entry).chain(&directory.files);
            let age = self.age(entries.map(|entry| entry.modified));
            let directory = Some(id);
            self.unknown.push(Unknown {
                files,
                directory,
                age,
            });
        }
    }

    /// Nobody but us puts anything there, so that its origin is known.
    fn taken_along(&mut self, taken: &TakenAlong) {
        if self.is_pinned(taken.id) {
            let total = self.pinned_private.entry(taken.id).or_default();
            taken
                .files
                .iter()
                .for_each(|(_, size_bytes)| total.add(*size_bytes));
            return;
        }
        let kind = self
            .survey
            .claims
            .private(taken.id)
            .unwrap_or(GarbageKind::LeftOver);
        self.plan.taken_along.extend(taken.garbage(kind));
        self.plan
            .taken_along_directories
            .extend(taken.directories.iter().cloned());
    }

    fn private_stranger(&mut self, entry: &Entry) {
        let path = format!("{}/{}", layout::private_directory(), entry.name);
        self.plan.warnings.extend(catalog::warn_of_private(&entry.name));
        self.plan.strangers.push(path);
    }

    fn is_pinned(&self, id: BackupId) -> bool {
        !self.survey.unreadable_pins.is_empty() || self.survey.pins.iter().any(|pin| pin.id == id)
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
        let survey = self.survey;
        for facts in &survey.facts {
            if !self.is_pinned(facts.id) && !survey.metas.ids.contains(&facts.id) {
                self.plan.facts.push(Garbage {
                    key: layout::facts(facts.id),
                    size_bytes: facts.size_bytes,
                    kind: survey.claims.private(facts.id).unwrap_or(GarbageKind::LeftOver),
                });
            }
        }
        for area in &survey.areas {
            if area.resumable && self.policy.keep_unfinished {
                self.plan.unfinished += area.total;
            } else {
                self.plan.areas.push(area.clone());
            }
        }
        if self.plan.held_back_total == Total::default() && !self.is_held_without_record {
            let records = survey.records.iter();
            let done = records.filter(|record| !self.is_pinned(record.id));
            self.plan.records = done.map(|record| record.key.clone()).collect();
        }
    }

    /// An id whose traces go stays claimed, unless that of a larger one is there.
    fn claims(&mut self) {
        let survey = self.survey;
        let claimed = survey.claimed.last();
        let private = survey.private.iter().filter_map(|directory| directory.id);
        let ours = private.filter(|id| survey.claims.private(*id).is_some());
        let facts = survey.facts.iter().map(|facts| facts.id);
        let records = survey.records.iter().map(|record| record.id);
        let largest = records.chain(facts).chain(ours).max();
        let later = claimed.max(survey.metas.ids.last());
        self.plan.claim = largest.filter(|largest| later.is_none_or(|later| later < largest));
        let smaller = survey.claimed.iter().filter(|id| Some(*id) != claimed);
        self.plan.claims = smaller.map(|id| layout::id_claim(*id)).collect();
    }

    /// Which pins keep files. Usually the record of the pinned backup stays with them. A reader that came too late, and
    /// has not noticed yet, has none; then the file's origin may be known by any record.
    fn held_by_pins(&mut self) {
        for pin in &self.survey.pins {
            let mut total = self.pinned_private.get(&pin.id).copied().unwrap_or_default();
            for (path, size_bytes) in &self.pinned {
                if pin.references.contains(path) {
                    total.add(*size_bytes);
                }
            }
            if total == Total::default() {
                continue;
            }
            self.plan.held_by_pins.push(HeldByPin {
                backup_id: pin.id,
                files: total.files,
                bytes: total.bytes,
            });
            let mut records = self.survey.records.iter();
            self.is_held_without_record |=
                !records.any(|record| (record.id, record.meta_crc32c) == (pin.id, pin.meta_crc32c));
        }
    }

    fn tell(&mut self) {
        let unreadable = self.survey.metas.unreadable.iter();
        self.plan.held_back = unreadable
            .map(|(id, reason)| HeldBack {
                id: *id,
                reason: reason.clone(),
            })
            .collect();
        for pin in &self.survey.unreadable_pins {
            let message = "somebody reads a backup, and which one cannot be read here: no file of any backup is removed";
            self.plan
                .warnings
                .push(Warning::about(WarningName::UnreadablePin, pin.as_str(), message));
        }
        let strangers = self.survey.metas.strangers.iter();
        self.plan
            .strangers
            .extend(strangers.chain(&self.survey.strangers).cloned());
        self.plan.strangers.sort();
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
