//! What must be in a repository, as far as its clients have been told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::databases::DatabaseState;
use super::known::{Known, Watched};
use super::peek::Peek;
use super::stored_backup::{listed, whole};

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) backups: BTreeMap<u32, Known>,
    /// What backups of other ids may contain: of runs that are under way, or whose end nobody was told.
    pub(super) unknown: Vec<Arc<DatabaseState>>,
    /// Whoever changed the repository last, and those whose turn is over.
    last_writer: Option<u64>,
    over: BTreeSet<u64>,
    /// Purges that are under way: they may delete what is made meanwhile.
    pub(super) purges: u32,
    /// Runs that have begun to make a backup, less those that were told that they have.
    pub(super) untold: usize,
    /// Backups that were deleted before the runs that made them were told that they have.
    gone_untold: BTreeSet<u32>,
    /// Those that may have been: a deletion has failed, and nobody knows what it has done.
    unsure_untold: BTreeSet<u32>,
    /// The runs that are making a backup.
    making: BTreeSet<u64>,
    /// Those whose backups may have been deleted at once: a purge has failed meanwhile.
    unsure_runs: BTreeSet<u64>,
    /// How many verbs are under way that may delete these or bring them back, whether they are there yet or not.
    under_way: BTreeMap<u32, u32>,
    /// How many ends of holds have begun, and how many of them may still be under way.
    pub(super) releases: u32,
    pub(super) releasing: u32,
    /// Another engine has worked here: what was deleted for a while may be gone, or be written over.
    pub(super) has_others: bool,
    /// Shared files that another engine has put for a backup that it has not made, and when.
    pub(super) orphans: BTreeMap<String, Duration>,
    /// Those that somebody has tried to hold.
    pub(super) ever_held: BTreeSet<u32>,
}

impl Model {
    /// The backups that may be there.
    pub(super) fn candidates(&self) -> Vec<u32> {
        let may_be = |known: &Known| !known.is_gone();
        self.backups
            .iter()
            .filter(|(_, known)| may_be(known))
            .map(|(id, _)| *id)
            .collect()
    }

    /// Those that must be.
    pub(super) fn certain(&self) -> BTreeSet<u32> {
        let certain = self.backups.iter().filter(|(_, known)| known.is_certain());
        certain.map(|(id, _)| *id).collect()
    }

    /// All that were ever there.
    pub(super) fn ids(&self) -> Vec<u32> {
        self.backups.keys().copied().collect()
    }

    /// How these are now.
    pub(super) fn watch(&self, ids: &[u32]) -> Vec<Watched> {
        let watched = ids.iter().filter_map(|id| {
            let known = self.backups.get(id)?;
            Some(Watched {
                id: *id,
                was_certain: known.is_certain(),
                was_gone: known.is_gone(),
                changes: known.changes,
            })
        });
        watched.collect()
    }

    /// Those that are gone now.
    pub(super) fn watch_gone(&self) -> Vec<Watched> {
        let all = self.watch(&self.ids());
        all.into_iter().filter(|it| it.was_gone).collect()
    }

    /// Whether all of these must have been there all the time, except for so many changes of one's own; false for none.
    pub(super) fn was_certain(&self, watched: &[Watched], own: u32) -> bool {
        let is_same = |it: &Watched| {
            let known = self.backups.get(&it.id);
            it.was_certain && known.is_some_and(|known| known.changes == it.changes + own)
        };
        !watched.is_empty() && watched.iter().all(is_same)
    }

    /// Whether any of these must have been there all the time.
    pub(super) fn was_any_certain(&self, watched: &[Watched], own: u32) -> bool {
        watched.iter().any(|it| self.was_certain(&[*it], own))
    }

    /// Whether this must have been gone all the time. The id of another engine's backup is claimed nowhere: a run that was not told may have
    /// given it again.
    pub(super) fn was_gone(&self, watched: Watched) -> bool {
        let may_be_given = |known: &Known| known.is_foreign && self.untold > 0;
        let known = self.backups.get(&watched.id);
        watched.was_gone
            && known.is_some_and(|known| known.changes == watched.changes && !may_be_given(known))
    }

