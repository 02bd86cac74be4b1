//! What a purge has to know of each backup, and which it deletes by that.

use std::collections::BTreeSet;
use std::time::SystemTime;

use jiff::Timestamp;
use stonekeep_format::BackupId;
use stonekeep_format::backup_name::RepoPath;

use super::retention::{BackupDecision, Candidate, KeepRule, KeptBy, PurgeOptions, decide, drop_over};
use crate::repo::expected_sizes::ExpectedSizes;
use crate::repo::facts::BackupFacts;
use crate::repo::file_check;
use crate::repo::garbage::Metas;
use crate::repo::holds::{Hold, Holds};
use crate::repo::included::bytes_of;
use crate::repo::meta_scanner::{MetaScanner, ScannedMeta};
use crate::repo::path_set::PathSet;
use crate::repo::stored_files::{PrivateFiles, StoredFiles};
use crate::repo::unbound_facts;
use crate::repo::verified::DamagedFiles;
use crate::repo::went_back::WentBack;
use crate::store::Store;
use crate::{Result, WarningName};

/// What is stored, for a purge.
#[derive(Clone, Copy)]
pub(super) struct Stored<'a> {
    pub(super) store: &'a Store,
    pub(super) shared: &'a StoredFiles,
    /// The private files of all backups, where they have been listed at once.
    pub(super) private: Option<&'a PrivateFiles>,
    /// Files that a verification found damaged.
    pub(super) damaged: &'a DamagedFiles<'a>,
    pub(super) holds: &'a Holds,
    /// Whether a rule asks for tags.
    pub(super) needs_tags: bool,
}

/// Why a backup stays whose tags cannot be read.
const UNKNOWN_TAGS: &str = "unknown, since its facts are damaged";

/// What a purge has to know of a backup whose meta file can be read.
pub(super) struct Examined {
    id: BackupId,
    pub(super) timestamp_seconds: i64,
    sequence_number: u64,
    /// What is wrong with its files; `None` if it is valid.
    wrong: Option<String>,
    /// Why an operator holds it.
    held: Option<String>,
    /// Bytes of the files that it has for itself.
    own_bytes: u64,
    facts: Option<Facts>,
    /// Whether a rule asks for its tags, and the facts that have them cannot be read.
    lacks_tags: bool,
}

/// What our facts say of it.
struct Facts {
    database_id: Option<String>,
    tags: Vec<String>,
    went_back: Vec<WentBack>,
    accepts_going_back: bool,
}

impl Stored<'_> {
    /// Looks at a backup.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(super) fn examine(self, scanner: &mut MetaScanner, scanned: &ScannedMeta) -> Result<Examined> {
        let (loaded, store) = (&scanned.loaded, self.store);
        let facts = scanner.facts_for_sizes(store, scanned)?;
        let sizes = ExpectedSizes::read(store, loaded, facts.as_ref())?;
        let files = &loaded.meta.files;
        let private = PrivateFiles::look(store, self.private, loaded.id, files)?;
        let get = |path: &RepoPath| Ok(self.shared.get_of_backup(path, &private));
        let mut findings = file_check::findings(files, &sizes, get)?;
        let application = facts.as_ref().map_or(&[][..], |facts| &facts.included);
        let known = self.damaged.of(scanned, application).into_iter();
        findings.extend(known.map(|damage| damage.finding));
        let own = files.iter().filter(|file| file.path.shared_name().is_none());
        let own = own.filter_map(|file| private.get(&file.path)?.size_bytes);
        let included = facts.as_ref().map_or(0, |facts| bytes_of(&facts.included));
        let head = &loaded.meta.head;
        let lacks_tags = self.needs_tags && facts.is_none() && unbound_facts::are_damaged(store, loaded);
        Ok(Examined {
            lacks_tags,
            id: loaded.id,
            timestamp_seconds: head.timestamp_seconds(),
            sequence_number: facts
                .as_ref()
                .map_or(head.sequence.value(), |facts| facts.sequence_number),
            held: self.holds.of(loaded.id, Some(loaded.crc32c)).map(Hold::describe),
            wrong: findings.first().map(ToString::to_string),
            own_bytes: own.sum::<u64>() + included,
            facts: facts.map(Facts::of),
        })
    }
}

impl Facts {
    fn of(facts: BackupFacts) -> Self {
        Facts {
            accepts_going_back: facts.accepts_going_back(),
            database_id: facts.database_id,
            tags: facts.tags,
            went_back: facts.went_back,
        }
    }
}

