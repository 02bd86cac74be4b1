//! Computes what a database contains after a prefix of its history.

use std::ops::RangeInclusive;

use super::history::{self, Action, FAMILIES, Family, History};
use crate::DatabaseContents;

impl History {
    /// The states that a database may be in whose last batches are these, one for each lane: the one after those
    /// batches, and, where actions come before the next batch, the one after each of these.
    pub fn states_after(&self, last: &[u64]) -> Vec<DatabaseContents> {
        let next = last.first().map_or(1, |last| last + 1);
        let actions = self.actions_before(next).len();
        (0..=actions).map(|done| self.state(last, done, 0)).collect()
    }

    /// Of the state after these batches what the last so many of each lane have put.
    pub fn newest_of(&self, last: &[u64], batches: u64) -> DatabaseContents {
        self.state(last, 0, batches)
    }

    /// What a column family that passes held when it was dropped.
    pub(super) fn as_dropped(&self, name: &str) -> Option<DatabaseContents> {
        let number: u64 = name.strip_prefix("passing-")?.parse().ok()?;
        let state = self.state(&[history::last_batch_of_passing(number)], 0, 0);
        Some(state.family_alone(name))
    }

    fn state(&self, last: &[u64], deeds_done: usize, only_newest: u64) -> DatabaseContents {
        let mut contents = DatabaseContents::default();
        FAMILIES.iter().for_each(|family| contents.add_family(family));
        let first_lane = last.first().copied().unwrap_or_default();
        self.apply_deeds(first_lane, deeds_done, &mut contents);
        for (lane, last) in last.iter().enumerate() {
            let since = match only_newest {
                0 => 0,
                batches => (last + 1).saturating_sub(batches),
            };
            self.apply_batches(lane, since..=*last, &mut contents);
        }
        contents
    }

    /// Of the batches, what has not been overwritten or deleted; the actions have made the column families.
    fn apply_batches(&self, lane: usize, batches: RangeInclusive<u64>, contents: &mut DatabaseContents) {
        let (since, last) = batches.into_inner();
        if last == 0 {
            return;
        }
        for (family, first) in self.families_of(last) {
            let name = family.to_string();
            // After the last batch, before it is dropped, a column family is complete; once dropped it is gone.
            if !contents.family_names().any(|existing| existing == name) {
                continue;
            }
            contents.put(&name, &history::counter_key(lane), &last.to_be_bytes());
            if self.counts {
                let since = first.max(1);
                let sum: u64 = (since..=last).sum();
                contents.put(&name, &history::sum_key(lane), &sum.to_le_bytes());
                for put in since.max((last + 1).saturating_sub(history::ONCE_STAYS))..=last {
                    contents.put(&name, &history::once_key(lane, put), &put.to_be_bytes());
                }
            }
            let oldest = first.max(since).max((last + 1).saturating_sub(history::RING));
            for put in oldest..=last {
                let deleted = history::is_deleted(family, put) && put + family.deleted_after() <= last;
                if !deleted {
                    let key = history::ring_key(lane, family, put);
                    contents.put(&name, &key, &self.value(lane, family, put));
                }
            }
        }
    }

    fn apply_deeds(&self, last: u64, done_after: usize, contents: &mut DatabaseContents) {
        let before = last.saturating_sub(self.reach())..=last;
        let past = before.flat_map(|number| self.actions_before(number));
        let following = self.actions_before(last + 1).into_iter().take(done_after);
        for action in past.chain(following) {
            match action {
                Action::CreateFamily(number) => contents.add_family(&Family::Passing(number).to_string()),
                Action::DropFamily(number) => contents.drop_family(&Family::Passing(number).to_string()),
                Action::Ingest { family, round } => {
                    for (key, value) in self.ingested(family, round) {
                        contents.put(FAMILIES[family], &key, &value);
                    }
                }
                Action::Commit(number) => FAMILIES.iter().for_each(|family| {
                    contents.put(family, history::held_key(), &number.to_be_bytes());
                }),
                Action::Prepare(_) | Action::Forget(_) | Action::Reopen => {}
            }
        }
    }

    /// The number of the long transaction that must be prepared, but not committed, after these batches and so many of
    /// the actions that follow.
    pub fn prepared_after(&self, last: u64, deeds_done: usize) -> Option<u64> {
        let before = last.saturating_sub(self.reach())..=last;
        let past = before.flat_map(|number| self.actions_before(number));
        let following = self.actions_before(last + 1).into_iter().take(deeds_done);
        past.chain(following).fold(None, |prepared, action| match action {
            Action::Prepare(number) => Some(number),
            Action::Commit(number) if prepared == Some(number) => None,
            _ => prepared,
        })
    }
}
