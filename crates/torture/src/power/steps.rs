//! What is done to a disk: commands, and the state that each of them leaves.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::stages::STAGES;

/// A command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A backup of the next stage of the database.
    Backup,
    /// The deletion of a backup.
    Delete(u32),
    /// The deletion of all backups but the newest.
    Purge,
    /// A collection.
    Collect,
    /// A copy of all backups to the other repository.
    Copy,
    /// A restore of a backup over what the target has, after so many others.
    Restore { id: u32, number: usize },
}

/// Whether this restore keeps the old state.
pub(super) fn keeps_old(number: usize) -> bool {
    number % 2 == 1
}

/// What is on a disk when nothing is under way. Stages of the database are numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The backups of the repository.
    pub(super) repository: BTreeMap<u32, usize>,
    /// Those of the other repository.
    pub(super) copy: BTreeMap<u32, usize>,
    /// What was restored.
    pub(super) target: Option<usize>,
    /// How many restores there were.
    restores: usize,
    /// The last restore that has kept an old state, and what that was.
    pub(super) old: Option<(usize, usize)>,
    /// How many backups there were.
    pub(super) made: usize,
}

impl State {
    /// The state after a command.
    pub(super) fn after(&self, step: Step) -> State {
        let mut state = self.clone();
        match step {
            Step::Backup => {
                state.made += 1;
                state.repository.insert(state.made as u32, self.made);
            }
            Step::Delete(id) => drop(state.repository.remove(&id)),
            Step::Purge => {
                let newest = state.repository.pop_last();
                state.repository = newest.into_iter().collect();
            }
            Step::Collect => {}
            Step::Copy => state.copy.extend(&self.repository),
            Step::Restore { id, number } => {
                let old = self.target.filter(|_| keeps_old(number));
                state.old = old.map(|stage| (number, stage)).or(self.old);
                state.target = self.repository.get(&id).copied();
                state.restores = number + 1;
            }
        }
        state
    }

    /// A command that is possible here.
    fn any_step(&self, rng: &mut Rng) -> Step {
        let ids: Vec<u32> = self.repository.keys().copied().collect();
        let id = ids[rng.usize(0..ids.len())];
        match rng.u8(0..12) {
            0..3 if self.made + 1 < STAGES => Step::Backup,
            3..5 if ids.len() > 1 => Step::Delete(id),
            5 if ids.len() > 2 => Step::Purge,
            6 => Step::Collect,
            7..9 if self.copy != self.repository => Step::Copy,
            _ => Step::Restore {
                id,
                number: self.restores,
            },
        }
    }
}

/// So many commands in a row; a state for each number of them that are done.
pub(super) fn any(commands: usize, rng: &mut Rng) -> (Vec<Step>, Vec<State>) {
    let (mut steps, mut states) = (Vec::new(), vec![State::default()]);
    for at in 0..commands {
        let state = &states[at];
        let step = if at < 2 { Step::Backup } else { state.any_step(rng) };
        let next = state.after(step);
        steps.push(step);
        states.push(next);
    }
    (steps, states)
}