/// Decides about all backups, oldest first.
pub(super) fn choose(
    options: &PurgeOptions,
    backups: &[Examined],
    (metas, shared): (&Metas, &StoredFiles),
    now: SystemTime,
) -> Vec<BackupDecision> {
    let mut went_back = GoingBack::new(options);
    let mut candidates = Vec::new();
    for backup in backups.iter().rev() {
        if backup.wrong.is_none() {
            let before = went_back.release(backup);
            let before = before.map(|before| KeptBy::new(KeepRule::SequenceWentBack, before.to_string()));
            let held = backup.held.as_ref().map(|why| KeptBy::new(KeepRule::Hold, why));
            let tags = backup
                .lacks_tags
                .then(|| KeptBy::new(KeepRule::Tag, UNKNOWN_TAGS));
            candidates.push(Candidate {
                id: backup.id,
                timestamp_seconds: backup.timestamp_seconds,
                tags: backup
                    .facts
                    .as_ref()
                    .map(|facts| facts.tags.clone())
                    .unwrap_or_default(),
                kept_by: held.into_iter().chain(before).chain(tags).collect(),
            });
        }
        went_back.note(backup);
    }
    candidates.reverse();
    let mut decisions = decide(
        options,
        candidates,
        Timestamp::try_from(now).unwrap_or(Timestamp::MAX),
    );
    for backup in backups {
        if let Some(wrong) = &backup.wrong {
            decisions.push(not_valid(backup.id, Some(backup.timestamp_seconds), wrong));
        }
    }
    if let Some(limit) = options.max_total_size_bytes {
        let mut counted = Counted::default();
        drop_over(limit, &mut decisions, |id| {
            let backup = backups.iter().find(|backup| backup.id == id);
            counted.add(
                metas.named_by(id),
                shared,
                backup.map_or(0, |backup| backup.own_bytes),
            )
        });
    }
    let unreadable = metas.unreadable.iter();
    decisions.extend(unreadable.map(|(id, reason)| not_valid(*id, None, reason)));
    decisions.sort_unstable_by_key(|decision| decision.id);
    decisions
}

fn not_valid(id: BackupId, timestamp_seconds: Option<i64>, reason: &str) -> BackupDecision {
    BackupDecision {
        id,
        timestamp_seconds,
        goes: None,
        kept_by: vec![KeptBy::new(KeepRule::NotValid, reason)],
    }
}

/// The files that are counted already.
#[derive(Default)]
struct Counted {
    shared: PathSet,
    bytes: u64,
}

impl Counted {
    /// Counts the files of a backup; the bytes of all so far.
    fn add(&mut self, named: Option<&PathSet>, stored: &StoredFiles, own_bytes: u64) -> u64 {
        self.bytes += own_bytes;
        for id in stored
            .paths()
            .ids()
            .filter(|id| named.is_some_and(|named| named.contains(*id)))
        {
            if self.shared.insert(id) {
                let entry = stored.entry(id);
                self.bytes += entry.and_then(|entry| entry.size_bytes).unwrap_or_default();
            }
        }
        self.bytes
    }
}

/// Databases that went back to an older state, from the newest backup to the oldest.
struct GoingBack {
    is_accepted: bool,
    /// Databases of which a backup accepts what all older ones say.
    accepted: BTreeSet<Option<String>>,
    /// Whatever newer backups say that is not accepted; of each, the last backup before it stays.
    setbacks: Vec<Setback>,
}

/// A database that went back.
struct Setback {
    database_id: Option<String>,
    went_back: WentBack,
}

impl GoingBack {
    fn new(options: &PurgeOptions) -> Self {
        GoingBack {
            is_accepted: options.accept.contains(&WarningName::SequenceWentBack),
            accepted: BTreeSet::new(),
            setbacks: Vec::new(),
        }
    }

    /// What holds this backup, if it is the newest valid one from before a database went back; it holds no older one.
    fn release(&mut self, backup: &Examined) -> Option<WentBack> {
        let is_before = |setback: &mut Setback| {
            let facts = backup.facts.as_ref();
            facts.is_none_or(|facts| facts.database_id == setback.database_id)
                && setback
                    .went_back
                    .is_before(backup.id.get(), backup.sequence_number)
        };
        self.setbacks
            .extract_if(.., is_before)
            .map(|setback| setback.went_back)
            .last()
    }

    fn note(&mut self, backup: &Examined) {
        let Some(facts) = &backup.facts else {
            return;
        };
        if facts.accepts_going_back {
            self.accepted.insert(facts.database_id.clone());
        }
        if self.is_accepted || self.accepted.contains(&facts.database_id) {
            return;
        }
        for went_back in &facts.went_back {
            let is_known = |setback: &Setback| {
                setback.database_id == facts.database_id
                    && setback.went_back.last_before == went_back.last_before
            };
            // Every backup that says so is newer than the one that it holds.
            if !self.setbacks.iter().any(is_known) {
                self.setbacks.push(Setback {
                    database_id: facts.database_id.clone(),
                    went_back: *went_back,
                });
            }
        }
    }
}
