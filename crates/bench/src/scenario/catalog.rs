//! Listing and purging of repositories with many backups. Their tables are sparse files.

use super::{Contestant, Peer, Scenario, Set, Setting, Wanted};
use crate::data::Step;
use crate::data::synthetic::Shape;
use crate::task::{By, Job, Task};

/// In a repository of 100,000 files and 100 backups.
const PEAK_MIB: f64 = 128.0;
/// One more backup there.
const PEAK_MIB_OF_BACKUP: f64 = 80.0;

/// Opening a repository to learn of its latest backup, or of all.
pub(super) fn listed(setting: &Setting, shape: Shape) -> Set {
    let name = format!("listed-{}", shape.backups);
    let repository = setting.directory.join(&name);
    let latest = Task::Latest {
        repository: repository.clone(),
    };
    let list = Task::List {
        repository: repository.clone(),
    };
    let both = |task: Task| vec![Contestant::stonekeep(task.clone()), Contestant::rocksdb(2, task)];
    let scenario = |what: &str, title: &str, task: Task, ratio: f64| Scenario {
        name: format!("{name}/{what}"),
        title: format!(
            "open and {title}, {} backups of {} files",
            shape.backups, shape.files
        ),
        contestants: both(task),
        wanted: vec![Wanted::wall(Peer::RocksDb, ratio)],
    };
    Set {
        make: vec![Step::Repository {
            shape,
            at: repository.clone(),
        }],
        scenarios: vec![
            scenario("latest", "latest backup", latest, 0.01),
            scenario("list", "list of all", list, 0.1),
        ],
    }
}

/// Old backups go, with the files that they alone name.
pub(super) fn purged(setting: &Setting, shape: Shape, keep: usize) -> Set {
    let repository = setting.directory.join("purged");
    let task = Task::Purge {
        repository: repository.clone(),
        keep,
    };
    let fresh = |it: Contestant| {
        let at = repository.clone();
        it.before(Step::Repository { shape, at })
            .after(Step::Remove(repository.clone()))
    };
    let contestants = [
        Contestant::stonekeep(task.clone()),
        Contestant::rocksdb(2, task.clone()),
    ];
    Set {
        make: Vec::new(),
        scenarios: vec![Scenario {
            name: "purged/purge".to_owned(),
            title: format!(
                "purge of {} backups of {} files down to {keep}",
                shape.backups, shape.files
            ),
            contestants: contestants.map(fresh).into(),
            wanted: vec![Wanted::wall(Peer::RocksDb, 0.5)],
        }],
    }
}

/// How much memory the verbs take where there are many files in many backups.
pub(super) fn wide(setting: &Setting, shape: Shape) -> Set {
    let [repository, database] = ["wide/repository", "wide/db"].map(|name| setting.directory.join(name));
    let at = || repository.clone();
    let backup = Task::Backup {
        database: database.clone(),
        repository: at(),
    };
    let purge = Task::Purge {
        repository: at(),
        keep: shape.backups as usize,
    };
    let run = |task: &Task| {
        Step::Run(Job {
            by: By::Stonekeep(None),
            task: task.clone(),
        })
    };
    let alone = |task: Task| vec![Contestant::stonekeep(task)];
    let both = |task: Task| vec![Contestant::stonekeep(task.clone()), Contestant::rocksdb(2, task)];
    let scenario = |what: &str, title: &str, contestants: Vec<Contestant>| Scenario {
        name: format!("wide/{what}"),
        title: format!("{title}, {} backups of {} files", shape.backups, shape.files),
        contestants,
        wanted: vec![Wanted::peak_mib(match what {
            "incremental" => PEAK_MIB_OF_BACKUP,
            _ => PEAK_MIB,
        })],
    };
    let added = Contestant::stonekeep(backup.clone()).after(run(&purge));
    let purged = Contestant::stonekeep(purge).before(run(&backup));
    Set {
        make: vec![
            Step::Repository { shape, at: at() },
            Step::Database {
                shape,
                at: database.clone(),
            },
        ],
        scenarios: vec![
            scenario(
                "latest",
                "open and latest backup",
                both(Task::Latest { repository: at() }),
            ),
            scenario(
                "list",
                "open and list of all",
                both(Task::List { repository: at() }),
            ),
            scenario("incremental", "one more backup", vec![added]),
            scenario("purge", "purge of one backup", vec![purged]),
            scenario(
                "collect",
                "collection of garbage",
                alone(Task::Collect { repository: at() }),
            ),
        ],
    }
}
