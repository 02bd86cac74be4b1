//! The directories that the OPTIONS files of a backup name.
//!
//! An OPTIONS file may name the directory in which the original database has its WALs; RocksDB up to 6.20 writes the
//! database's own directory there. Opened with it, the copy would replay the WALs of the original and remove them, and
//! the tables of the original with them. So the right directory is put into the file. Everything else in it stays byte
//! for byte as it was.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::options::{
    OptionsFile, unescape, wal_dirs_by_line, with_wal_dir, with_wal_dir_by_line,
};

use super::content::FileSource;
use super::file::BackupFile;
use crate::target::real_path;
use crate::{Error, Result, Warning, WarningName};

/// An OPTIONS file that does not come back as it is in the backup: it names another `wal_dir`, and all else is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RewrittenOptions {
    /// The file's name in the database.
    pub name: String,
    /// The `wal_dir` that the backup's file has; `None` for the database's directory.
    pub wal_dir_before: Option<String>,
    /// The one that was put there, which is where the WALs are restored; `None` for the database's directory.
    pub wal_dir: Option<String>,
}

/// Where the files of a backup are put.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Destination<'a> {
    pub(in crate::engine) db: &'a Path,
    /// The directory of the WALs, if it is another one.
    pub(in crate::engine) separate_wals: Option<&'a Path>,
}

impl Destination<'_> {
    fn wals(&self) -> &Path {
        self.separate_wals.unwrap_or(self.db)
    }
}

/// What became of the OPTIONS files.
#[derive(Debug, Default)]
pub(in crate::engine) struct AdjustedOptions {
    /// Those that get another `wal_dir`.
    pub(in crate::engine) rewritten: Vec<RewrittenOptions>,
    pub(in crate::engine) warnings: Vec<Warning>,
}

/// Puts the directory of the WALs into the OPTIONS files that name another one, unless `keep_wal_dir` says that they stay
/// as they are.
///
/// # Errors
/// `Unsupported` where RocksDB could not read the directory back from such a file.
pub(in crate::engine) fn adjust_options(
    files: &mut [BackupFile],
    destination: Destination<'_>,
    keep_wal_dir: bool,
) -> Result<AdjustedOptions> {
    let mut adjusted = AdjustedOptions::default();
    for file in files.iter_mut() {
        let (DbFileName::Options(_), FileSource::Bytes(bytes)) = (&file.name, &file.source) else {
            continue;
        };
        let name = file.name.to_string();
        let directories = NamedDirectories::of(bytes);
        adjusted.warnings.extend(directories.warning(&name, destination));
        let Some(named) = directories.wrong_wal_dir(destination) else {
            continue;
        };
        if keep_wal_dir {
            adjusted
                .warnings
                .push(wrong_wal_dir_kept(&name, named.as_deref(), destination));
            continue;
        }
        let wal_dir = destination.separate_wals;
        let bytes = directories.with_wal_dir(bytes, wal_dir).map_err(|error| {
            Error::format(file.path_text(), error).with_hint("name another directory for the WALs")
        })?;
        adjusted.rewritten.push(RewrittenOptions {
            name,
            wal_dir_before: named.map(|named| named.to_string_lossy().into_owned()),
            wal_dir: wal_dir.map(|path| path.to_string_lossy().into_owned()),
        });
        file.set_bytes(bytes);
    }
    Ok(adjusted)
}

/// Whether a directory that options name is this one. A relative path means another directory in every process, and is
/// never the same.
pub(in crate::engine) fn is_same_directory(named: &Path, directory: &Path) -> bool {
    named.is_absolute() && real_path(named) == real_path(directory)
}

/// The `wal_dir` of an OPTIONS file that can be parsed and has one.
pub(in crate::engine) fn wal_dir_of(options: &[u8]) -> Option<PathBuf> {
    OptionsFile::parse(options).ok()?.wal_dir().map(path)
}

fn path(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}

/// The directories that an OPTIONS file names.
enum NamedDirectories {
    Parsed {
        wal_dir: Option<PathBuf>,
        db_log_dir: Option<PathBuf>,
    },
    /// The file cannot be parsed, but a version of RocksDB that can would find these.
    Lines { wal_dirs: Vec<PathBuf>, reason: String },
}

impl NamedDirectories {
    fn of(bytes: &[u8]) -> Self {
        match OptionsFile::parse(bytes) {
            Ok(options) => NamedDirectories::Parsed {
                wal_dir: options.wal_dir().map(path),
                db_log_dir: options
                    .db("db_log_dir")
                    .filter(|value| !value.is_empty())
                    .map(|value| path(unescape(value))),
            },
            Err(error) => NamedDirectories::Lines {
                wal_dirs: wal_dirs_by_line(bytes).into_iter().map(path).collect(),
                reason: error.to_string(),
            },
        }
    }

    /// The named `wal_dir`, which may be none, if that is not where the WALs are put.
    fn wrong_wal_dir(&self, destination: Destination<'_>) -> Option<Option<PathBuf>> {
        let is_wrong = |named: &&PathBuf| !is_same_directory(named, destination.wals());
        match self {
            NamedDirectories::Parsed { wal_dir: None, .. } => destination.separate_wals.map(|_| None),
            NamedDirectories::Parsed { wal_dir, .. } => wal_dir.iter().find(is_wrong).cloned().map(Some),
            NamedDirectories::Lines { wal_dirs, .. } => wal_dirs.iter().find(is_wrong).cloned().map(Some),
        }
    }

    /// The file's text with this directory, or without one.
    fn with_wal_dir(&self, bytes: &[u8], wal_dir: Option<&Path>) -> stonekeep_format::Result<Vec<u8>> {
        let value = wal_dir.map_or(&b""[..], |path| path.as_os_str().as_bytes());
        match self {
            NamedDirectories::Parsed { .. } => with_wal_dir(bytes, value),
            NamedDirectories::Lines { .. } => Ok(with_wal_dir_by_line(bytes, value)),
        }
    }

    fn warning(&self, name: &str, destination: Destination<'_>) -> Option<Warning> {
        match self {
            NamedDirectories::Lines { reason, .. } => {
                let message =
                    format!("it is not known where a database with these options has its WALs: {reason}");
                Some(Warning::about(WarningName::WalDirOfOptions, name, message))
            }
            NamedDirectories::Parsed { db_log_dir, .. } => {
                let directory = db_log_dir.as_deref()?;
                if directory.is_absolute() && real_path(directory).starts_with(real_path(destination.db)) {
                    return None;
                }
                let message = format!(
                    "db_log_dir is {}, which is outside of the restored directory: opened with these options, the \
                     database writes its LOG there, as the database does that the backup was made of. Set db_log_dir \
                     when you open it",
                    directory.display()
                );
                Some(Warning::about(WarningName::ForeignLogDir, name, message))
            }
        }
    }
}

fn wrong_wal_dir_kept(name: &str, named: Option<&Path>, destination: Destination<'_>) -> Warning {
    let restored = destination.wals().display();
    let message = match named {
        Some(named) => format!(
            "wal_dir is {}, but the WALs were restored into {restored}: opened with these options, the database replays \
             the WALs there, and removes them with the tables of the database that they belong to, which may be the one \
             that the backup was made of. Restore without keeping wal_dir, or set it when you open the database",
            named.display()
        ),
        None => format!(
            "it has no wal_dir, but the WALs were restored into {restored}: opened with these options, the database \
             misses what is in them. Restore without keeping wal_dir, or set it when you open the database"
        ),
    };
    Warning::about(WarningName::WalDirOfOptions, name, message)
}
