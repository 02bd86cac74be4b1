//! A database in memory, with what the programs make of it in a bucket.

use std::path::PathBuf;

use super::tools::{Tool, Verb};
use crate::data::Step;
use crate::data::tables::Tables;
use crate::scenario::{CLIENT, Contestant, EAT_ROCKS, STONEKEEP, Scenario, Setting, Wanted};
use crate::server::bucket::Bucket;
use crate::task::{By, Task};

/// Requests of the bare client at a time: as many as eat-rocks sends files.
const REQUESTS: usize = 16;

/// A database and its places in a bucket.
pub(super) struct Data {
    name: &'static str,
    tables: Tables,
    pub(super) database: PathBuf,
    /// Its files, without those that a checkpoint does not have.
    pub(super) checkpoint: PathBuf,
    /// What a restore makes.
    out: PathBuf,
    /// Stonekeep's, with one backup.
    pub(super) repository: Bucket,
    /// The other program's, with one backup.
    pub(super) theirs: Bucket,
    /// What a run makes.
    pushed: Bucket,
}

impl Data {
    pub(super) fn new(name: &'static str, setting: &Setting, tables: Tables, bucket: &Bucket) -> Self {
        let directory = setting.directory.join(name);
        let [database, checkpoint, out] = ["db", "checkpoint", "out"].map(|name| directory.join(name));
        let bucket = bucket.join(name);
        let [repository, theirs, pushed] = ["repository", "theirs", "pushed"].map(|name| bucket.join(name));
        Data {
            name,
            tables,
            database,
            checkpoint,
            out,
            repository,
            theirs,
            pushed,
        }
    }

    /// The database, its checkpoint, and Stonekeep's backup of it.
    pub(super) fn make(&self, stonekeep: &Tool) -> Vec<Step> {
        vec![
            Step::Tables {
                tables: self.tables,
                at: self.database.clone(),
            },
            Step::Checkpoint {
                of: self.database.clone(),
                at: self.checkpoint.clone(),
            },
            self.run(stonekeep, &self.push(stonekeep), &self.repository),
        ]
    }

    /// Runs a program without measuring it.
    pub(super) fn run(&self, tool: &Tool, verb: &Verb<'_>, at: &Bucket) -> Step {
        Step::Run(tool.job(verb, at, self.tables.count))
    }

    /// What the program backs up.
    pub(super) fn push(&self, tool: &Tool) -> Verb<'_> {
        Verb::Push(match tool {
            Tool::Stonekeep { .. } => &self.database,
            Tool::EatRocks { .. } => &self.checkpoint,
        })
    }

    pub(super) fn scenario(
        &self,
        what: &str,
        title: &str,
        contestants: Vec<Contestant>,
        wanted: Vec<Wanted>,
    ) -> Scenario {
        let Tables { count, bytes_each } = self.tables;
        Scenario {
            name: format!("{}/{what}", self.name),
            title: format!("{title}, {count} tables of {} KiB", bytes_each >> 10),
            contestants,
            wanted,
        }
    }

    /// Backs up into an empty prefix, which is emptied again.
    pub(super) fn pushing(&self, tool: &Tool) -> Contestant {
        self.contestant(tool, &self.push(tool), &self.pushed)
            .after(self.empty())
    }

    /// Puts the files of the database, and does nothing else.
    pub(super) fn putting(&self) -> Contestant {
        let task = Task::Put {
            database: self.database.clone(),
            bucket: self.pushed.clone(),
        };
        Contestant::new(CLIENT, By::Client(REQUESTS), task).after(self.empty())
    }

    /// Restores Stonekeep's backup.
    pub(super) fn restoring(&self, tool: &Tool) -> Contestant {
        let restored = Step::ExpectTables {
            at: self.out.clone(),
            count: self.tables.count,
        };
        self.contestant(tool, &Verb::Restore(&self.out), &self.repository)
            .after(restored)
            .after(Step::Remove(self.out.clone()))
    }

    /// Backs up once more what is stored already; then the older backup goes.
    pub(super) fn repeating(&self, tool: &Tool) -> Contestant {
        let at = match tool {
            Tool::Stonekeep { .. } => &self.repository,
            Tool::EatRocks { .. } => &self.theirs,
        };
        self.contestant(tool, &self.push(tool), at)
            .after(self.run(tool, &Verb::KeepNewest, at))
    }

    fn contestant(&self, tool: &Tool, verb: &Verb<'_>, at: &Bucket) -> Contestant {
        let job = tool.job(verb, at, self.tables.count);
        Contestant::new(name_of(tool), job.by, job.task)
    }

    fn empty(&self) -> Step {
        Step::RemoveObjects {
            of: self.pushed.clone(),
            at_least: self.tables.count,
        }
    }
}

/// The contestant that a program is.
pub(super) fn name_of(tool: &Tool) -> &'static str {
    match tool {
        Tool::Stonekeep { .. } => STONEKEEP,
        Tool::EatRocks { .. } => EAT_ROCKS,
    }
}
