//! The directories that OPTIONS files name: those of the backup's, and the `wal_dir` of the database which is restored
//! over.
//!
//! An OPTIONS file of the backup may name the directory in which the original had its WALs; RocksDB up to 6.20 writes
//! the database's own directory there. Opened with it, the copy would replay the WALs of the original and remove them,
//! and the tables of the original with them. So the right directory is put into the restored file. Everything else in
//! it stays byte for byte as it was.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::options::{
    OptionsFile, unescape, wal_dirs_by_line, with_wal_dir, with_wal_dir_by_line,
};

use super::backup::{Source, Wanted};
use super::report::RewrittenOptions;
use super::site::{Sites, real_path};
use super::target::Standing;
use crate::store::{EntryKind, Key, Store};
use crate::{Error, Result, Warning, WarningName};

const OPTIONS_LIMIT_BYTES: u64 = 64 << 20;

/// What came of the OPTIONS files.
#[derive(Debug, Default)]
pub(in crate::engine) struct Adjusted {
    /// Those that are restored with another `wal_dir`.
    pub(in crate::engine) rewritten: Vec<RewrittenOptions>,
    pub(in crate::engine) warnings: Vec<Warning>,
}

/// Looks at the OPTIONS files that are restored, and puts the directory of the restored WALs into those that name another
/// one, unless `keep_wal_dir` says that they stay as they are.
///
/// # Errors
/// `Unsupported` where RocksDB could not read the directory back from such a file.
pub(in crate::engine) fn adjust_options(
    files: &mut [Wanted],
    sites: &Sites,
    keep_wal_dir: bool,
) -> Result<Adjusted> {
    let mut adjusted = Adjusted::default();
    for file in files.iter_mut() {
        let (DbFileName::Options(_), Source::Bytes(bytes)) = (&file.name, &file.source) else {
            continue;
        };
        let name = file.name.to_string();
        let said = Said::of(bytes);
        adjusted.warnings.extend(said.warnings(&name, sites));
        let Some(named) = said.wrong_wal_dir(sites) else {
            continue;
        };
        if keep_wal_dir {
            adjusted.warnings.push(danger(&name, named.as_deref(), sites));
            continue;
        }
        let separate = sites.separate_wals().map(|site| site.path());
        let bytes = said.with_wal_dir(bytes, separate).map_err(|error| {
            Error::format(file.path_text(), error).with_hint("name another directory for the WALs")
        })?;
        adjusted.rewritten.push(RewrittenOptions {
            name,
            wal_dir_before: named.map(|named| path(&named).to_string_lossy().into_owned()),
            wal_dir: separate.map(|path| path.to_string_lossy().into_owned()),
        });
        file.size_bytes = bytes.len() as u64;
        file.crc32c = Some(stonekeep_format::Crc32c(crc32c::crc32c(&bytes)));
        file.source = Source::Bytes(Arc::from(bytes));
    }
    Ok(adjusted)
}

/// The directories that an OPTIONS file names.
enum Said {
    Whole {
        wal_dir: Option<Vec<u8>>,
        db_log_dir: Option<Vec<u8>>,
    },
    /// It cannot be parsed, but a version of RocksDB that can would find these.
    Lines { wal_dirs: Vec<Vec<u8>>, reason: String },
}

impl Said {
    fn of(bytes: &[u8]) -> Self {
        match OptionsFile::parse(bytes) {
            Ok(options) => Said::Whole {
                wal_dir: options.wal_dir(),
                db_log_dir: options
                    .db("db_log_dir")
                    .filter(|value| !value.is_empty())
                    .map(unescape),
            },
            Err(error) => Said::Lines {
                wal_dirs: wal_dirs_by_line(bytes),
                reason: error.to_string(),
            },
        }
    }

    /// The `wal_dir` that it names, which may be none, if that is not where the WALs are restored.
    fn wrong_wal_dir(&self, sites: &Sites) -> Option<Option<Vec<u8>>> {
        let restored = sites.wals().path();
        match self {
            Said::Whole { wal_dir: None, .. } => sites.separate_wals().map(|_| None),
            Said::Whole {
                wal_dir: Some(named), ..
            } => (!is_same(&path(named), restored)).then(|| Some(named.clone())),
            Said::Lines { wal_dirs, .. } => {
                let wrong = wal_dirs.iter().find(|named| !is_same(&path(named), restored));
                wrong.map(|named| Some(named.clone()))
            }
        }
    }