    /// A run begins to make a backup of this state.
    pub(super) fn begin_making(&mut self, run: u64, state: &Arc<DatabaseState>) {
        self.making.insert(run);
        self.begin_unknown(state);
    }

    /// It has ended.
    pub(super) fn end_making(&mut self, run: u64) {
        self.making.remove(&run);
    }

    /// A run may make a backup of this state.
    pub(super) fn begin_unknown(&mut self, state: &Arc<DatabaseState>) {
        self.untold += 1;
        // It may take them over.
        self.orphans.clear();
        if !self.unknown.iter().any(|it| Arc::ptr_eq(it, state)) {
            self.unknown.push(Arc::clone(state));
        }
    }

    /// A run has been told that its backup has this id.
    pub(super) fn created(&mut self, run: u64, id: u32, state: &Arc<DatabaseState>) -> Result<(), String> {
        self.untold -= 1;
        if self.backups.get(&id).is_some_and(|known| !known.is_foreign) {
            return Err(format!("the id {id} is given again"));
        }
        let is_unsure =
            self.purges > 0 || self.unsure_runs.contains(&run) || self.unsure_untold.contains(&id);
        self.add(id, state, is_unsure);
        if self.gone_untold.contains(&id) {
            self.removed(id);
        }
        Ok(())
    }

    /// Another engine has made a backup, perhaps under an id that was ours.
    pub(super) fn replaced(&mut self, id: u32, state: &Arc<DatabaseState>) {
        self.add(id, state, false);
        if let Some(known) = self.backups.get_mut(&id) {
            known.is_foreign = true;
        }
    }

    /// Another engine has deleted a backup, held or not.
    pub(super) fn removed(&mut self, id: u32) {
        if let Some(known) = self.backups.get_mut(&id) {
            known.is_there = false;
            known.is_held = false;
            known.changes += 1;
        }
    }

    /// A purge has ended, which may have deleted backups whose runs are not told yet: these, or nobody knows which.
    pub(super) fn purged(&mut self, deleted: Option<BTreeSet<u32>>) {
        match deleted {
            Some(deleted) => {
                let untold = deleted.into_iter().filter(|id| !self.backups.contains_key(id));
                self.gone_untold.extend(untold);
            }
            None => self.unsure_runs.extend(&self.making),
        }
    }

    /// Whether a backup was deleted before the run that made it was told.
    pub(super) fn has_gone_untold(&self) -> bool {
        !self.gone_untold.is_empty()
    }

    /// A run has been told that this copy is there.
    pub(super) fn copied(&mut self, id: u32, state: &Arc<DatabaseState>) {
        if !self.backups.contains_key(&id) {
            self.add(id, state, false);
        }
    }

    /// A run has been told that this backup is held. So many holds had been ended when it began.
    pub(super) fn held(&mut self, id: u32, releases: u32) -> Result<(), String> {
        let is_last = self.releases == releases;
        let Some(known) = self.backups.get_mut(&id) else {
            return Ok(());
        };
        if known.is_gone() {
            return Err(format!("backup {id} is held, and was deleted"));
        }
        known.is_there = true;
        known.is_held = is_last;
        Ok(())
    }

    /// A run begins to end the hold of this backup. Whether it was held.
    pub(super) fn release(&mut self, id: u32) -> bool {
        self.releases += 1;
        let Some(known) = self.backups.get_mut(&id) else {
            return false;
        };
        known.is_unsure |= known.under_way > 0;
        std::mem::take(&mut known.is_held)
    }

    fn add(&mut self, id: u32, state: &Arc<DatabaseState>, is_unsure: bool) {
        let before = self.backups.remove(&id);
        let changes = before.as_ref().map_or(0, |before| before.changes + 1);
        let former = before.map_or(Vec::new(), |before| {
            before.former.into_iter().chain([before.state]).collect()
        });
        let known = Known {
            state: Arc::clone(state),
            former,
            is_there: true,
            under_way: self.under_way.get(&id).copied().unwrap_or_default(),
            is_unsure,
            is_foreign: false,
            is_held: false,
            changes,
        };
        self.backups.insert(id, known);
    }

