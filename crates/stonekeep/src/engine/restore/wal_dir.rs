//! The `wal_dir` in OPTIONS files: that of the backup, and that of the database which is restored over.
//!
//! A restored OPTIONS file still names the directory in which the original had its WALs. Opened with it, the copy
//! would replay and write the WALs there, which may be those of the live database.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::options::{OptionsFile, with_wal_dir};

use super::backup::{Source, Wanted};
use super::site::{Sites, real_path};
use super::target::Standing;
use crate::store::{EntryKind, Key, Store};
use crate::{Error, Result, Warning, WarningName};

const OPTIONS_LIMIT_BYTES: u64 = 64 << 20;

/// Looks at the OPTIONS files that come back, and puts the right directory into them if that is wished for.
///
/// # Errors
/// `Corrupt` or `Unsupported` if one has to be rewritten and cannot be read.
pub(in crate::engine) fn adjust_options(
    files: &mut [Wanted],
    sites: &Sites,
    rewrite: bool,
) -> Result<Vec<Warning>> {
    let mut warnings = Vec::new();
    for file in files.iter_mut() {
        let (DbFileName::Options(_), Source::Bytes(bytes)) = (&file.name, &file.source) else {
            continue;
        };
        let named = match OptionsFile::parse(bytes) {
            Ok(options) => options.wal_dir(),
            Err(error) if rewrite => return Err(Error::format(file.path_text(), error)),
            Err(error) => {
                let message = format!("it cannot be told where WALs are to be: {error}");
                warnings.push(Warning::about(
                    WarningName::WalDirOfOptions,
                    file.name.to_string(),
                    message,
                ));
                continue;
            }
        };
        if is_right(named.as_deref(), sites) {
            continue;
        }
        if rewrite {
            let value = sites.separate_wals().map(|site| site.path().as_os_str());
            let bytes = with_wal_dir(bytes, value.map_or(&b""[..], OsStrExt::as_bytes))
                .map_err(|error| Error::format(file.path_text(), error))?;
            file.size_bytes = bytes.len() as u64;
            file.crc32c = Some(stonekeep_format::Crc32c(crc32c::crc32c(&bytes)));
            file.source = Source::Bytes(Arc::from(bytes));
        } else {
            warnings.push(danger(&file.name, named.as_deref(), sites));
        }
    }
    Ok(warnings)
}

fn is_right(named: Option<&[u8]>, sites: &Sites) -> bool {
    let restored = sites.wals().path();
    match named {
        None => sites.separate_wals().is_none(),
        Some(named) => is_same(&path(named), restored),
    }
}

/// A relative path means another directory for every process, and is never the same.
fn is_same(named: &Path, restored: &Path) -> bool {
    named.is_absolute() && real_path(named) == real_path(restored)
}

fn path(bytes: &[u8]) -> PathBuf {
    std::ffi::OsString::from_vec(bytes.to_vec()).into()
}

fn danger(name: &DbFileName, named: Option<&[u8]>, sites: &Sites) -> Warning {
    let restored = sites.wals().path().display();
    let message = match named {
        Some(named) => format!(
            "wal_dir is {}, but the WALs were restored into {restored}: opened with these options, the database reads and \
             writes the WALs there, which may be those of the database that the backup was made of. Restore with \
             rewrite_wal_dir, or set wal_dir when you open it",
            path(named).display()
        ),
        None => format!(
            "it has no wal_dir, but the WALs were restored into {restored}: opened with these options, the database \
             misses what is in them. Restore with rewrite_wal_dir, or set wal_dir when you open it"
        ),
    };
    Warning::about(WarningName::WalDirOfOptions, name.to_string(), message)
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
