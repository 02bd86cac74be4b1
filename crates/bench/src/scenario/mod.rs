//! The scenarios: what is compared, the contestants of each, the wanted figures.

mod against;
mod catalog;
mod command;
pub(crate) mod daily;
pub(crate) mod growth;
mod hot;
pub(crate) mod remote;
pub(crate) mod sets;
mod tables;

use std::path::PathBuf;

use serde::Serialize;

use crate::data::Step;
use crate::data::tables::Tables;
use crate::task::{By, Flush, Job, Task};

/// Where bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
    /// A file system in memory: what the program itself costs.
    Memory,
    /// A disk: how near it comes to what the disk can do.
    Disk,
    /// A server that speaks S3; databases are in memory.
    S3,
    /// HDFS; databases are in memory.
    Hdfs,
}

/// A place to measure in.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) place: Place,
    /// An empty directory.
    pub(crate) directory: PathBuf,
    pub(crate) scale: Scale,
    pub(crate) programs: Programs,
}

/// Programs beside this one that are measured.
#[derive(Debug, Clone, Default)]
pub(crate) struct Programs {
    /// The command `stonekeep`.
    pub(crate) command: Option<PathBuf>,
    /// Another build of the command. If it is given, only the two commands are compared.
    pub(crate) against: Option<PathBuf>,
    /// Another build of this program, with a RocksDB that uses the processor's CRC-32C.
    pub(crate) crc32c_bench: Option<PathBuf>,
    /// The command `eat-rocks`.
    pub(crate) eat_rocks: Option<PathBuf>,
}

/// How much data.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Scale {
    pub(crate) large: Tables,
    pub(crate) small: Tables,
    /// Tables in each backup of a synthetic repository.
    pub(crate) files: u64,
    /// Backups in two such repositories.
    pub(crate) backups: [u32; 2],
    /// Backups in one that RocksDB's engine made.
    pub(crate) foreign_backups: u32,
    /// How many of them a purge leaves.
    pub(crate) purged_to: usize,
    /// A repository in which memory could grow.
    pub(crate) wide: (u64, u32),
    /// Tables in two databases that are captured while they are written.
    pub(crate) hot: [u64; 2],
}

impl Scale {
    /// The full one, or the tiny one.
    pub(crate) fn of(tiny: bool) -> Self {
        if tiny { Scale::TINY } else { Scale::FULL }
    }

    /// What the wanted figures are about.
    pub(crate) const FULL: Scale = Scale {
        large: Tables {
            count: 16,
            bytes_each: 64 << 20,
        },
        small: Tables {
            count: 5000,
            bytes_each: 64 << 10,
        },
        files: 5000,
        backups: [100, 1000],
        foreign_backups: 105,
        purged_to: 10,
        wide: (100_000, 100),
        hot: [15, 7500],
    };

    /// Enough to see that everything runs; the figures mean nothing.
    pub(crate) const TINY: Scale = Scale {
        large: Tables {
            count: 4,
            bytes_each: 1 << 20,
        },
        small: Tables {
            count: 120,
            bytes_each: 64 << 10,
        },
        files: 50,
        backups: [5, 10],
        foreign_backups: 6,
        purged_to: 2,
        wide: (500, 5),
        hot: [15, 75],
    };
}

/// Scenarios that share their data.
pub(crate) struct Set {
    /// What has to be made first.
    pub(crate) make: Vec<Step>,
    pub(crate) scenarios: Vec<Scenario>,
}

/// One comparison.
pub(crate) struct Scenario {
    /// As in `small/backup`.
    pub(crate) name: String,
    /// What is done, in a few words.
    pub(crate) title: String,
    pub(crate) contestants: Vec<Contestant>,
    pub(crate) wanted: Vec<Wanted>,
}

/// Somebody who takes part.
#[derive(Clone)]
pub(crate) struct Contestant {
    pub(crate) name: String,
    /// The build of this program that does the job, if not this one.
    pub(crate) program: Option<PathBuf>,
    pub(crate) before: Vec<Step>,
    pub(crate) job: Job,
    /// Directories whose part in the page cache is looked at after the job.
    pub(crate) watched: Vec<PathBuf>,
    pub(crate) after: Vec<Step>,
}

