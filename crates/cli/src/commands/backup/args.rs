//! The arguments of `backup`, converted to options.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{ArgAction, Args};
use glob::Pattern;
use stonekeep::engine::{BackupEngineOptions, Components, CreateBackupOptions, MaybeExclude, MetaSchema};
use stonekeep::format::backup_name::{NamingScheme, RepoPath, ShareFilesNaming};
use stonekeep::image::include::IncludePattern;
use stonekeep::image::{Directory, SourceKind};
use stonekeep::{Error, IoContext, Result, WarningName};

use crate::args::choice::{Choice, one_of};
use crate::args::engine::{LockArgs, SyncArgs, WorkArgs, WriteArgs};
use crate::args::quantity::parse_rate;
use crate::args::repositories::RepositoriesArgs;
use crate::commands::{Session, host_name};
use crate::usage_error::UsageError;

/// More application metadata than this is refused by every engine (`BackupMeta::StoreToFile`).
const MAX_APP_METADATA_BYTES: u64 = 1 << 20;

/// Back up a database (open or closed) or a checkpoint
///
/// Copies only files that the repository does not have yet. Creates the repository if it does not exist. A process may
/// have the database open for writing: the backup is then crash-consistent, and the process is not paused.
/// docs/live-databases.md describes what such a backup contains.
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::BACKUP)]
pub(crate) struct BackupArgs {
    /// The directory of the database, or a name in the configuration file
    #[arg(value_name = "DB")]
    pub(super) database: PathBuf,
    #[command(flatten)]
    pub(super) repositories: RepositoriesArgs,
    /// How to read the directory
    #[arg(long, value_name = "SOURCE", value_parser = one_of(SOURCES), default_value = "auto")]
    source: SourceKind,
    /// Capture the database despite a problem that may make the backup wrong, such as a live database on a network
    /// file system or a truncated MANIFEST
    #[arg(long)]
    force: bool,
    /// The directory of the WALs [default: wal_dir of the OPTIONS file, else the database's directory]
    #[arg(long, value_name = "DIR")]
    wal_dir: Option<PathBuf>,
    /// Another data directory of the database (db_paths, cf_paths); may be repeated
    #[arg(long, value_name = "DIR")]
    db_path: Vec<PathBuf>,
    /// Show what would be copied; change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Confirm --destroy-old-data
    #[arg(long)]
    yes: bool,
    /// Back up even if the repository has backups of another database
    #[arg(long)]
    allow_other_database: bool,
    #[command(flatten)]
    lock: LockArgs,
    #[command(flatten)]
    kept: KeptArgs,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    work: WorkArgs,
    #[command(flatten)]
    sync: SyncArgs,
    #[command(flatten)]
    writing: WriteArgs,
    #[command(flatten)]
    pace: PaceArgs,
}

/// What the backup contains.
#[derive(Debug, Args)]
#[command(next_help_heading = "Contents of the backup")]
struct KeptArgs {
    /// Application metadata, as text
    #[arg(long, value_name = "TEXT", conflicts_with = "app_metadata_file")]
    app_metadata: Option<String>,
    /// Application metadata, from a file; - is standard input
    #[arg(long, value_name = "FILE")]
    app_metadata_file: Option<PathBuf>,
    /// A word to select the backup by; may be repeated
    #[arg(long, value_name = "WORD")]
    tag: Vec<String>,
    /// Exclude tables whose name matches, such as '0001*.sst'; needs --schema-version=2; may be repeated
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<Pattern>,
    /// Include files of the application from the database's directory, such as 'rocksdict-config.json' or
    /// 'transaction_logs'; a directory includes all files below it; may be repeated
    #[arg(long, value_name = "GLOB", value_parser = parse_include)]
    include: Vec<IncludePattern>,
    /// Accept warnings of this name, such as unknown-files, and do not print them; may be repeated
    #[arg(long, value_name = "NAME")]
    accept: Vec<WarningName>,
    /// Back up the WALs
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set,
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    backup_log_files: bool,
}

