//! Backups, restores and verifications of databases with real tables.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::{Contestant, FLOOR, Figure, Peer, Place, Scenario, Set, Setting, Wanted};
use crate::data::Step;
use crate::data::tables::Tables;
use crate::task::{By, Flush, Job, Keep, Task};

/// A full backup makes no more flushes than this.
const FLUSHES: f64 = 100.0;
/// With 5,000 files.
const PEAK_MIB: f64 = 40.0;
/// A full backup of small files makes no more system calls than this for each.
const CALLS_PER_FILE: f64 = 9.0;
/// More workers than the machine has processors must not cost much.
const WORKERS: [usize; 3] = [2, 8, 64];

/// The ratios that are wanted in memory, against RocksDB's engine.
struct Ratios {
    backup: f64,
    restore: f64,
}

/// Few large tables.
pub(super) fn large(setting: &Setting, tables: Tables) -> Set {
    let it = Data::new("large", setting, tables);
    let ratios = Ratios {
        backup: 0.45,
        restore: 0.35,
    };
    let mut scenarios = vec![it.backup(&ratios), it.restore(&ratios), it.verify()];
    scenarios.extend(it.workers());
    scenarios.extend(it.cache());
    Set {
        make: it.make(),
        scenarios,
    }
}

/// Many small tables.
pub(super) fn small(setting: &Setting, tables: Tables) -> Set {
    let it = Data::new("small", setting, tables);
    let ratios = Ratios {
        backup: 0.25,
        restore: 0.65,
    };
    let mut scenarios = vec![
        it.backup(&ratios),
        it.incremental(),
        it.restore(&ratios),
        it.kept(Keep::ByChecksum),
        it.kept(Keep::BySession),
        it.verify(),
    ];
    scenarios.extend(it.workers());
    let calls = Wanted::Limit {
        figure: Figure::CallsPerItem,
        at_most: CALLS_PER_FILE,
    };
    scenarios[0].wanted.push(calls);
    let peak = [it.name("backup"), it.name("incremental"), it.name("restore")];
    for scenario in scenarios.iter_mut().filter(|it| peak.contains(&it.name)) {
        scenario.wanted.push(Wanted::peak_mib(PEAK_MIB));
    }
    let mut make = it.make();
    make.extend(it.make_more());
    Set { make, scenarios }
}

/// A database and what is made of it.
struct Data {
    name: &'static str,
    place: Place,
    tables: Tables,
    database: PathBuf,
    /// Stonekeep's, with one backup.
    repository: PathBuf,
    /// RocksDB's, with one backup.
    theirs: PathBuf,
    /// The database as it was restored.
    kept: PathBuf,
    /// What RocksDB opens, since it changes a database by opening it.
    twin: PathBuf,
    /// What a run makes.
    out: PathBuf,
}

impl Data {
    fn new(name: &'static str, setting: &Setting, tables: Tables) -> Self {
        let directory = setting.directory.join(name);
        let [database, repository, theirs, kept, twin, out] =
            ["db", "repository", "theirs", "kept", "twin", "out"].map(|name| directory.join(name));
        Data {
            name,
            place: setting.place,
            tables,
            database,
            repository,
            theirs,
            kept,
            twin,
            out,
        }
    }

    fn make(&self) -> Vec<Step> {
        vec![
            Step::Tables {
                tables: self.tables,
                at: self.database.clone(),
            },
            Step::Run(Job {
                by: By::Stonekeep(None),
                task: backup(&self.database, &self.repository),
            }),
        ]
    }

    fn make_more(&self) -> Vec<Step> {
        let run = |by, task| Step::Run(Job { by, task });
        vec![
            self.make_twin(),
            run(By::RocksDb(2), backup(&self.twin, &self.theirs)),
            Step::Remove(self.twin.clone()),
            run(
                By::Stonekeep(None),
                restore(&self.repository, &self.kept, Keep::Nothing),
            ),
        ]
    }

    fn make_twin(&self) -> Step {
        let (of, at) = (self.database.clone(), self.twin.clone());
        Step::Twin { of, at }
    }

    fn name(&self, what: &str) -> String {
        format!("{}/{what}", self.name)
    }

    fn scenario(
        &self,
        what: &str,
        title: &str,
        contestants: Vec<Contestant>,
        wanted: Vec<Wanted>,
    ) -> Scenario {
        let Tables { count, bytes_each } = self.tables;
        Scenario {
            name: self.name(what),
            title: format!("{title}, {count} tables of {} KiB", bytes_each >> 10),
            contestants,
            wanted,
        }
    }

    /// What is wanted of copying everything.
    fn of_copying(&self, of_rocksdb: f64) -> Vec<Wanted> {
        match self.place {
            Place::Disk => vec![Wanted::wall(Peer::Floor, 1.15)],
            _ => vec![
                Wanted::wall(Peer::RocksDb, of_rocksdb),
                Wanted::wall(Peer::Floor, 1.25),
                Wanted::Ratio {
                    figure: Figure::Cpu,
                    of: Peer::RocksDb,
                    at_most: 0.6,
                },
            ],
        }
    }

    fn backup(&self, ratios: &Ratios) -> Scenario {
        let mut wanted = self.of_copying(ratios.backup);
        wanted.push(Wanted::Limit {
            figure: Figure::Flushes,
            at_most: FLUSHES,
        });
        let ours = backup(&self.database, &self.out);
        let mut contestants = vec![Contestant::stonekeep(ours.clone())];
        contestants.extend([1, 2].map(|threads| self.of_twin(threads)));
        contestants.extend(Contestant::floors(&ours));
        self.scenario("backup", "full backup", self.clearing(contestants), wanted)
    }

