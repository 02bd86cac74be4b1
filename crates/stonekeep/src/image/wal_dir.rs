//! Which directory the WALs of a database are in.
//!
//! RocksDB reads WALs from one directory, `wal_dir`, which OPTIONS names where it is not the database's own. But OPTIONS
//! files travel: those in a checkpoint, a copy, a volume snapshot or a moved database name the `wal_dir` of the database
//! that they come from, which goes on writing there. Its WALs would be replayed on a state that they do not belong to,
//! without an error. So a directory elsewhere is used only where its WALs are shown to be those of this database.
//!
//! # What counts
//! - *The caller's word* is believed. Only a tracked WAL that is missing there is an error.
//! - *Open files*: where a process holds the `LOCK`, the directory in which it has WALs open is the one.
//! - *Numbers*: [`wal_proof`](super::wal_proof) compares the WALs with the MANIFEST, and calls them proven, plausible,
//!   unproven or contradicted.
//! - *Hints*: [`opening_traces`](super::opening_traces) says where the database was opened last, by its `LOG`. One that was
//!   opened elsewhere, where a database still is, has a copy of that one's OPTIONS: then WALs that fit may have grown since,
//!   and are not believed; nor are they where nothing says where it was opened. WALs that are only plausible are believed
//!   where the database was opened at its present place, which a `wal_dir` inside it shows, too.
//! - A directory with a CURRENT of its own is another database's, whatever is in it.
//!
//! A relative `wal_dir` began in the working directory of the process that wrote it: that of the holder of the `LOCK`; at rest it
//! is looked for in the database's directory, then in the one above. The working directory of the caller says nothing.
//!
//! # The decision
//! "Home" is the database's directory, "other" the one that OPTIONS names. WALs count if the MANIFEST needs them.
//!
//! | WALs at home | WALs in the other | decision |
//! |---|---|---|
//! | any | any, the holder of the `LOCK` has WALs open in one of the two | that one |
//! | some | none, or no such directory | home, with a warning |
//! | none | none | the other if the directory was opened as a database: then `wals-missing`; else home |
//! | none, it was opened, and there is no other directory | | an error |
//! | none, never opened here | contradicted, or unproven and home has no LOCK, as a checkpoint | home, with a warning |
//! | none, never opened here | else | refused |
//! | none | believed | the other |
//! | none | not believed | refused |
//! | some, never opened here | some | home, with a warning: copies have their WALs with them |
//! | fit | not believed | home, with a warning |
//! | contradicted | believed | the other, with a warning |
//! | else | | refused |
//!
//! A directory that the caller calls a checkpoint has its WALs at home.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::DatabaseState;
use stonekeep_format::options::CaptureOptions;

use super::diagnostics::Diagnostics;
use super::listing::Listing;
use super::lock_holder::LockHolder;
use super::named_wal_dir::{counterpart, find_named};
use super::opening_traces::{OpenedAt, opened_at, was_opened_for_writing};
use super::wal_proof::{Belonging, belonging};
use super::wal_rules::is_needed;
use crate::{Error, Observer, Result, WarningName};

/// How the directory is used while it is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    /// No process has it open.
    AtRest,
    /// The caller says that it is a checkpoint.
    Checkpoint,
    /// A process has it open, or may have.
    Open,
}

/// What the choice depends on.
pub(super) struct WalDirChoice<'a> {
    /// The database's directory.
    pub(super) home: &'a Listing,
    /// The directory that the caller gave.
    pub(super) given: Option<&'a Path>,
    /// What OPTIONS say, `wal_dir` among it.
    pub(super) settings: &'a CaptureOptions,
    /// The state that the MANIFEST adds up to.
    pub(super) state: &'a DatabaseState,
    /// Whether a process has the database open.
    pub(super) usage: Usage,
    /// Asked whether to stop.
    pub(super) observer: &'a dyn Observer,
}

/// A directory that has WALs which the database needs.
struct Candidate {
    listing: Listing,
    belonging: Belonging,
}