    /// A verb begins that may change whether these are there; how they were before.
    pub(super) fn begin(&mut self, ids: &[u32]) -> Vec<Watched> {
        let before = self.watch(ids);
        for id in ids {
            *self.under_way.entry(*id).or_default() += 1;
            if let Some(known) = self.backups.get_mut(id) {
                known.under_way += 1;
                known.changes += 1;
            }
        }
        before
    }

    /// It has ended; `before` is what its begin has given. `Some(None)`: it has changed nothing, `None`: nobody knows.
    pub(super) fn end(
        &mut self,
        ids: &[u32],
        before: &[Watched],
        mut is_there: impl FnMut(u32) -> Option<Option<bool>>,
    ) -> Result<(), String> {
        for id in ids {
            if let Some(count) = self.under_way.get_mut(id) {
                *count -= 1;
            }
            let Some(known) = self.backups.get_mut(id) else {
                match is_there(*id) {
                    Some(Some(false)) => drop(self.gone_untold.insert(*id)),
                    None => drop(self.unsure_untold.insert(*id)),
                    _ => {}
                }
                continue;
            };
            known.under_way = known.under_way.saturating_sub(1);
            // Another verb has changed it since this one began: which came first is not known.
            let before = before.iter().find(|it| it.id == *id);
            let has_changed = before.is_some_and(|it| known.changes != it.changes + 1);
            match is_there(*id) {
                Some(None) => {}
                // Somebody has brought it back, and holds it since.
                Some(Some(false)) if known.is_held && has_changed => known.changes += 1,
                Some(Some(false)) if known.is_held => {
                    return Err(format!("backup {id} is held, and was deleted"));
                }
                Some(Some(there)) => {
                    known.is_there = there;
                    known.is_unsure = known.under_way > 0 || has_changed;
                    known.changes += 1;
                }
                None => {
                    known.is_unsure = true;
                    known.changes += 1;
                }
            }
        }
        Ok(())
    }

    /// A change by this run: the changes of two runs never mix.
    pub(super) fn changes(&mut self, run: u64, key: &str) -> Result<(), String> {
        if self.last_writer == Some(run) {
            return Ok(());
        }
        if self.over.contains(&run) {
            return Err(format!("run {run} changes {key} after another one had its turn"));
        }
        if let Some(last) = self.last_writer.replace(run) {
            self.over.insert(last);
        }
        Ok(())
    }

    /// What is there at this moment is what must be.
    pub(super) fn check(&mut self, peek: &dyn Peek) -> Result<(), String> {
        let there: BTreeSet<u32> = listed(peek);
        for (id, known) in &self.backups {
            if known.is_certain() {
                known.require_whole(peek, *id)?;
            } else if known.is_gone() && !known.is_foreign && there.contains(id) {
                return Err(format!("backup {id} was deleted, and is there"));
            }
        }
        for id in there {
            if self.backups.contains_key(&id) {
                continue;
            }
            // The run that made it may be told yet.
            if !self.unknown.iter().any(|state| whole(peek, id, state).is_ok()) {
                return Err(format!("nobody made backup {id}, or it is not whole"));
            }
        }
        Ok(())
    }

    /// When nothing is under way: what is there is what there is.
    pub(super) fn settle(&mut self, peek: &dyn Peek) -> Result<(), String> {
        self.check(peek)?;
        let there = listed(peek);
        for (id, known) in &mut self.backups {
            if known.is_unsure {
                known.is_there = there.contains(id);
                known.is_unsure = false;
            }
            if known.is_there {
                known.require_whole(peek, *id)?;
            }
        }
        // The id of another engine's backup is claimed nowhere, so that a run may have given it again.
        let is_other = |known: &Known| known.is_there || !known.is_foreign;
        let new: Vec<u32> = there
            .into_iter()
            .filter(|id| !self.backups.get(id).is_some_and(is_other))
            .collect();
        for id in new {
            let of = self
                .unknown
                .iter()
                .find(|state| whole(peek, id, state).is_ok())
                .cloned();
            let Some(state) = of else {
                return Err(format!("nobody made backup {id}"));
            };
            self.add(id, &state, false);
        }
        Ok(())
    }
}