/// The layout of the repository.
#[derive(Debug, Args)]
#[command(next_help_heading = "Layout of the repository")]
struct LayoutArgs {
    /// Store tables and blobs once for all backups
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set,
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    share_table_files: bool,
    /// Share files under names that distinguish files of equal number; false risks confusing two files
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set,
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    share_files_with_checksum: bool,
    /// What the names of shared files consist of
    #[arg(
        long,
        value_name = "NAMING",
        value_parser = one_of(NAMINGS),
        default_value = "use-db-session-id-and-file-size"
    )]
    share_files_with_checksum_naming: ShareFilesNaming,
    /// The schema of the backup's meta file: 1 for every RocksDB, 2 for excluded files and temperatures
    #[arg(long, value_name = "1|2", default_value = "1", value_parser = parse_schema)]
    schema_version: MetaSchema,
    /// Delete every backup in the repository first; needs --yes
    #[arg(long, conflicts_with = "dry_run")]
    destroy_old_data: bool,
}

/// How much the backup may slow down other programs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reading and writing")]
struct PaceArgs {
    /// Limit in bytes per second, such as 50MiB/s; 0 is no limit
    #[arg(long, value_name = "RATE", value_parser = parse_rate, default_value = "0")]
    backup_rate_limit: u64,
    /// Read tables with O_DIRECT, if the file system supports it
    #[arg(long, value_name = "BOOL", default_value_t = false, action = ArgAction::Set,
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    use_direct_reads: bool,
    /// Run the workers with the lowest CPU priority
    #[arg(long, value_name = "BOOL", default_value_t = false, action = ArgAction::Set,
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    decrease_background_thread_cpu_priority: bool,
}

const SOURCES: &[Choice<SourceKind>] = &[
    (
        "auto",
        "As hot if a process holds the LOCK of the database, else as closed",
        SourceKind::Auto,
    ),
    (
        "closed",
        "A database that no process has open; refused if a process holds the LOCK",
        SourceKind::Closed,
    ),
    (
        "hot",
        "A database that a process is writing, also where its LOCK cannot be seen",
        SourceKind::Hot,
    ),
    (
        "checkpoint",
        "A checkpoint; refused if a process holds the LOCK",
        SourceKind::Checkpoint,
    ),
];

/// RocksDB's `ShareFilesNaming`, with its flag.
const NAMINGS: &[Choice<ShareFilesNaming>] = &[
    (
        "use-db-session-id-and-file-size",
        "Session id and size",
        ShareFilesNaming {
            scheme: NamingScheme::UseDbSessionId,
            include_file_size: true,
        },
    ),
    (
        "use-db-session-id",
        "Session id alone",
        ShareFilesNaming {
            scheme: NamingScheme::UseDbSessionId,
            include_file_size: false,
        },
    ),
    (
        "legacy-crc32c-and-file-size",
        "Checksum and size, as in engines before 6.12",
        ShareFilesNaming {
            scheme: NamingScheme::LegacyCrc32cAndFileSize,
            include_file_size: true,
        },
    ),
];

fn parse_schema(text: &str) -> std::result::Result<MetaSchema, String> {
    match text {
        "1" => Ok(MetaSchema::One),
        "2" => Ok(MetaSchema::Two),
        _ => Err("the schema is 1 or 2".to_owned()),
    }
}

fn parse_include(text: &str) -> std::result::Result<IncludePattern, String> {
    IncludePattern::parse(text).map_err(|error| error.to_string())
}

