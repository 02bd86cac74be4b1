//! Backups and restores in HDFS, beside Hadoop's own shell, which copies the same files with 16 threads.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Scale;
use crate::data::Step;
use crate::data::tables::Tables;
use crate::scenario::{Contestant, HDFS_DFS, Peer, STONEKEEP, Scenario, Set, Setting, Wanted};
use crate::server::hadoop::Hadoop;
use crate::task::{By, Job, Task};

const SMALL_OF_HDFS_DFS: f64 = 0.8;
/// 0.9 of the rate.
const LARGE_OF_HDFS_DFS: f64 = 1.0 / 0.9;
const THREADS: &str = "16";

/// All of them, in a directory of this run.
pub(crate) fn sets(setting: &Setting, scale: Scale, hadoop: &Hadoop, stonekeep: &Path) -> Vec<Set> {
    let of = |name, tables, ratio| {
        let directory = setting.directory.join(name);
        let [database, checkpoint, out] = ["db", "checkpoint", "out"].map(|name| directory.join(name));
        let it = Data {
            name,
            tables,
            database,
            checkpoint,
            out,
            hadoop: hadoop.join(name),
            stonekeep: stonekeep.to_owned(),
        };
        it.set(ratio)
    };
    vec![
        of("small", scale.small_in_hdfs, SMALL_OF_HDFS_DFS),
        of("large", scale.large, LARGE_OF_HDFS_DFS),
    ]
}

/// Removes the directory of a run, and all that is in it.
pub(crate) fn remove(hadoop: &Hadoop) -> Job {
    shell(hadoop, ["-rm", "-r", "-f", "-skipTrash", &hadoop.url], 1)
}

struct Data {
    name: &'static str,
    tables: Tables,
    database: PathBuf,
    /// Its files, without those that a backup does not have.
    checkpoint: PathBuf,
    /// What a restore makes.
    out: PathBuf,
    hadoop: Hadoop,
    stonekeep: PathBuf,
}

impl Data {
    fn set(&self, ratio: f64) -> Set {
        let (repository, pushed) = (self.hadoop.join("repository"), self.hadoop.join("pushed"));
        let Tables { count, bytes_each } = self.tables;
        let empty = Step::Run(remove(&pushed));
        let pushing = vec![
            self.stonekeep(vec!["backup".into(), self.database.clone().into()], &pushed)
                .after(empty.clone()),
            self.hdfs_dfs(["-put", "-t", THREADS, &text(&self.checkpoint), &pushed.url])
                .after(empty),
        ];
        // The shell has no restore: it gets all tables that the backup has.
        let tables = format!("{}/shared_checksum", repository.url);
        let restoring = vec![
            self.stonekeep(
                vec!["restore".into(), "--to".into(), self.out.clone().into()],
                &repository,
            ),
            self.hdfs_dfs(["-get", "-t", THREADS, &tables, &text(&self.out)]),
        ];
        let scenario = |what: &str, title: &str, contestants: Vec<Contestant>| Scenario {
            name: format!("{}/{what}", self.name),
            title: format!("{title}, {count} tables of {} KiB", bytes_each >> 10),
            contestants,
            wanted: vec![Wanted::wall(Peer::HdfsDfs, ratio)],
        };
        let restoring = restoring.into_iter().map(|contestant| {
            let at = self.out.clone();
            contestant
                .after(Step::ExpectTables { at, count })
                .after(Step::Remove(self.out.clone()))
        });
        Set {
            make: self.make(&repository),
            scenarios: vec![
                scenario("push", "full backup", pushing),
                scenario("restore", "restore", restoring.collect()),
            ],
        }
    }

    fn make(&self, repository: &Hadoop) -> Vec<Step> {
        let backup = vec!["backup".into(), self.database.clone().into()];
        vec![
            Step::Tables {
                tables: self.tables,
                at: self.database.clone(),
            },
            Step::Checkpoint {
                of: self.database.clone(),
                at: self.checkpoint.clone(),
            },
            Step::Run(shell(&self.hadoop, ["-mkdir", "-p", &self.hadoop.url], 1)),
            Step::Run(self.stonekeep(backup, repository).job),
        ]
    }

    fn stonekeep(&self, mut arguments: Vec<OsString>, repository: &Hadoop) -> Contestant {
        arguments.extend(["--repo".into(), repository.url.clone().into()]);
        let task = Task::Command {
            command: self.stonekeep.clone(),
            arguments,
            items: self.tables.count,
        };
        Contestant::new(STONEKEEP, By::Stonekeep(None), task)
    }

    fn hdfs_dfs<const N: usize>(&self, arguments: [&str; N]) -> Contestant {
        let job = shell(&self.hadoop, arguments, self.tables.count);
        Contestant::new(HDFS_DFS, job.by, job.task)
    }
}

fn shell<const N: usize>(hadoop: &Hadoop, arguments: [&str; N], items: u64) -> Job {
    let (command, arguments) = hadoop.dfs(arguments.map(OsString::from));
    Job {
        by: By::Stonekeep(None),
        task: Task::Command {
            command,
            arguments,
            items,
        },
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