    fn of_twin(&self, threads: i32) -> Contestant {
        Contestant::rocksdb(threads, backup(&self.twin, &self.out))
            .before(self.make_twin())
            .after(Step::Remove(self.twin.clone()))
    }

    fn restore(&self, ratios: &Ratios) -> Scenario {
        let task = restore(&self.repository, &self.out, Keep::Nothing);
        let mut contestants = vec![Contestant::stonekeep(task.clone())];
        contestants.extend([1, 2].map(|threads| Contestant::rocksdb(threads, task.clone())));
        contestants.extend(Contestant::floors(&task));
        let wanted = self.of_copying(ratios.restore);
        self.scenario("restore", "restore", self.clearing(contestants), wanted)
    }

    fn incremental(&self) -> Scenario {
        let again = |of: &PathBuf| Step::Twin {
            of: of.clone(),
            at: self.out.clone(),
        };
        let ours = Contestant::stonekeep(backup(&self.database, &self.out)).before(again(&self.repository));
        let mut contestants = vec![ours];
        contestants.extend([1, 2].map(|threads| self.of_twin(threads).before(again(&self.theirs))));
        let wanted = vec![
            Wanted::wall(Peer::RocksDb, 0.03),
            Wanted::Limit {
                figure: Figure::TablesOpened,
                at_most: 0.0,
            },
        ];
        let title = "second backup of an unchanged database";
        self.scenario("incremental", title, self.clearing(contestants), wanted)
    }

    fn kept(&self, keep: Keep) -> Scenario {
        let task = restore(&self.repository, &self.kept, keep);
        let mut contestants = vec![Contestant::stonekeep(task.clone())];
        contestants.extend(Contestant::floors(&task));
        let lose = |it: Contestant| {
            it.before(Step::LoseTables {
                of: self.kept.clone(),
            })
        };
        let contestants = contestants.into_iter().map(lose).collect();
        match keep {
            Keep::BySession => {
                let title = "restore with 99 % kept by session";
                self.scenario("kept-by-session", title, contestants, Vec::new())
            }
            _ => {
                let wanted = vec![Wanted::wall(Peer::Floor, 1.1)];
                let title = "restore with 99 % kept by checksum";
                self.scenario("kept", title, contestants, wanted)
            }
        }
    }

    /// On a disk the files have to come from there.
    fn verify(&self) -> Scenario {
        let task = Task::Verify {
            repository: self.repository.clone(),
        };
        let floor = Contestant::new(FLOOR, By::Floor(Flush::Syncfs), task.clone());
        let contestants = vec![Contestant::stonekeep(task), floor];
        let forget = |it: Contestant| match self.place {
            Place::Disk => it.before(Step::Forget(self.repository.clone())),
            _ => it,
        };
        let wanted = vec![Wanted::wall(Peer::Floor, 1.25)];
        let contestants = contestants.into_iter().map(forget).collect();
        self.scenario("verify", "verify with checksums", contestants, wanted)
    }

    /// Only in memory: a disk hides what many workers cost.
    fn workers(&self) -> Option<Scenario> {
        if self.place == Place::Disk {
            return None;
        }
        let with = |workers: usize| {
            let by = By::Stonekeep(NonZeroUsize::new(workers));
            let task = backup(&self.database, &self.out);
            Contestant::new(&format!("stonekeep {workers}"), by, task)
        };
        let mut contestants: Vec<_> = WORKERS.map(with).into();
        contestants.push(Contestant::stonekeep(backup(&self.database, &self.out)));
        let wanted = vec![Wanted::wall(Peer::TwoWorkers, 1.05)];
        let title = "full backup with this many workers";
        Some(self.scenario("workers", title, self.clearing(contestants), wanted))
    }

    /// What a backup does to the page cache, of which the database has a quarter of each table. Only on disk: a file
    /// system in memory is all page cache.
    fn cache(&self) -> Option<Scenario> {
        if self.place != Place::Disk {
            return None;
        }
        let ours = backup(&self.database, &self.out);
        let mut contestants = vec![Contestant::stonekeep(ours.clone()), self.of_twin(2)];
        contestants.extend(Contestant::floors(&ours));
        let quarter = |it: Contestant| {
            it.before(Step::Forget(self.database.clone()))
                .before(Step::ReadHeads(self.database.clone()))
                .watching([&self.database, &self.out])
        };
        let contestants = contestants.into_iter().map(quarter).collect();
        let title = "full backup with a quarter of the database in the page cache";
        Some(self.scenario("cache", title, self.clearing(contestants), Vec::new()))
    }

    fn clearing(&self, contestants: Vec<Contestant>) -> Vec<Contestant> {
        let clear = match self.place {
            Place::Disk => Step::PutAside(self.out.clone()),
            _ => Step::Remove(self.out.clone()),
        };
        let contestants = contestants.into_iter();
        contestants.map(|it| it.after(clear.clone())).collect()
    }
}

fn backup(database: &Path, repository: &Path) -> Task {
    let (database, repository) = (database.to_owned(), repository.to_owned());
    Task::Backup { database, repository }
}

fn restore(repository: &Path, target: &Path, keep: Keep) -> Task {
    Task::Restore {
        repository: repository.to_owned(),
        target: target.to_owned(),
        keep,
    }
}