    /// The file's text with this directory, or without one.
    fn with_wal_dir(&self, bytes: &[u8], wal_dir: Option<&Path>) -> stonekeep_format::Result<Vec<u8>> {
        let value = wal_dir.map_or(&b""[..], |path| path.as_os_str().as_bytes());
        match self {
            Said::Whole { .. } => with_wal_dir(bytes, value),
            Said::Lines { .. } => Ok(with_wal_dir_by_line(bytes, value)),
        }
    }

    fn warnings(&self, name: &str, sites: &Sites) -> Option<Warning> {
        match self {
            Said::Lines { reason, .. } => {
                let message =
                    format!("it is not known where a database with these options has its WALs: {reason}");
                Some(Warning::about(WarningName::WalDirOfOptions, name, message))
            }
            Said::Whole { db_log_dir, .. } => {
                let directory = path(db_log_dir.as_deref()?);
                let target = real_path(sites.db().path());
                if directory.is_absolute() && real_path(&directory).starts_with(target) {
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

/// A relative path means another directory for every process, and is never the same.
fn is_same(named: &Path, restored: &Path) -> bool {
    named.is_absolute() && real_path(named) == real_path(restored)
}

fn path(bytes: &[u8]) -> PathBuf {
    std::ffi::OsString::from_vec(bytes.to_vec()).into()
}

fn danger(name: &str, named: Option<&[u8]>, sites: &Sites) -> Warning {
    let restored = sites.wals().path().display();
    let message = match named {
        Some(named) => format!(
            "wal_dir is {}, but the WALs were restored into {restored}: opened with these options, the database replays \
             the WALs there, and removes them with the tables of the database that they belong to, which may be the one \
             that the backup was made of. Restore without keeping wal_dir, or set it when you open the database",
            path(named).display()
        ),
        None => format!(
            "it has no wal_dir, but the WALs were restored into {restored}: opened with these options, the database \
             misses what is in them. Restore without keeping wal_dir, or set it when you open the database"
        ),
    };
    Warning::about(WarningName::WalDirOfOptions, name, message)
}

/// A warning if the database that is restored over has WALs in a directory that this restore does not touch.
pub(super) fn warn_of_old_wals(sites: &Sites, standing: &Standing) -> Result<Option<Warning>> {
    let db = sites.db();
    let newest = standing
        .database_files()
        .filter_map(|(name, parsed)| match parsed {
            DbFileName::Options(number) => Some((number, name)),
            _ => None,
        })
        .max();
    let Some((_, name)) = newest.filter(|(_, name)| standing.is_file(name)) else {
        return Ok(None);
    };
    let bytes = db.files().read(&Key::new(name)?, OPTIONS_LIMIT_BYTES)?;
    let Some(named) = OptionsFile::parse(&bytes)
        .ok()
        .and_then(|options| options.wal_dir())
    else {
        return Ok(None);
    };
    let old = path(&named);
    let known = sites.all().any(|(_, site)| is_same(&old, site.path()));
    if known || !old.is_absolute() || !has_wals(&old) {
        return Ok(None);
    }
    let message = format!(
        "WALs of the old database stand in {}, its wal_dir: opened with that wal_dir, the restored database would replay \
         them. Restore with this wal_dir, or remove them",
        old.display()
    );
    Ok(Some(Warning::about(
        WarningName::OldWals,
        old.display().to_string(),
        message,
    )))
}

/// A directory that cannot be read is none to warn of.
fn has_wals(directory: &Path) -> bool {
    let entries = crate::store::local::LocalStore::new(directory).list(None);
    entries.unwrap_or_default().iter().any(|entry| {
        entry.kind == EntryKind::File && matches!(DbFileName::parse(&entry.name), Some(DbFileName::Wal(_)))
    })
}