impl WalDirChoice<'_> {
    /// The directory of the WALs; `None` if that is the database's own.
    ///
    /// # Errors
    /// `NotFound` if the one that was given is not there; `Refused` if nothing shows which one is right.
    pub(super) fn choose(&self, diagnostics: &mut Diagnostics) -> Result<Option<Listing>> {
        match (self.given, &self.settings.wal_dir) {
            (Some(given), _) => self.take_given(given, diagnostics),
            (None, Some(_)) if self.usage == Usage::Checkpoint => Ok(None),
            (None, Some(named)) => self.judge_options(Path::new(OsStr::from_bytes(named)), diagnostics),
            (None, None) => Ok(None),
        }
    }

    fn take_given(&self, given: &Path, diagnostics: &mut Diagnostics) -> Result<Option<Listing>> {
        let Some(listing) = Listing::of(given)? else {
            let message = format!(
                "there is no directory {}, which was given as wal_dir (--wal-dir)",
                given.display()
            );
            return Err(Error::not_found(message));
        };
        if listing.identity == self.home.identity {
            return Ok(None);
        }
        if self.has_needed(self.home) {
            let message = format!("it has WALs, too; only those in {} are captured", given.display());
            diagnostics.warn(WarningName::WalDirDoubtful, &self.home.path, message);
        }
        Ok(Some(listing))
    }

    fn judge_options(&self, named: &Path, diagnostics: &mut Diagnostics) -> Result<Option<Listing>> {
        let holder = match self.usage {
            Usage::Open => LockHolder::of(&self.home.path)?,
            Usage::AtRest | Usage::Checkpoint => None,
        };
        let Some(mut others) = find_named(named, self.home, holder)? else {
            return Ok(None);
        };
        if others.is_empty() {
            return self.without(named, diagnostics).map(|()| None);
        }
        others.retain(|other| !is_of_another_database(other, diagnostics));
        if others.is_empty() {
            return Ok(None);
        }
        if let Some(open) = holder.and_then(|holder| holder.directories_of_open_wals()) {
            let at_home = open.contains(&self.home.identity);
            match others.iter().position(|other| open.contains(&other.identity)) {
                Some(index) if !at_home => return Ok(Some(others.swap_remove(index))),
                None if at_home => {
                    self.prefer_home(named, diagnostics);
                    return Ok(None);
                }
                _ => {}
            }
        }
        self.judge_numbers(named, others, diagnostics)
    }

    fn judge_numbers(
        &self,
        named: &Path,
        others: Vec<Listing>,
        diagnostics: &mut Diagnostics,
    ) -> Result<Option<Listing>> {
        let opened = self.was_opened()?;
        let at_home = self.has_needed(self.home);
        let mut candidates = Vec::new();
        let mut without_wals = Vec::new();
        for listing in others {
            match belonging(self.state, self.settings, &listing, self.observer)? {
                Belonging::Absent => without_wals.push(listing),
                belonging => candidates.push(Candidate { listing, belonging }),
            }
        }
        if at_home && (candidates.is_empty() || !opened) {
            self.prefer_home(named, diagnostics);
            return Ok(None);
        }
        if candidates.is_empty() {
            return Ok(without_wals.into_iter().next().filter(|_| opened));
        }
        if !opened
            && candidates
                .iter()
                .all(|candidate| self.is_refuted(&candidate.belonging))
        {
            let message = "OPTIONS names it as wal_dir, but its WALs belong to another state of the database: they are \
                           left alone";
            diagnostics.warn(WarningName::WalDirDoubtful, &candidates[0].listing.path, message);
            return Ok(None);
        }
        if !opened {
            return Err(self.ask_about_copy(&candidates[0].listing));
        }
        self.decide(named, candidates, diagnostics)
    }

    /// The directory was opened as a database, and WALs are elsewhere, perhaps at home, too.
    fn decide(
        &self,
        named: &Path,
        mut candidates: Vec<Candidate>,
        diagnostics: &mut Diagnostics,
    ) -> Result<Option<Listing>> {
        let near: Vec<&Path> = candidates
            .iter()
            .map(|other| other.listing.path.as_path())
            .collect();
        let opened_at = if candidates
            .iter()
            .any(|other| self.home.is_above(&other.listing.path))
        {
            OpenedAt::Here
        } else {
            opened_at(self.home, &near)?
        };
        let home = belonging(self.state, self.settings, self.home, self.observer)?;
        let believed: Vec<usize> = (0..candidates.len())
            .filter(|index| is_believed(&candidates[*index].belonging, &opened_at))
            .collect();
        match (home, believed.as_slice()) {
            (Belonging::Absent, &[index]) => Ok(Some(candidates.swap_remove(index).listing)),
            (Belonging::Contradicted(reason), &[index]) => {
                let message =
                    format!("the WALs in it {reason}; only those in the wal_dir of OPTIONS are captured");
                diagnostics.warn(WarningName::WalDirDoubtful, &self.home.path, message);
                Ok(Some(candidates.swap_remove(index).listing))
            }
            (home, []) if home.fits() => {
                self.prefer_home(named, diagnostics);
                Ok(None)
            }
            (Belonging::Absent, _) => Err(self.ask_for_proof(&candidates[0], &opened_at)),
            _ => Err(self.ask_which(&candidates[0].listing)),
        }
    }

    /// The directory that OPTIONS names is not there. An open database always has a WAL, so one that has none here keeps
    /// them elsewhere; a restored one may have none at all.
    fn without(&self, named: &Path, diagnostics: &mut Diagnostics) -> Result<()> {
        const REASON: &str = "OPTIONS names it as wal_dir, but there is no such directory";
        let opened = self.was_opened()?;
        let opened_at = opened_at(self.home, &[named])?;
        if self.has_needed(self.home) {
            // Up to 6.19 OPTIONS name the database's own directory, which has been moved since.
            let was_home = matches!(&opened_at, OpenedAt::Gone(path) if path == named);
            if opened && !was_home {
                self.prefer_home(named, diagnostics);
            }
            return Ok(());
        }
        if opened {
            diagnostics.add_finding(named, REASON);
            diagnostics.hint(self.what_to_pass(named, &opened_at));
        } else if self.home.contains(&DbFileName::Lock) {
            let home = self.home.path.display();
            let message = format!(
                "{home} has no WALs, and there is no directory {}, which its OPTIONS names as wal_dir",
                named.display()
            );
            return Err(Error::refused(message).with_hint(format!(
                "say where its WALs are (--wal-dir); if it has none, wal_dir is {home}"
            )));
        }
        Ok(())
    }

    fn was_opened(&self) -> Result<bool> {
        Ok(self.usage == Usage::Open || was_opened_for_writing(self.home, self.state)?)
    }

    /// Whether a directory that was never opened does without such WALs. A checkpoint has no LOCK; one that has may have lost
    /// its LOG.
    fn is_refuted(&self, belonging: &Belonging) -> bool {
        let is_checkpoint = !self.home.contains(&DbFileName::Lock);
        matches!(belonging, Belonging::Contradicted(_)) || (is_checkpoint && !belonging.fits())
    }

    fn has_needed(&self, listing: &Listing) -> bool {
        listing.wal_numbers().any(|number| is_needed(self.state, number))
    }

    fn prefer_home(&self, named: &Path, diagnostics: &mut Diagnostics) {
        let message = format!(
            "OPTIONS names {} as wal_dir, but the WALs of the database are in its own directory: those are captured",
            named.display()
        );
        diagnostics.warn(WarningName::WalDirDoubtful, &self.home.path, message);
    }

    fn ask_about_copy(&self, other: &Listing) -> Error {
        let (home, other) = (self.home.path.display(), other.path.display());
        let message = format!(
            "{home} is a copy that was never opened; nothing shows whether the WALs in {other}, which its OPTIONS names as \
             wal_dir, belong to it"
        );
        Error::refused(message).with_hint(format!(
            "if it is a checkpoint, pass --source checkpoint; else say where its WALs are: wal_dir is {home} or {other} \
             (--wal-dir)"
        ))
    }

    fn ask_for_proof(&self, candidate: &Candidate, opened_at: &OpenedAt) -> Error {
        let (home, other) = (self.home.path.display(), candidate.listing.path.display());
        let reason = match (&candidate.belonging, opened_at) {
            (Belonging::Contradicted(reason) | Belonging::Unproven(reason), _) => format!("they {reason}"),
            (_, OpenedAt::Elsewhere(path)) => format!(
                "its LOG says that it was opened as {}, where another database is: this one is a copy, and the other one \
                 may have gone on",
                path.display()
            ),
            (_, OpenedAt::Gone(path)) => {
                format!("its LOG says that it was opened as {}", path.display())
            }
            (_, OpenedAt::Unknown) => "it has no LOG that says where it was opened".to_owned(),
            (_, OpenedAt::Here) => "WALs of another database may look like these".to_owned(),
        };
        let message = format!(
            "OPTIONS names {other} as wal_dir, but nothing proves that the WALs there belong to the database in {home}: {reason}"
        );
        Error::refused(message).with_hint(self.what_to_pass(&candidate.listing.path, opened_at))
    }

    fn ask_which(&self, other: &Listing) -> Error {
        let (home, other) = (self.home.path.display(), other.path.display());
        let message =
            format!("both {home} and {other}, which OPTIONS names as wal_dir, have WALs of this database");
        Error::refused(message).with_hint(format!(
            "say where its WALs are: wal_dir is {home} or {other} (--wal-dir)"
        ))
    }

    /// What to do about WALs that were not found, with the place where a copy would have them if it was made of both
    /// directories.
    fn what_to_pass(&self, named: &Path, opened_at: &OpenedAt) -> String {
        let beside = match opened_at {
            OpenedAt::Elsewhere(original) | OpenedAt::Gone(original) => {
                counterpart(named, original, self.home)
            }
            OpenedAt::Here | OpenedAt::Unknown => None,
        };
        let home = self.home.path.display();
        let is_named =
            |listing: &Listing| Listing::identity_of(named).ok().flatten() == Some(listing.identity);
        let found = beside.filter(|listing| self.has_needed(listing) && !is_named(listing));
        match found {
            Some(found) => format!(
                "if its WALs are those in {path}, pass --wal-dir {path}",
                path = found.path.display()
            ),
            None => format!(
                "pass --wal-dir with the directory that has its WALs; if it has none, pass --wal-dir {home}"
            ),
        }
    }
}

/// Whether WALs elsewhere are taken for those of the database.
fn is_believed(belonging: &Belonging, opened_at: &OpenedAt) -> bool {
    match belonging {
        Belonging::Proven => matches!(opened_at, OpenedAt::Here | OpenedAt::Gone(_)),
        Belonging::Plausible => *opened_at == OpenedAt::Here,
        Belonging::Absent | Belonging::Contradicted(_) | Belonging::Unproven(_) => false,
    }
}

/// Whether a directory is the one of another database, which is warned of.
fn is_of_another_database(other: &Listing, diagnostics: &mut Diagnostics) -> bool {
    let is_database = other.contains(&DbFileName::Current);
    if is_database {
        let message = "OPTIONS names it as wal_dir, but another database is in it: its WALs are left alone";
        diagnostics.warn(WarningName::WalDirDoubtful, &other.path, message);
    }
    is_database
}
