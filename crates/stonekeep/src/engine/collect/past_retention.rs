//! Which backups a purge would delete, and since when: whoever watches a repository learns from it that no purge runs.
//!
//! A backup is past retention since the backup was made with which the rules stopped keeping it: periods reach back from the newest
//! backup, so it is always a backup that lets others go. That time is computed from the backups that are there, by the rules of
//! today. So after a change of the rules, or the end of a hold, it may be long ago.

use std::collections::BTreeSet;

use stonekeep_format::BackupId;

use super::DEFAULT_MIN_AGE;
use super::purge::{self, Examined};
use super::retention::PurgeOptions;
use super::run::{Collection, Wanted};
use crate::engine::BackupEngineReadOnly;
use crate::repo::index::RepositoryIndex;
use crate::{Quiet, Result, repo};

/// The backups that no rule keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PastRetention {
    /// They, oldest first.
    pub backups: Vec<BackupId>,
    /// Since when there is one, in seconds since 1970, UTC: the time of the backup with which the rules stopped keeping it.
    pub since_seconds: Option<i64>,
}

impl BackupEngineReadOnly {
    /// Which backups [`BackupEngine::purge`](crate::BackupEngine::purge) would delete now, and since when. Nothing is changed.
    ///
    /// # Errors
    /// As [`BackupEngine::plan_purge`](crate::BackupEngine::plan_purge).
    pub fn past_retention(&self, options: &PurgeOptions) -> Result<PastRetention> {
        let index = RepositoryIndex::new(self.store());
        repo::require(&index)?;
        let collection = Collection {
            engine: self,
            wanted: Wanted::Purge(options),
            min_age: DEFAULT_MIN_AGE,
            keep_unfinished: true,
            observer: &Quiet,
        };
        let (metas, backups) = collection.examine(&index, options)?;
        let (listed, now) = ((&metas, index.shared()?), self.time());
        let gone = |backups: &[Examined]| -> BTreeSet<BackupId> {
            let decisions = purge::choose(options, backups, listed, now);
            let go = decisions.iter().filter(|decision| decision.goes.is_some());
            go.map(|decision| decision.id).collect()
        };
        let past = gone(&backups);
        Ok(PastRetention {
            since_seconds: since(&backups, |first| !gone(first).is_disjoint(&past)),
            backups: past.into_iter().collect(),
        })
    }
}

/// The time of the backup with which the first ones of the list begin to have one that goes. As more are made, one that goes is
/// not kept again.
fn since(backups: &[Examined], has_one: impl Fn(&[Examined]) -> bool) -> Option<i64> {
    let lengths: Vec<usize> = (1..=backups.len()).collect();
    let until = lengths.partition_point(|length| !backups.get(..*length).is_some_and(&has_one));
    backups.get(until).map(|backup| backup.timestamp_seconds)
}