/// Whom Stonekeep is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Peer {
    /// RocksDB's engine with 2 threads.
    RocksDb,
    /// The faster of the bare programs.
    Floor,
    /// RocksDB's engine with 2 threads and the processor's CRC-32C.
    RocksDbCrc32c,
    /// Stonekeep with 2 workers.
    TwoWorkers,
    /// The other build of the command.
    Against,
    /// The bare client of object stores.
    Client,
    /// The command eat-rocks.
    EatRocks,
    /// Hadoop's own shell.
    HdfsDfs,
    /// Stonekeep without the latency.
    WithoutLatency,
    /// Stonekeep with one database instead of many.
    OneDatabase,
    /// Stonekeep with one repository instead of two.
    OneRepository,
    /// The faster of the programs that back up files.
    FileTool,
    /// RocksDB's command `sst_dump`.
    SstDump,
    /// The same command that looks at checksums alone.
    Checksums,
}

/// Which figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Figure {
    /// Seconds.
    Wall,
    /// Processor seconds.
    Cpu,
    /// Bytes of memory.
    Peak,
    /// Calls that wait for a disk.
    Flushes,
    /// Tables that were opened.
    TablesOpened,
    /// System calls for each file or backup.
    CallsPerItem,
}

/// What a figure of Stonekeep's should be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wanted {
    /// At most so much of a peer's.
    Ratio { figure: Figure, of: Peer, at_most: f64 },
    /// The same, where another peer is that good.
    RatioIf {
        figure: Figure,
        of: Peer,
        at_most: f64,
        reached_by: Peer,
    },
    /// At most this.
    Limit { figure: Figure, at_most: f64 },
}

pub(crate) const MIB: f64 = 1_048_576.0;
pub(crate) const STONEKEEP: &str = "stonekeep";
pub(crate) const ROCKSDB: &str = "rocksdb 2";
pub(crate) const ROCKSDB_CRC32C: &str = "rocksdb 2 crc32c";
pub(crate) const AGAINST: &str = "other build";
pub(crate) const FLOOR: &str = "floor";
pub(crate) const TWO_WORKERS: &str = "stonekeep 2";
pub(crate) const CLIENT: &str = "bare client";
pub(crate) const EAT_ROCKS: &str = "eat-rocks";
pub(crate) const HDFS_DFS: &str = "hdfs dfs";
pub(crate) const ONE_DATABASE: &str = "one database";
pub(crate) const ONE_REPOSITORY: &str = "one repository";
pub(crate) const RESTIC: &str = "restic";
pub(crate) const RUSTIC: &str = "rustic";
pub(crate) const SST_DUMP: &str = "sst_dump";
pub(crate) const CHECKSUMS: &str = "checksums";
pub(crate) const WITHOUT_LATENCY: &str = "without latency";

impl Contestant {
    /// Stonekeep as it comes.
    fn stonekeep(task: Task) -> Self {
        Self::new(STONEKEEP, By::Stonekeep(None), task)
    }

    fn rocksdb(threads: i32, task: Task) -> Self {
        Self::new(&format!("rocksdb {threads}"), By::RocksDb(threads), task)
    }

    /// The bare program in both ways of making files durable.
    fn floors(task: &Task) -> [Self; 2] {
        [("syncfs", Flush::Syncfs), ("fdatasync", Flush::Fdatasync)]
            .map(|(name, flush)| Self::new(&format!("{FLOOR} {name}"), By::Floor(flush), task.clone()))
    }

    fn new(name: &str, by: By, task: Task) -> Self {
        Contestant {
            name: name.to_owned(),
            program: None,
            before: Vec::new(),
            job: Job { by, task },
            watched: Vec::new(),
            after: Vec::new(),
        }
    }

    fn before(mut self, step: Step) -> Self {
        self.before.push(step);
        self
    }

    fn watching(mut self, directories: [&PathBuf; 2]) -> Self {
        self.watched = directories.map(PathBuf::clone).into();
        self
    }

    fn after(mut self, step: Step) -> Self {
        self.after.push(step);
        self
    }
}

impl Wanted {
    /// The figure's limit.
    pub(crate) fn at_most(self) -> f64 {
        match self {
            Wanted::Ratio { at_most, .. }
            | Wanted::RatioIf { at_most, .. }
            | Wanted::Limit { at_most, .. } => at_most,
        }
    }

    fn wall(of: Peer, at_most: f64) -> Self {
        let figure = Figure::Wall;
        Wanted::Ratio { figure, of, at_most }
    }

    fn peak_mib(at_most: f64) -> Self {
        Wanted::Limit {
            figure: Figure::Peak,
            at_most: at_most * MIB,
        }
    }
}
