//! The arguments of `verify`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use stonekeep::engine::verify::{Sample, VerifyLevel};

use crate::args::choice::{Choice, one_of};
use crate::args::engine::WorkArgs;
use crate::args::optional_repository::OptionalRepoArgs;
use crate::args::quantity::{parse_duration, parse_rate};
use crate::args::sample::parse_sample;
use crate::args::select::SelectArgs;
use crate::args::which::{Which, parse_id_or_latest};

/// Verify backups for damage
///
/// By default, reads every byte of all backups; a file that several backups share is read once. Reports each damaged file
/// with the backups that it affects, and ends with exit code 3. Reports files that could not be read separately; if there
/// is no other finding, the exit code is 1. The repository remembers when each file was read and whether it was right. With
/// --sample or --max-duration, a run reads those files that were not read for the longest time, and looks at the sizes of all others.
/// With --database, looks into the tables, blob files and WALs of a database that no process has open, as --level deep does for backups.
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::VERIFY)]
pub(crate) struct VerifyArgs {
    /// The backup: an id, latest, or latest~N (the Nth before the newest) [default: all, or the newest that is selected]
    #[arg(value_name = "ID", value_parser = parse_id_or_latest, conflicts_with = "all")]
    pub(super) backup: Option<Which>,
    /// Verify all backups, which is the default; without a repository, those of every database of the configuration file
    #[arg(long)]
    pub(super) all: bool,
    #[command(flatten)]
    pub(super) repo: OptionalRepoArgs,
    /// Verify the database in this directory, or of this name in the configuration file, instead of backups
    #[arg(long, value_name = "DIR", conflicts_with_all = ["repo", "backup", "all", "before", "tag", "level", "sample", "max_duration"])]
    pub(super) database: Option<PathBuf>,
    /// The directory of the database's WALs, if it is neither DIR nor named in OPTIONS
    #[arg(long, value_name = "DIR", requires = "database")]
    pub(super) wal_dir: Option<PathBuf>,
    /// A further directory of the database's tables (db_paths, cf_paths); may be repeated
    #[arg(long, value_name = "DIR", requires = "database")]
    pub(super) db_path: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) select: SelectArgs,
    /// What to check
    #[arg(long, value_name = "LEVEL", value_parser = one_of(LEVELS), default_value = "checksum")]
    pub(super) level: VerifyLevel,
    /// Read only so much of the files: a part such as 5% or 1/7, or a size; 1/7 on each day of a week reads all of them
    #[arg(long, value_name = "PART", value_parser = parse_sample, help_heading = "A part at a time")]
    pub(super) sample: Option<Sample>,
    /// Begin to read no further file after this time; at least one file is read
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, help_heading = "A part at a time")]
    pub(super) max_duration: Option<Duration>,
    /// Limit in bytes per second, such as 50MiB/s; 0 is no limit
    #[arg(long, value_name = "RATE", value_parser = parse_rate, default_value = "0",
          help_heading = "Reading and writing")]
    pub(super) verify_rate_limit: u64,
    #[command(flatten)]
    pub(super) work: WorkArgs,
}

const LEVELS: &[Choice<VerifyLevel>] = &[
    (
        "size",
        "Each file exists and has the right size",
        VerifyLevel::Size,
    ),
    (
        "checksum",
        "Also the checksum of each file",
        VerifyLevel::Checksum,
    ),
    (
        "deep",
        "Also every block and key of tables, and every record of blob files and WALs",
        VerifyLevel::Deep,
    ),
];
