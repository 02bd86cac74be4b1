//! The decision: which rules keep each backup.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;
use stonekeep_format::BackupId;

use super::calendar::{name_of, time_of};
use super::keep::Keep;
use super::options::PurgeOptions;
use super::report::{BackupDecision, Goes, KeepRule, KeptBy};

/// A valid backup, as the rules see it.
#[derive(Debug, Clone)]
pub(in crate::engine::collect) struct Candidate {
    /// The backup.
    pub(in crate::engine::collect) id: BackupId,
    /// Its time, in seconds since 1970, UTC.
    pub(in crate::engine::collect) timestamp_seconds: i64,
    /// Its tags.
    pub(in crate::engine::collect) tags: Vec<String>,
    /// What keeps it, whatever the rules say.
    pub(in crate::engine::collect) kept_by: Vec<KeptBy>,
}

/// Decides about valid backups, oldest first by their ids.
pub(in crate::engine::collect) fn decide(
    options: &PurgeOptions,
    candidates: Vec<Candidate>,
    now: Timestamp,
) -> Vec<BackupDecision> {
    let mut rules = Rules::new(options, candidates, now);
    rules.by_count();
    rules.by_name();
    rules.by_period();
    for (rule, keep) in options.calendar_rules() {
        rules.by_calendar(rule, keep);
    }
    rules.decisions
}

/// Lets the oldest backups go until what stays is no larger than the limit. `add` counts the files of a backup, and
/// returns the bytes of all that were counted so far.
pub(in crate::engine::collect) fn drop_over(
    limit_bytes: u64,
    decisions: &mut [BackupDecision],
    mut add: impl FnMut(BackupId) -> u64,
) {
    let mut total = 0;
    let (mut stay, mut may_go) = (Vec::new(), Vec::new());
    for (at, decision) in decisions.iter().enumerate().filter(|(_, one)| one.goes.is_none()) {
        let rules: BTreeSet<KeepRule> = decision.kept_by.iter().map(|kept| kept.rule).collect();
        let is_fixed = rules.iter().any(|rule| !is_limited(*rule));
        if is_fixed { &mut stay } else { &mut may_go }.push((decision.timestamp_seconds, decision.id, at));
    }
    for (_, id, _) in stay {
        total = add(id);
    }
    may_go.sort_unstable_by_key(|(time, id, _)| Reverse((*time, *id)));
    for (_, id, at) in may_go {
        if total <= limit_bytes {
            total = add(id);
        }
        if total > limit_bytes
            && let Some(decision) = decisions.get_mut(at)
        {
            decision.goes = Some(Goes::TotalSize);
            decision.kept_by.clear();
        }
    }
}

/// Whether a backup that only this rule keeps goes if all are too large together.
fn is_limited(rule: KeepRule) -> bool {
    match rule {
        KeepRule::Newest
        | KeepRule::Tag
        | KeepRule::Id
        | KeepRule::MinCount
        | KeepRule::Hold
        | KeepRule::SequenceWentBack
        | KeepRule::NotValid => false,
        KeepRule::Last
        | KeepRule::Minutely
        | KeepRule::Hourly
        | KeepRule::Daily
        | KeepRule::Weekly
        | KeepRule::Monthly
        | KeepRule::Yearly
        | KeepRule::Within
        | KeepRule::TotalSize => true,
    }
}

struct Rules<'a> {
    options: &'a PurgeOptions,
    /// In the order of the ids.
    decisions: Vec<BackupDecision>,
    tags: Vec<Vec<String>>,
    /// In the order of their times, the newest first: the time, and the index among the decisions.
    by_time: Vec<(Timestamp, usize)>,
    /// The time that periods reach back from.
    newest: Timestamp,
}

impl<'a> Rules<'a> {
    fn new(options: &'a PurgeOptions, candidates: Vec<Candidate>, now: Timestamp) -> Self {
        let times = candidates
            .iter()
            .map(|candidate| time_of(candidate.timestamp_seconds));
        let mut by_time: Vec<_> = times.zip(0..).collect();
        by_time.sort_unstable_by_key(|(time, at)| Reverse((*time, *at)));
        let newest = by_time.first().map_or(now, |(time, _)| (*time).min(now));
        let (mut decisions, mut tags) = (Vec::new(), Vec::new());
        for candidate in candidates {
            decisions.push(BackupDecision {
                id: candidate.id,
                timestamp_seconds: Some(candidate.timestamp_seconds),
                goes: Some(Goes::NoRule),
                kept_by: Vec::new(),
            });
            tags.push(candidate.tags);
            for kept in candidate.kept_by {
                keep(decisions.last_mut(), kept);
            }
        }
        Rules {
            options,
            decisions,
            tags,
            by_time,
            newest,
        }
    }

    fn by_count(&mut self) {
        let options = self.options;
        let last = options.num_backups_to_keep.unwrap_or_default();
        let newest_first = self.decisions.iter_mut().rev().enumerate();
        for (before, decision) in newest_first {
            if before == 0 && !options.keeps_none() {
                keep(Some(decision), KeptBy::new(KeepRule::Newest, ""));
            }
            if before < last {
                keep(Some(decision), KeptBy::new(KeepRule::Last, ""));
            }
            if before < options.min_count {
                keep(Some(decision), KeptBy::new(KeepRule::MinCount, ""));
            }
            if !options.has_rules() {
                keep(Some(decision), KeptBy::new(KeepRule::TotalSize, ""));
            }
        }
    }

    fn by_name(&mut self) {
        for (decision, tags) in self.decisions.iter_mut().zip(&self.tags) {
            for tag in tags.iter().filter(|tag| self.options.keep_tags.contains(tag)) {
                keep(Some(decision), KeptBy::new(KeepRule::Tag, tag));
            }
            if self.options.keep_ids.contains(&decision.id) {
                keep(Some(decision), KeptBy::new(KeepRule::Id, ""));
            }
        }
    }

    fn by_period(&mut self) {
        let Some(period) = self.options.keep_within else {
            return;
        };
        let first = period.before(self.newest, &self.options.time_zone);
        for (_, at) in self.by_time.iter().filter(|(time, _)| *time > first) {
            keep(
                self.decisions.get_mut(*at),
                KeptBy::new(KeepRule::Within, period.to_string()),
            );
        }
    }

    /// The newest backup of each hour, day and so on; the oldest of all, too, if the rule reaches further.
    fn by_calendar(&mut self, rule: KeepRule, reach: Keep) {
        let zone = &self.options.time_zone;
        let (mut left, first) = match reach {
            Keep::Last(number) => (number, Timestamp::MIN),
            Keep::Within(period) => (u64::MAX, period.before(self.newest, zone)),
        };
        let (mut last_name, oldest) = (None, self.by_time.len().saturating_sub(1));
        for (position, (time, at)) in self.by_time.iter().enumerate() {
            if left == 0 || (first > Timestamp::MIN && *time <= first) {
                return;
            }
            let name = name_of(rule, *time, zone);
            let is_next = last_name.as_ref() != Some(&name);
            if is_next || position == oldest {
                let detail = if is_next {
                    name.clone()
                } else {
                    format!("{name}, the oldest")
                };
                keep(self.decisions.get_mut(*at), KeptBy::new(rule, detail));
                left -= 1;
            }
            last_name = Some(name);
        }
    }
}

fn keep(decision: Option<&mut BackupDecision>, kept: KeptBy) {
    if let Some(decision) = decision {
        decision.goes = None;
        decision.kept_by.push(kept);
    }
}
