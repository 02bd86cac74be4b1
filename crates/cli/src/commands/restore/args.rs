//! The arguments of `restore`, converted to options.

use std::path::PathBuf;

use clap::{ArgAction, Args};
use stonekeep::engine::follow::StreamId;
use stonekeep::engine::restore::{PointTarget, RestorePoint};
use stonekeep::engine::{BackupEngineOptions, RestoreMode, RestoreOptions};

use crate::args::choice::{Choice, one_of};
use crate::args::engine::{SyncArgs, WorkArgs, WriteArgs};
use crate::args::place::{directory, place};
use crate::args::point::{parse_point, parse_stream};
use crate::args::quantity::parse_rate;
use crate::args::repository::StoreArgs;
use crate::args::select::SelectArgs;
use crate::args::which::Which;
use crate::commands::Session;

/// Restore a backup to a directory
///
/// Copies and verifies all files inside the target first. The database at the target stays unchanged until the new
/// state is complete. After an interruption, the same command resumes the restore, and --abort undoes it.
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::RESTORE)]
pub(crate) struct RestoreArgs {
    /// The backup: an id, latest, latest~N (the Nth before the newest), or latest-valid (the newest that is not damaged)
    #[arg(value_name = "ID", default_value = "latest", conflicts_with = "abort")]
    pub(super) backup: Which,
    /// The repository: a directory in the format of RocksDB's BackupEngine, or the URL of one in an object store
    /// (s3://BUCKET/PREFIX, gs://, az://), in HDFS (hdfs://HOST:PORT/PATH) or at a web server (https://HOST/PATH)
    #[arg(
        long,
        env = "STONEKEEP_REPO",
        hide_env_values = true,
        value_name = "REPO",
        value_parser = place(),
        required_unless_present = "abort"
    )]
    pub(super) repo: Option<PathBuf>,
    #[command(flatten)]
    pub(super) settings: StoreArgs,
    #[command(flatten)]
    pub(super) select: SelectArgs,
    /// Restore this moment from the WALs that follow has shipped, instead of a backup: a time as for --before, latest, or a time before that
    /// such as latest-5m. Nothing that was written later is in it
    #[arg(long, value_name = "TIME", value_parser = parse_point, allow_hyphen_values = true, group = "point", conflicts_with_all = ["abort", "best_effort"],
          help_heading = "Point in time")]
    at: Option<PointTarget>,
    /// Restore the state after the record that has this sequence number
    #[arg(long, value_name = "N", group = "point", conflicts_with_all = ["abort", "best_effort"], help_heading = "Point in time")]
    at_seq: Option<u64>,
    /// The stream, if there are several [default: that of the newest base]
    #[arg(long, value_name = "STREAM", value_parser = parse_stream, requires = "point", help_heading = "Point in time")]
    stream: Option<StreamId>,
    /// The directory to restore to, new, empty, or that of a database
    #[arg(long, value_name = "DIR")]
    pub(super) to: PathBuf,
    /// The directory to restore WALs to [default: the directory of --to]
    #[arg(long, value_name = "DIR")]
    pub(super) wal_dir: Option<PathBuf>,
    /// Which files of the database at the target to keep
    #[arg(long, value_name = "MODE", value_parser = one_of(MODES), default_value = "purge-all")]
    mode: RestoreMode,
    /// Undo an interrupted restore: move the old database back into place
    #[arg(long, conflicts_with = "mode")]
    pub(super) abort: bool,
    /// Show what would be written; change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Keep the WALs at the target, and move archived WALs back
    #[arg(long, value_name = "BOOL", default_value_t = false, action = ArgAction::Set,
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    keep_log_files: bool,
    /// Another repository to look for excluded files in; may be repeated
    #[arg(long, value_name = "REPO", value_parser = directory())]
    alternate_dir: Vec<PathBuf>,
    /// Restore over a database that has another database id
    #[arg(long)]
    allow_other_database: bool,
    /// Remove the old database first if the disk has no space for both; if the restore then fails, it is lost
    #[arg(long)]
    free_old_files_first: bool,
    /// Move replaced files to this directory instead of removing them; it must be absent or empty, and on the file system
    /// of the database
    #[arg(long, value_name = "DIR", conflicts_with_all = ["free_old_files_first", "abort"])]
    keep_old: Option<PathBuf>,
    /// Do not change wal_dir in the restored OPTIONS file. If it names the WAL directory of the original database, opening
    /// the restored database with it can damage the original
    #[arg(long)]
    keep_wal_dir: bool,
    /// Accepted and without effect: it names the default
    #[arg(long, hide = true, conflicts_with = "keep_wal_dir")]
    rewrite_wal_dir: bool,
    /// Restore a damaged backup without the files that are damaged, into a new directory, and list what is missing
    #[arg(long, conflicts_with_all = ["abort", "keep_old", "free_old_files_first", "keep_log_files"])]
    best_effort: bool,
    /// Consider only the newest N valid backups for latest-valid [default: all]
    #[arg(long, value_name = "N")]
    max_valid_backups_to_open: Option<usize>,
    /// Limit in bytes per second, such as 50MiB/s; 0 is no limit
    #[arg(long, value_name = "RATE", value_parser = parse_rate, default_value = "0",
          help_heading = "Reading and writing")]
    restore_rate_limit: u64,
    #[command(flatten)]
    work: WorkArgs,
    #[command(flatten)]
    sync: SyncArgs,
    #[command(flatten)]
    writing: WriteArgs,
}

/// RocksDB's `RestoreOptions::Mode`.
const MODES: &[Choice<RestoreMode>] = &[
    ("purge-all", "None: write every file", RestoreMode::PurgeAllFiles),
    ("purge-all-files", "", RestoreMode::PurgeAllFiles),
    (
        "keep-latest-db-session-id-files",
        "Tables whose session id and size match the backup",
        RestoreMode::KeepLatestDbSessionIdFiles,
    ),
    (
        "verify-checksum",
        "Tables and blobs whose checksum matches the backup",
        RestoreMode::VerifyChecksum,
    ),
];

impl RestoreArgs {
    /// The engine's options.
    pub(super) fn engine_options(&self, session: &Session) -> BackupEngineOptions {
        let options = session
            .engine_options()
            .with_restore_rate_limit(self.restore_rate_limit)
            .with_max_valid_backups_to_open(self.max_valid_backups_to_open);
        self.writing.apply(self.sync.apply(self.work.apply(options)))
    }

    /// The options of this restore.
    pub(super) fn restore_options(&self) -> RestoreOptions {
        RestoreOptions::default()
            .with_mode(self.mode)
            .with_keep_log_files(self.keep_log_files)
            .with_wal_dir(self.wal_dir.clone())
            .with_alternate_dirs(self.alternate_dir.clone())
            .with_allow_other_database(self.allow_other_database)
            .with_free_old_files_first(self.free_old_files_first)
            .with_keep_old(self.keep_old.clone())
            .with_keep_wal_dir(self.keep_wal_dir)
            .with_best_effort(self.best_effort)
            .with_point(self.point())
    }

    /// The point between two backups, if one is asked for.
    pub(super) fn point(&self) -> Option<RestorePoint> {
        let at = self.at_seq.map(PointTarget::Sequence).or(self.at)?;
        let point = RestorePoint::new(at);
        Some(self.stream.map_or(point, |stream| point.of_stream(stream)))
    }
}
