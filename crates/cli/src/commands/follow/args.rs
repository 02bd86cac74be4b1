//! The arguments of `follow`, converted to options.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use stonekeep::WarningName;
use stonekeep::engine::follow::{FollowOptions, Looking};
use stonekeep::engine::{BackupEngineOptions, CreateBackupOptions};
use stonekeep::image::{Directory, SourceKind};

use crate::args::choice::{Choice, one_of};
use crate::args::engine::{LockArgs, SyncArgs, WorkArgs, WriteArgs};
use crate::args::quantity::{parse_bytes, parse_duration, parse_rate};
use crate::args::repository::RepoArgs;
use crate::commands::{Session, host_name};

/// The shortest interval: each look costs some processor time.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

/// Ship the WALs of a database while another process writes it
///
/// Makes a base, an ordinary backup, and then stores what the WALs gain, so that restore --at can go to any moment. Continues where an
/// earlier run ended. Runs until it is stopped by a signal. Writes nothing into the directory of the database, takes no LOCK there,
/// and does not pause the process that writes. docs/point-in-time.md describes what can be restored.
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::FOLLOW)]
pub(crate) struct FollowArgs {
    /// The directory of the database, or a name in the configuration file
    #[arg(value_name = "DB")]
    pub(super) database: PathBuf,
    #[command(flatten)]
    pub(super) repo: RepoArgs,
    /// How long what is written may wait until it is stored; at least 10ms
    #[arg(long, value_name = "DURATION", value_parser = parse_interval, default_value = "1s")]
    interval: Duration,
    /// Make a base anew when the newest one is that old; 0 for never
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, default_value = "24h")]
    base_every: Duration,
    /// Make a base anew when the WALs have gained so much since the newest one; 0 for never
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes, default_value = "64GiB")]
    base_after: u64,
    /// How to notice new WALs
    #[arg(long, value_name = "HOW", value_parser = one_of(LOOKINGS), default_value = "events")]
    look: Looking,
    /// The directory of the WALs [default: wal_dir of the OPTIONS file, else the database's directory]
    #[arg(long, value_name = "DIR")]
    wal_dir: Option<PathBuf>,
    /// Another data directory of the database (db_paths, cf_paths); may be repeated
    #[arg(long, value_name = "DIR")]
    db_path: Vec<PathBuf>,
    /// Make bases even if the repository has backups of another database
    #[arg(long)]
    allow_other_database: bool,
    /// A word to select the bases by; may be repeated
    #[arg(long, value_name = "WORD")]
    tag: Vec<String>,
    /// Accept warnings of this name, such as unknown-files, and do not print them; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(super) accept: Vec<WarningName>,
    #[command(flatten)]
    lock: LockArgs,
    /// Limit for bases in bytes per second, such as 50MiB/s; 0 is no limit
    #[arg(long, value_name = "RATE", value_parser = parse_rate, default_value = "0",
          help_heading = "Reading and writing")]
    backup_rate_limit: u64,
    #[command(flatten)]
    work: WorkArgs,
    #[command(flatten)]
    sync: SyncArgs,
    #[command(flatten)]
    writing: WriteArgs,
}

const LOOKINGS: &[Choice<Looking>] = &[
    (
        "events",
        "The system reports each new WAL (inotify), and it is opened at once",
        Looking::Events,
    ),
    (
        "listings",
        "The directory is listed once an interval; WALs that live shorter are missed, and a base is made anew",
        Looking::Listings,
    ),
];

fn parse_interval(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        interval if interval < SHORTEST_INTERVAL => Err("must be at least 10ms".to_owned()),
        interval => Ok(interval),
    }
}

impl FollowArgs {
    /// The engine's options.
    pub(super) fn engine_options(&self, session: &Session) -> BackupEngineOptions {
        let options = session
            .engine_options()
            .with_backup_rate_limit(self.backup_rate_limit);
        self.lock
            .apply(self.writing.apply(self.sync.apply(self.work.apply(options))))
    }

    /// What is followed.
    pub(super) fn source(&self) -> Directory {
        Directory::new(&self.database, SourceKind::Hot)
            .of_other_processes()
            .with_wal_dir(self.wal_dir.clone())
            .with_db_paths(self.db_path.clone())
    }

    /// How it is followed.
    pub(super) fn follow_options(&self) -> FollowOptions {
        let bases = CreateBackupOptions::default()
            .with_tags(self.tag.clone())
            .with_host(Some(host_name()))
            .with_accept(self.accept.clone())
            .with_allow_other_database(self.allow_other_database);
        FollowOptions::default()
            .with_interval(self.interval)
            .with_base_every(Some(self.base_every).filter(|every| !every.is_zero()))
            .with_base_after_bytes(Some(self.base_after).filter(|bytes| *bytes > 0))
            .with_looking(self.look)
            .with_base(bases)
    }
}
