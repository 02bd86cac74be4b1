//! Which directory the WALs of a database are in.
//!
//! RocksDB reads WALs from one directory, `wal_dir`, which stands in OPTIONS. But OPTIONS files travel: those in a
//! checkpoint or a copy name the `wal_dir` of the database that they come from, which may be in use by now, and its
//! WALs would be replayed on a state that they do not belong to. So what OPTIONS says counts only where a database
//! has been opened since (there are a `LOCK` and a `LOG`), and where nothing speaks against it. In doubt the caller must
//! say.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use stonekeep_format::FileNumber;
use stonekeep_format::file_name::DbFileName;

use super::listing::Listing;
use super::remarks::Remarks;
use crate::{Error, Result, WarningName};

/// What the choice depends on.
pub(super) struct WalDirChoice<'a> {
    /// The database's directory.
    pub(super) home: &'a Listing,
    /// The directory that the caller gave.
    pub(super) given: Option<&'a Path>,
    /// `wal_dir` in OPTIONS.
    pub(super) in_options: Option<&'a [u8]>,
    /// Whether a process has the database open, so that its OPTIONS were written here.
    pub(super) is_open: bool,
    /// Whether the database needs the WAL of this number.
    pub(super) is_needed: &'a dyn Fn(FileNumber) -> bool,
}

impl WalDirChoice<'_> {
    /// The directory of the WALs; `None` if that is the database's own.
    ///
    /// # Errors
    /// `NotFound` if the one that was given is not there; `Refused` if it cannot be told which one is right.
    pub(super) fn choose(&self, remarks: &mut Remarks) -> Result<Option<Listing>> {
        match (self.given, self.in_options) {
            (Some(given), _) => self.take_given(given, remarks),
            (None, Some(in_options)) => self.judge_options(Path::new(OsStr::from_bytes(in_options)), remarks),
            (None, None) => Ok(None),
        }
    }

    fn take_given(&self, given: &Path, remarks: &mut Remarks) -> Result<Option<Listing>> {
        let Some(listing) = Listing::of(given)? else {
            let message = format!(
                "there is no directory {}, which was given as wal_dir",
                given.display()
            );
            return Err(Error::not_found(message));
        };
        if listing.identity == self.home.identity {
            return Ok(None);
        }
        if self.has_needed(self.home) {
            let message = format!("it has WALs, too; only those in {} are captured", given.display());
            remarks.warn(WarningName::WalDirDoubtful, &self.home.path, message);
        }
        Ok(Some(listing))
    }

    fn judge_options(&self, named: &Path, remarks: &mut Remarks) -> Result<Option<Listing>> {
        let Some(other) = self.find(named)? else {
            return self.without(named, remarks).map(|()| None);
        };
        if other.identity == self.home.identity {
            return Ok(None);
        }
        if other.contains(&DbFileName::Current) {
            let message =
                "OPTIONS names it as wal_dir, but another database is in it: its WALs are left alone";
            remarks.warn(WarningName::WalDirDoubtful, &other.path, message);
            return Ok(None);
        }
        match (
            self.was_opened(),
            self.has_needed(self.home),
            self.has_needed(&other),
        ) {
            (false, true, _) | (true, true, false) => Ok(None),
            (true, false, _) => Ok(Some(other)),
            (false, false, false) => Ok(None),
            (false, false, true) | (true, true, true) => Err(self.ask(&other)),
        }
    }

    /// The directory that OPTIONS names is not there. An open database always has a WAL, so one that has none here keeps
    /// them elsewhere; a restored one may have none at all.
    fn without(&self, named: &Path, remarks: &mut Remarks) -> Result<()> {
        const REASON: &str = "OPTIONS names it as wal_dir, but there is no such directory";
        if self.has_needed(self.home) {
            return Ok(());
        }
        if self.was_opened() {
            remarks.find(named, REASON);
        } else if self.home.contains(&DbFileName::Lock) {
            let home = self.home.path.display();
            let message = format!(
                "{home} has no WALs, and there is no directory {}, which its OPTIONS names as wal_dir",
                named.display()
            );
            return Err(Error::refused(message).with_hint(format!(
                "say where its WALs are; if it has none, wal_dir is {home}"
            )));
        }
        Ok(())
    }

    /// The directory that OPTIONS means. A relative one began where the process ran that wrote it, which is not known:
    /// usually in the database's directory or the one above.
    fn find(&self, named: &Path) -> Result<Option<Listing>> {
        let home = self.home.path.as_path();
        let bases = [Some(home), home.parent()];
        for base in bases.into_iter().flatten() {
            let path: PathBuf = base.join(named);
            if let Some(listing) = Listing::of(&path)? {
                return Ok(Some(listing));
            }
        }
        Ok(None)
    }

    /// Whether RocksDB opened this very directory for writing, and so wrote the newest OPTIONS here. A checkpoint has no
    /// `LOCK` before that, a restored backup no `LOG`. One whose messages go elsewhere (`db_log_dir`, a logger of the
    /// application's) is taken for a copy: then the caller may have to say what could be known.
    fn was_opened(&self) -> bool {
        let logged = |parsed: &Option<DbFileName>| matches!(parsed, Some(DbFileName::InfoLog(_)));
        let left_traces =
            self.home.contains(&DbFileName::Lock) && self.home.files.iter().any(|file| logged(&file.parsed));
        self.is_open || left_traces
    }

    fn has_needed(&self, listing: &Listing) -> bool {
        wal_numbers(listing).any(|number| (self.is_needed)(number))
    }

    fn ask(&self, other: &Listing) -> Error {
        let home = self.home.path.display();
        let other = other.path.display();
        let message = match self.was_opened() {
            true => {
                format!("both {home} and {other}, which OPTIONS names as wal_dir, have WALs of this database")
            }
            false => format!(
                "{home} is a copy that was never opened; whether the WALs in {other}, which its OPTIONS names as wal_dir, \
                 belong to it cannot be told"
            ),
        };
        Error::refused(message).with_hint(format!("say where its WALs are: wal_dir is {home} or {other}"))
    }
}

/// The numbers of the WALs in a directory.
pub(super) fn wal_numbers(listing: &Listing) -> impl Iterator<Item = FileNumber> + '_ {
    listing.files.iter().filter_map(|file| match file.parsed {
        Some(DbFileName::Wal(number)) => Some(number),
        _ => None,
    })
}