impl BackupArgs {
    /// The engine's options.
    pub(super) fn engine_options(&self, session: &Session) -> Result<BackupEngineOptions> {
        let layout = &self.layout;
        if layout.destroy_old_data && !self.yes {
            return Err(
                Error::refused("--destroy-old-data deletes every backup in the repository")
                    .with_hint("add --yes if that is meant"),
            );
        }
        let options = session
            .engine_options()
            .with_share_table_files(layout.share_table_files)
            .with_share_files_with_checksum(layout.share_files_with_checksum)
            .with_share_files_with_checksum_naming(layout.share_files_with_checksum_naming)
            .with_schema_version(layout.schema_version)
            .with_destroy_old_data(layout.destroy_old_data)
            .with_backup_log_files(self.kept.backup_log_files)
            .with_use_direct_reads(self.pace.use_direct_reads)
            .with_backup_rate_limit(self.pace.backup_rate_limit);
        Ok(self
            .lock
            .apply(self.writing.apply(self.sync.apply(self.work.apply(options)))))
    }

    /// What is backed up.
    pub(super) fn source(&self) -> Directory {
        Directory::new(&self.database, self.source)
            .of_other_processes()
            .with_wal_dir(self.wal_dir.clone())
            .with_db_paths(self.db_path.clone())
            .forced(self.force)
    }

    /// The options of this backup.
    pub(super) fn create_options(&self) -> anyhow::Result<CreateBackupOptions> {
        Ok(CreateBackupOptions::default()
            .with_app_metadata(self.kept.app_metadata()?)
            .with_tags(self.kept.tag.clone())
            .with_host(Some(host_name()))
            .with_include(self.kept.include.clone())
            .with_accept(self.kept.accept.clone())
            .with_allow_other_database(self.allow_other_database)
            .with_decrease_background_thread_cpu_priority(self.pace.decrease_background_thread_cpu_priority))
    }

    /// The callback that excludes files.
    pub(super) fn components(&self) -> std::result::Result<Components, UsageError> {
        if self.kept.exclude.is_empty() {
            return Ok(Components::default());
        }
        if self.layout.schema_version == MetaSchema::One {
            return Err(UsageError::new("--exclude needs --schema-version=2").with_hint(
                "meta files of schema 1 cannot name excluded files; RocksDB reads schema 2 from 7.10 on",
            ));
        }
        let patterns = self.kept.exclude.clone();
        let callback = move |files: &[MaybeExclude]| {
            Ok(files
                .iter()
                .map(|file| is_excluded(&patterns, &file.path))
                .collect())
        };
        Ok(Components::default().with_exclude_files_callback(callback))
    }
}

impl KeptArgs {
    fn app_metadata(&self) -> Result<Vec<u8>> {
        if let Some(text) = &self.app_metadata {
            return Ok(text.clone().into_bytes());
        }
        let Some(path) = &self.app_metadata_file else {
            return Ok(Vec::new());
        };
        let bytes = if path == Path::new("-") {
            read_limited(io::stdin().lock())
        } else {
            File::open(path).and_then(read_limited)
        };
        let bytes = bytes.context("reading application metadata from", path)?;
        if bytes.len() as u64 > MAX_APP_METADATA_BYTES {
            return Err(Error::invalid(format!(
                "{} has more than {MAX_APP_METADATA_BYTES} bytes, the most that application metadata may have",
                path.display()
            )));
        }
        Ok(bytes)
    }
}

/// Reads one byte more than is allowed at most, which shows that there are more.
fn read_limited(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(MAX_APP_METADATA_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether one of the patterns is for the file at this path of the repository: for its name in the database, or for the path.
fn is_excluded(patterns: &[Pattern], path: &str) -> bool {
    let in_database = RepoPath::parse(path).map(|path| path.restored_name().to_string());
    patterns.iter().any(|pattern| {
        pattern.matches(path) || in_database.as_deref().is_some_and(|name| pattern.matches(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_for_names_in_the_database() {
        let patterns = ["*.blob", "00000[1-3].sst"].map(|text| Pattern::new(text).unwrap());
        let excludes = |path: &str| is_excluded(&patterns, path);
        assert!(excludes("shared_checksum/000009_1234_980.blob"));
        assert!(excludes("shared_checksum/000002_s0123456789ABCDEFGHIJ_980.sst"));
        assert!(!excludes("shared_checksum/000004_s0123456789ABCDEFGHIJ_980.sst"));
    }
}
