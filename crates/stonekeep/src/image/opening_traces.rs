//! What LOCK, LOG and IDENTITY show about whether, and where, a directory was opened as a database.
//!
//! RocksDB makes `LOCK` and `LOG` when it opens a database for writing. A checkpoint has neither; a restored backup has a
//! `LOCK`, which the restore took, and the `LOG` of what it was restored over. At each open `LOG` begins with a summary
//! that names the directory (`DumpDBFileSummary`, `db/db_info_dumper.cc`). A copy has the `LOG` of the original, and so
//! names the original. All this is a hint, since paths differ between containers and may be relative: it can raise a
//! doubt, or settle one, but proves nothing.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::DatabaseState;

use super::listing::Listing;
use super::pinned::read_small;
use crate::Result;

/// The summary is among the first lines; the note of a read-only open comes after the options.
const LOG_BEGINNING_BYTES: u64 = 256 << 10;

/// A `LOG` that is older than CURRENT by more than this was there before the database was restored over it. RocksDB writes
/// its `LOG` with at most 5 seconds of delay (`flush_every_seconds_`, `logging/env_logger.h`).
const LOG_DELAY_SECONDS: i64 = 10;

/// Where a database was when it was last opened, as its `LOG` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OpenedAt {
    /// In this directory.
    Here,
    /// In another directory, where a database is.
    Elsewhere(PathBuf),
    /// At a path where no database is now.
    Gone(PathBuf),
    /// There is no `LOG` that says it.
    Unknown,
}

/// Whether anything shows that the directory, or the one that it is a copy of, was opened as a database. RocksDB leaves
/// at least one WAL in such a one.
pub(super) fn was_opened(home: &Listing, state: &DatabaseState) -> Result<bool> {
    let has_lock = home.contains(&DbFileName::Lock);
    if has_fresh_log(home)? {
        return Ok(has_lock || !says_read_only(home)?);
    }
    // A restore makes a LOCK, too, but an IDENTITY only where the MANIFEST has no id.
    Ok(has_lock && home.contains(&DbFileName::Identity) && state.db_id().is_some())
}

/// Whether RocksDB opened it for writing, and so wrote the newest OPTIONS.
pub(super) fn was_opened_for_writing(home: &Listing, state: &DatabaseState) -> Result<bool> {
    Ok(home.contains(&DbFileName::Lock) && was_opened(home, state)?)
}

/// Where the database was when it was last opened. `near` are places around which a relative path is looked for.
pub(super) fn opened_at(home: &Listing, near: &[&Path]) -> Result<OpenedAt> {
    let Some(logged) = read_small(&log(home), LOG_BEGINNING_BYTES)? else {
        return Ok(OpenedAt::Unknown);
    };
    let Some(path) = directory_in_summary(&logged) else {
        return Ok(OpenedAt::Unknown);
    };
    let own = std::fs::canonicalize(&home.path).unwrap_or_else(|_| home.path.clone());
    let mut is_here = false;
    for candidate in places(&path, &own, near) {
        match Listing::identity_of(&candidate)? {
            Some(identity) if identity == home.identity => is_here = true,
            Some(_) if candidate.join(DbFileName::Current.to_string()).is_file() => {
                return Ok(OpenedAt::Elsewhere(candidate));
            }
            _ => {}
        }
    }
    Ok(if is_here {
        OpenedAt::Here
    } else {
        OpenedAt::Gone(path)
    })
}

/// Where a path in a `LOG` may lead: an absolute one to one place, a relative one below any directory that the database or
/// its WALs are in.
fn places(path: &Path, own: &Path, near: &[&Path]) -> Vec<PathBuf> {
    if path.is_absolute() {
        return vec![path.to_owned()];
    }
    let around = [own].into_iter().chain(near.iter().copied());
    let above = around.flat_map(|place| place.ancestors().skip(1));
    above
        .filter(|above| above.is_absolute())
        .map(|above| above.join(path))
        .collect()
}

/// The path in `SST files in PATH dir, Total Num: 3, files: …`, of which the first is that of the database.
fn directory_in_summary(log: &[u8]) -> Option<PathBuf> {
    let text = String::from_utf8_lossy(log);
    let (_, rest) = text.split_once("SST files in ")?;
    let line = rest.lines().next()?;
    let (path, _) = line.split_once(" dir, Total Num: ")?;
    let is_readable = !path.contains(char::REPLACEMENT_CHARACTER);
    // A path like "." says the same in every copy.
    let has_name = Path::new(path).file_name().is_some();
    (is_readable && has_name).then(|| PathBuf::from(path))
}

fn log(home: &Listing) -> PathBuf {
    home.path.join("LOG")
}

/// Whether there is a `LOG` that was not there before the database was put here.
fn has_fresh_log(home: &Listing) -> Result<bool> {
    let is_log = |name: &DbFileName| matches!(name, DbFileName::InfoLog(_));
    if !home
        .files
        .iter()
        .any(|file| file.parsed.as_ref().is_some_and(is_log))
    {
        return Ok(false);
    }
    let modified = |path: PathBuf| std::fs::metadata(path).ok().map(|metadata| metadata.mtime());
    let current = modified(home.path.join(DbFileName::Current.to_string()));
    Ok(match (modified(log(home)), current) {
        (Some(logged), Some(current)) => logged.saturating_add(LOG_DELAY_SECONDS) >= current,
        _ => true,
    })
}

/// `DBImplReadOnly` says so (`db/db_impl/db_impl_readonly.cc`); newer versions write no `LOG` then.
fn says_read_only(home: &Listing) -> Result<bool> {
    let logged = read_small(&log(home), LOG_BEGINNING_BYTES)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&logged).contains("Opening the db in read only mode"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_the_directory() {
        let log = b"2026/11/29-11:31:11 30238 RocksDB version: 7.8.3\n\
            2026/11/29-11:31:11 30238 SST files in /srv/a dir, Total Num/db dir, Total Num: 1, files: 000008.sst\n\
            2026/11/29-11:31:11 30238 SST files in /srv/second dir, Total Num: 0, files:\n";
        assert_eq!(
            directory_in_summary(log),
            Some(PathBuf::from("/srv/a dir, Total Num/db"))
        );
        assert_eq!(directory_in_summary(b"SST files in \xff dir, Total Num: 0"), None);
        assert_eq!(directory_in_summary(b"SST files in . dir, Total Num: 0"), None);
        assert_eq!(directory_in_summary(b"a fake database\n"), None);
    }

    #[test]
    fn a_relative_path_may_begin_anywhere_above() {
        let found = places(
            Path::new("live/db"),
            Path::new("/x/snap/db"),
            &[Path::new("/x/live/wal")],
        );
        assert!(found.contains(&PathBuf::from("/x/live/db")), "{found:?}");
        let absolute = places(Path::new("/y/db"), Path::new("/x/snap/db"), &[]);
        assert_eq!(absolute, [Path::new("/y/db")]);
    }
}
