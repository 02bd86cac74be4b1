//! The arguments of `check`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};

use crate::args::quantity::{parse_bytes, parse_duration};
use crate::args::repository::RepoArgs;
use crate::args::retention::RetentionArgs;

/// Check whether backups are there, recent and undamaged
///
/// Prints a health word for each database, with the reasons: ok, stale (too old, too few, not verified, restored or purged for too
/// long, or too little space), damaged, unreachable, or never (no backup yet). Reads no file of a backup: it knows of damage what `verify`
/// has found. Changes nothing, and takes no lock. The rules are those of `purge`, by default as the configuration file has them. Exit codes: 0 ok, 1 stale or unreachable, 3 damaged, 4 never; of several databases, the worst counts, in
/// the order damaged, never, unreachable, stale.
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::CHECK, group = ArgGroup::new("rules").multiple(true))]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(super) repo: RepoArgs,
    /// Stale if the newest valid backup is older [default: backup-every of the configuration file, and a quarter of it]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(super) max_age: Option<Duration>,
    /// Stale if some byte was not verified for longer [default: verify-every of the configuration file, and a quarter of it]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(super) max_unverified_age: Option<Duration>,
    /// Stale if no drill was successful for longer [default: drill-every of the configuration file, and a quarter of it]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(super) max_drill_age: Option<Duration>,
    /// Stale if a backup that no rule keeps is there for longer [default: purge-every of the configuration file, and a quarter of it]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(super) max_past_retention: Option<Duration>,
    /// Stale if there are fewer valid backups
    #[arg(long, value_name = "N")]
    pub(super) min_valid: Option<usize>,
    /// Stale if the repository has less free space, where that is known
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub(super) min_free: Option<u64>,
    /// Unreachable if the repository is not listed after this time
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "60s")]
    pub(super) timeout: Duration,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    pub(super) retention: RetentionArgs,
}

impl CheckArgs {
    /// For whom the result is.
    pub(crate) fn output(&self) -> OutputArgs {
        self.output.clone()
    }
}

/// For whom the result is.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct OutputArgs {
    /// Print one line with performance data, and end with the exit code of a Nagios plugin: 0 ok, 1 warning, 2 critical
    #[arg(long)]
    pub(super) nagios: bool,
    /// Write metrics to this file, which must end in .prom, for the textfile collector of node_exporter
    #[arg(long, value_name = "FILE", value_parser = parse_prom)]
    pub(super) prometheus: Option<PathBuf>,
}

fn parse_prom(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.extension().is_some_and(|extension| extension == "prom") {
        Ok(path)
    } else {
        Err("node_exporter reads only files whose names end in .prom".to_owned())
    }
}
