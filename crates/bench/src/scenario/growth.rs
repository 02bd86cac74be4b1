//! Growth of each verb with the number of files, and with the number of backups.

use super::{Contestant, Scenario, Set, Setting};
use crate::data::Step;
use crate::data::synthetic::Shape;
use crate::task::{By, Job, Task, Which};

/// What is changed from point to point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    Files,
    Backups,
}

/// Files on one axis, with so many backups of them.
const FILES: [u64; 4] = [1000, 10_000, 100_000, 1_000_000];
const BACKUPS_OF_FILES: u32 = 10;
/// Backups on the other, with so many files in each.
const BACKUPS: [u32; 4] = [10, 100, 1000, 10_000];
const FILES_OF_BACKUPS: u64 = 1000;

/// The points of an axis that have no more lines in their meta files than this.
pub(crate) fn points(axis: Axis, most_lines: u64) -> Vec<(u64, Shape)> {
    let mut points: Vec<(u64, Shape)> = match axis {
        Axis::Files => FILES
            .map(|files| (files, Shape::new(files, BACKUPS_OF_FILES)))
            .into(),
        Axis::Backups => BACKUPS
            .map(|backups| (u64::from(backups), Shape::new(FILES_OF_BACKUPS, backups)))
            .into(),
    };
    points.retain(|(_, shape)| shape.files * u64::from(shape.backups) <= most_lines);
    points
}

/// Everything that is done at one point.
pub(crate) fn set(setting: &Setting, axis: Axis, at: u64, shape: Shape) -> Set {
    let [repository, database] = ["repository", "db"].map(|name| setting.directory.join(name));
    let here = || repository.clone();
    let backup = Task::Backup {
        database: database.clone(),
        repository: here(),
    };
    let delete = |which| Task::Delete {
        repository: here(),
        which,
    };
    let run = |task: Task| {
        let by = By::Stonekeep(None);
        Step::Run(Job { by, task })
    };
    let ours = |task: Task| Contestant::stonekeep(task);
    let theirs = |task: Task| Contestant::rocksdb(2, task);
    let list = Task::List { repository: here() };
    let purge = Task::Purge {
        repository: here(),
        keep: shape.backups as usize,
    };
    let verbs = [
        ("open", vec![ours(Task::Latest { repository: here() })]),
        ("list", vec![ours(list.clone()), theirs(list)]),
        (
            "create",
            vec![ours(backup.clone()).after(run(delete(Which::Newest)))],
        ),
        ("gc", vec![ours(Task::Collect { repository: here() })]),
        (
            "delete",
            vec![
                ours(delete(Which::Oldest)).before(run(backup.clone())),
                theirs(purge).before(run(backup)),
            ],
        ),
    ];
    let scenarios = verbs.map(|(verb, contestants)| Scenario {
        name: name(axis, at, verb),
        title: format!("{verb}, {} backups of {} files", shape.backups, shape.files),
        contestants,
        wanted: Vec::new(),
    });
    Set {
        make: vec![
            Step::Repository { shape, at: here() },
            Step::Database { shape, at: database },
        ],
        scenarios: scenarios.into(),
    }
}

/// As in `files-1000/create`.
fn name(axis: Axis, at: u64, verb: &str) -> String {
    match axis {
        Axis::Files => format!("files-{at}/{verb}"),
        Axis::Backups => format!("backups-{at}/{verb}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_lines_has_a_limit() {
        let lines = |(_, shape): &(u64, Shape)| shape.files * u64::from(shape.backups);
        for axis in [Axis::Files, Axis::Backups] {
            let all = points(axis, 10_000_000);
            assert_eq!(all.len(), 4);
            assert_eq!(all.last().map(lines), Some(10_000_000));
            assert_eq!(points(axis, 100_000).len(), 2);
        }
    }
}
