//! Parses the arguments of the program.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Measures Stonekeep beside RocksDB's engine and a bare copy.
#[derive(Debug, Parser)]
#[command(
    name = "stonekeep-bench",
    args_conflicts_with_subcommands = true,
    args_override_self = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
    #[command(flatten)]
    pub(crate) compare: Compare,
}

/// What else it does.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// How create, open, list, delete and gc grow with the number of files, and with that of backups.
    Growth(Growth),
    /// Repositories on an S3 server and in HDFS beside other programs, where the environment names them: STONEKEEP_TEST_S3
    /// is s3://BUCKET/PREFIX, with AWS_ENDPOINT_URL and credentials; STONEKEEP_TEST_HDFS is hdfs://HOST:PORT/PATH, and
    /// STONEKEEP_TEST_HDFS_SERVER is 'PROGRAM DIRECTORY', such that PROGRAM dfs DIRECTORY is Hadoop's hdfs dfs.
    Remote(Remote),
    /// Many databases from one file, several repositories, restic and rustic on the directory of a database, and deep
    /// verification beside sst_dump.
    Daily(Daily),
    /// Makes the data of some scenarios and leaves it there, and prints the jobs that work on it: each is the standard
    /// input of `stonekeep-bench work`, which can so be run under strace, perf or callgrind.
    Prepare(Prepare),
    /// One measured job, as JSON on the standard input: how the program calls itself.
    #[command(hide = true)]
    Work,
    /// Prints whether RocksDB uses the processor's CRC-32C.
    #[command(hide = true)]
    Crc32c,
    /// Writes into a database until it is killed.
    #[command(hide = true)]
    Write {
        /// The database's directory.
        database: PathBuf,
    },
}

/// How everything is compared.
#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// How often each contestant has its turn.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) rounds: u16,
    /// Three rounds.
    #[arg(long, conflicts_with = "rounds")]
    pub(crate) quick: bool,
    /// A hundredth of the data, to see that everything runs; the figures mean nothing.
    #[arg(long)]
    pub(crate) tiny: bool,
    /// Only scenarios with this in their names, as in memory/small; may be given more than once.
    #[arg(long, value_name = "PART")]
    pub(crate) only: Vec<String>,
    /// A directory on the disk to measure.
    #[arg(long, default_value = "target/bench")]
    pub(crate) dir: PathBuf,
    /// A directory on a file system in memory.
    #[arg(long, default_value = "/dev/shm")]
    pub(crate) mem: PathBuf,
    /// The stonekeep command, for its start and its size.
    #[arg(long, value_name = "FILE")]
    pub(crate) command: Option<PathBuf>,
    /// Compares the command with this other build of it, and nothing else.
    #[arg(long, value_name = "FILE", requires = "command")]
    pub(crate) against: Option<PathBuf>,
    /// This program built with a RocksDB that uses the processor's CRC-32C, to show its figures, too.
    #[arg(long, value_name = "FILE")]
    pub(crate) crc32c_bench: Option<PathBuf>,
    /// Leaves out the counting of system calls.
    #[arg(long)]
    pub(crate) no_counts: bool,
    /// Writes everything that was measured to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Draws a chart into this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

/// How growth is measured.
#[derive(Debug, Args)]
pub(crate) struct Growth {
    /// Leaves out what has more lines in its meta files: files times backups.
    #[arg(long, value_name = "LINES", default_value_t = 10_000_000)]
    pub(crate) most: u64,
    /// A directory on a file system in memory.
    #[arg(long, default_value = "/dev/shm")]
    pub(crate) mem: PathBuf,
    /// Writes everything that was measured to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Draws a chart into this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

/// How servers are measured.
#[derive(Debug, Args)]
pub(crate) struct Remote {
    /// How often each contestant has its turn.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) rounds: u16,
    /// Three rounds, and a quarter of the data.
    #[arg(long, conflicts_with_all = ["rounds", "tiny"])]
    pub(crate) quick: bool,
    /// Very little data, to see that everything runs; the figures mean nothing.
    #[arg(long)]
    pub(crate) tiny: bool,
    /// Only scenarios with this in their names, as in s3/small/push or hdfs/; may be given more than once.
    #[arg(long, value_name = "PART")]
    pub(crate) only: Vec<String>,
    /// A directory on a file system in memory.
    #[arg(long, default_value = "/dev/shm")]
    pub(crate) mem: PathBuf,
    /// The stonekeep command.
    #[arg(long, value_name = "FILE")]
    pub(crate) command: PathBuf,
    /// The eat-rocks command; else it takes no part.
    #[arg(long, value_name = "FILE")]
    pub(crate) eat_rocks: Option<PathBuf>,
    /// Writes everything that was measured to this file, anew after each scenario.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Draws a chart into this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

/// How what runs every day is measured.
#[derive(Debug, Args)]
pub(crate) struct Daily {
    /// How often each contestant has its turn.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) rounds: u16,
    /// Very little data, to see that everything runs; the figures mean nothing.
    #[arg(long)]
    pub(crate) tiny: bool,
    /// Only scenarios with this in their names, as in many/ or small/restore; may be given more than once.
    #[arg(long, value_name = "PART")]
    pub(crate) only: Vec<String>,
    /// A directory on a file system in memory.
    #[arg(long, default_value = "/dev/shm")]
    pub(crate) mem: PathBuf,
    /// A directory on a disk.
    #[arg(long, default_value = "target/bench")]
    pub(crate) dir: PathBuf,
    /// The stonekeep command.
    #[arg(long, value_name = "FILE")]
    pub(crate) command: PathBuf,
    /// The restic command; else it takes no part.
    #[arg(long, value_name = "FILE")]
    pub(crate) restic: Option<PathBuf>,
    /// The rustic command; else it takes no part.
    #[arg(long, value_name = "FILE")]
    pub(crate) rustic: Option<PathBuf>,
    /// RocksDB's sst_dump command; else it takes no part.
    #[arg(long, value_name = "FILE")]
    pub(crate) sst_dump: Option<PathBuf>,
    /// Writes everything that was measured to this file, anew after each scenario.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// What is prepared.
#[derive(Debug, Args)]
pub(crate) struct Prepare {
    /// Where the data goes: a directory that is not there yet, on a file system in memory or on disk.
    pub(crate) directory: PathBuf,
    /// Only scenarios with this in their names, as in memory/small/backup; may be given more than once.
    #[arg(long, value_name = "PART", required = true)]
    pub(crate) only: Vec<String>,
    /// A hundredth of the data.
    #[arg(long)]
    pub(crate) tiny: bool,
}
