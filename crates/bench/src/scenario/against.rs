//! The command beside another build of it: what users wait for most often.
//!
//! Each build works on repositories that it has made itself.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{AGAINST, Contestant, Peer, Place, STONEKEEP, Scenario, Set, Setting, Wanted};
use crate::data::Step;
use crate::data::synthetic::Shape;
use crate::task::{By, Job, Task};

/// No build is slower than the one before by more than this.
const AT_MOST: f64 = 1.03;
/// Of the time in which RocksDB's engine opens a repository that it made.
const LIST_AT_MOST: f64 = 0.15;

/// The scenarios, with the command and the other build of it.
pub(super) fn sets(setting: &Setting, commands: [&PathBuf; 2]) -> Vec<Set> {
    let directory = setting.directory.join("against");
    let builds = [(STONEKEEP, "this"), (AGAINST, "other")];
    let builds: Vec<Build> = builds
        .into_iter()
        .zip(commands)
        .map(|((name, folder), command)| Build {
            name,
            command: command.clone(),
            database: directory.join("db"),
            repository: directory.join(format!("{folder}-repository")),
            kept: directory.join(format!("{folder}-kept")),
            out: directory.join(format!("{folder}-out")),
            place: setting.place,
            files: setting.scale.small.count,
        })
        .collect();
    vec![small(setting, &builds), listed(setting, &builds)]
}

/// A build of the command, with its files.
struct Build {
    name: &'static str,
    command: PathBuf,
    database: PathBuf,
    /// With one backup, made by this build.
    repository: PathBuf,
    /// The database as this build restored it.
    kept: PathBuf,
    /// What a run makes.
    out: PathBuf,
    place: Place,
    files: u64,
}

fn small(setting: &Setting, builds: &[Build]) -> Set {
    let mut make = vec![Step::Tables {
        tables: setting.scale.small,
        at: builds[0].database.clone(),
    }];
    make.extend(builds.iter().flat_map(Build::make));
    let scenario = |name: &str, title: &str, contestant: fn(&Build) -> Contestant| Scenario {
        name: format!("against/{name}"),
        title: format!("{title}, {} tables, by the command", setting.scale.small.count),
        contestants: builds.iter().map(contestant).collect(),
        wanted: vec![Wanted::wall(Peer::Against, AT_MOST)],
    };
    let scenarios = vec![
        scenario("backup", "full backup", Build::backup),
        scenario(
            "incremental",
            "second backup of an unchanged database",
            Build::incremental,
        ),
        scenario(
            "kept-by-session",
            "restore with 99 % kept by session",
            Build::kept_by_session,
        ),
    ];
    Set { make, scenarios }
}

fn listed(setting: &Setting, builds: &[Build]) -> Set {
    let shape = Shape::without_facts(setting.scale.files, setting.scale.foreign_backups);
    let repository = setting.directory.join("foreign");
    let list = |build: &Build| {
        let arguments = ["list".into(), "--repo".into(), repository.clone().into()];
        Contestant::new(
            build.name,
            By::Stonekeep(None),
            build.task(arguments.into(), shape.backups.into()),
        )
    };
    let mut contestants: Vec<Contestant> = builds.iter().map(list).collect();
    let repository = repository.clone();
    contestants.push(Contestant::rocksdb(
        2,
        Task::List {
            repository: repository.clone(),
        },
    ));
    let scenario = Scenario {
        name: "against/list".to_owned(),
        title: format!(
            "list of {} backups of {} files that RocksDB's engine made, by the command",
            shape.backups, shape.files
        ),
        contestants,
        wanted: vec![
            Wanted::wall(Peer::Against, AT_MOST),
            Wanted::wall(Peer::RocksDb, LIST_AT_MOST),
        ],
    };
    Set {
        make: vec![Step::Repository {
            shape,
            at: repository,
        }],
        scenarios: vec![scenario],
    }
}

impl Build {
    /// A repository with one backup, and the database as it was restored from it.
    fn make(&self) -> Vec<Step> {
        let run = |task| {
            let by = By::Stonekeep(None);
            Step::Run(Job { by, task })
        };
        vec![
            run(self.backup_to(&self.repository)),
            run(self.restore("purge-all")),
        ]
    }

    fn backup(&self) -> Contestant {
        self.contestant(self.backup_to(&self.out)).after(self.clear())
    }

    fn incremental(&self) -> Contestant {
        let (of, at) = (self.repository.clone(), self.out.clone());
        self.backup().before(Step::Twin { of, at })
    }

    fn kept_by_session(&self) -> Contestant {
        let lose = Step::LoseTables {
            of: self.kept.clone(),
        };
        self.contestant(self.restore("keep-latest-db-session-id-files"))
            .before(lose)
    }

    fn contestant(&self, task: Task) -> Contestant {
        Contestant::new(self.name, By::Stonekeep(None), task)
    }

    fn task(&self, arguments: Vec<OsString>, items: u64) -> Task {
        Task::Command {
            command: self.command.clone(),
            arguments,
            items,
        }
    }

    fn backup_to(&self, repository: &Path) -> Task {
        let arguments = [
            "backup".into(),
            self.database.clone().into(),
            "--repo".into(),
            repository.into(),
        ];
        self.task(arguments.into(), self.files)
    }

    fn restore(&self, mode: &str) -> Task {
        let arguments = [
            "restore".into(),
            "--repo".into(),
            self.repository.clone().into(),
            "--to".into(),
            self.kept.clone().into(),
            "--mode".into(),
            mode.into(),
        ];
        self.task(arguments.into(), self.files)
    }

    fn clear(&self) -> Step {
        match self.place {
            Place::Disk => Step::PutAside(self.out.clone()),
            _ => Step::Remove(self.out.clone()),
        }
    }
}
