//! `keep_old`: the old state's files go to a directory of the user's instead of being removed.
//!
//! The directory is made before the record of step R2, which names it, so that a place that cannot take the files is refused
//! while nothing has changed. In step R7, after the commit, the files in `old/` get their names there, CURRENT last: until
//! then no RocksDB opens it. They are renamed, so that each is in one of the two places at any time, and a run that was
//! killed is finished by the next. WALs of a separate `wal_dir` go to `wals/` in it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use stonekeep_format::file_name::DbFileName;

use super::moves::Move;
use super::record::RestoreRecord;
use super::switchover::Switchover;
use crate::store::{EntryKind, Key};
use crate::target::{
    ARCHIVE, Area, CURRENT, STAGING, TargetDirectories, TargetDirectory, TargetDisk, TargetPath, real_path,
};
use crate::{Error, ErrorKind, IoContext, Result};

/// Where the WALs of a separate `wal_dir` go.
const WALS: &str = "wals";
/// A file that is moved there and removed, to see whether that can be done.
const PROBE: &str = ".stonekeep-probe";

/// Refuses a directory that cannot take the old state.
///
/// # Errors
/// `Refused` if it is not empty, or if it is part of the target or of the repository, or on another file system;
/// `InvalidArgument` for a path that a record cannot hold.
pub(super) fn require_usable(
    directory: &Path,
    targets: &TargetDirectories,
    repository: Option<&Path>,
    disk: &TargetDisk,
) -> Result<()> {
    let directory = std::path::absolute(directory).context("finding", directory)?;
    if directory.to_str().is_none() {
        return Err(Error::invalid(format!(
            "{} is no text, and cannot be written down",
            directory.display()
        )));
    }
    let refuse = |reason: String| {
        let message = format!(
            "the old state cannot be kept in {}: {reason}",
            directory.display()
        );
        Err(Error::refused(message).with_hint("name a new directory beside the database"))
    };
    match fs::read_dir(&directory) {
        Ok(entries) => {
            for entry in entries {
                let name = entry.context("reading", &directory)?.file_name();
                if name != PROBE {
                    return refuse(format!("it is not empty: it has {name:?}"));
                }
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).context("reading", &directory),
    }
    let real = real_path(&directory);
    if repository.is_some_and(|repository| real.starts_with(real_path(repository))) {
        return refuse("it is inside the repository".to_owned());
    }
    for (_, target) in targets.all() {
        let place = real_path(target.path());
        let is_moved = [STAGING, ARCHIVE]
            .iter()
            .any(|name| real.starts_with(place.join(name)));
        if is_moved || place.starts_with(&real) {
            return refuse(format!("it is part of {}", target.path().display()));
        }
        let device = |path: &Path| disk.free_space(path).map(|space| space.device);
        if device(&real)? != device(&place)? {
            return refuse(format!(
                "it is on another file system than {}",
                target.path().display()
            ));
        }
    }
    Ok(())
}

/// What becomes of the old state was decided when the restore began: it cannot be kept where that was not to be.
///
/// # Errors
/// `Refused` if another directory is asked for than the record has.
pub(super) fn require_same(
    asked: Option<&Path>,
    record: &RestoreRecord,
    targets: &TargetDirectories,
) -> Result<()> {
    let Some(asked) = asked else {
        return Ok(());
    };
    let asked = std::path::absolute(asked).context("finding", asked)?;
    let begun = record.head.keep_old.as_deref();
    if begun.is_some_and(|begun| Path::new(begun) == asked) || !record.replaces() {
        return Ok(());
    }
    let message = format!(
        "{} has an unfinished restore, whose old state was {}",
        targets.db().path().display(),
        begun.map_or("not to be kept".to_owned(), |begun| format!(
            "to be kept in {begun}"
        ))
    );
    Err(Error::refused(message)
        .with_hint("finish it as it was begun, or take it back with abort_restore (restore --abort)"))
}

impl Switchover<'_> {
    /// Makes the directory, and tries whether files can be moved there; whether it was made.
    pub(super) fn prepare_keep_old(&self, directory: &Path) -> Result<bool> {
        let made = !directory.exists();
        let kept = TargetPath::root(directory);
        self.disk.make_directory(&kept)?;
        if made {
            let rights =
                fs::metadata(self.targets.db().path()).context("looking at", self.targets.db().path())?;
            fs::set_permissions(directory, rights.permissions())
                .context("changing the mode of", directory)?;
        }
        for (_, target) in self.targets.all() {
            let probe = self.write_unfinished(target, PROBE, b"")?;
            let there = kept.with_key(Key::trusted(PROBE));
            self.disk.remove(&there)?;
            if let Err(error) = self.disk.rename(&probe, &there) {
                self.disk.remove(&probe)?;
                self.remove_kept(directory, made);
                return Err(not_there(directory, error));
            }
            self.disk.remove(&there)?;
        }
        if let Some(parent) = directory.parent() {
            self.disk.sync_directory(&TargetPath::root(parent))?;
        }
        Ok(made)
    }

    /// Removes the directory again, if it was made and nothing is in it.
    pub(super) fn remove_kept(&self, directory: &Path, made: bool) {
        let (Some(parent), Some(name)) = (directory.parent(), directory.file_name()) else {
            return;
        };
        let Some(key) = name
            .to_str()
            .and_then(|name| Key::new(name).ok())
            .filter(|_| made)
        else {
            return;
        };
        if let Err(error) = self
            .disk
            .remove_directory(&TargetPath::root(parent).with_key(key))
        {
            tracing::debug!(reason = %error.one_line(), "the directory for the old state stays");
        }
    }

    /// Gives the files in `old/` their names in the directory, which has nothing but what an earlier run has moved there.
    pub(super) fn move_old_to(&self, directory: &Path, record: &RestoreRecord) -> Result<()> {
        require_own(directory, record)?;
        // That it was removed may have been lost with the power.
        if directory.exists() {
            self.disk
                .remove(&TargetPath::root(directory).with_key(Key::trusted(PROBE)))?;
        }
        for (area, target) in self.targets.all() {
            if target.names(&target.staged("old"))?.is_empty() {
                continue;
            }
            let root = TargetPath::root(directory);
            let to = match area {
                Area::Db => root,
                Area::Wal => child(&root, WALS)?,
            };
            self.move_folder(target, &target.old_file(ARCHIVE)?, &child(&to, ARCHIVE)?)?;
            self.move_folder(target, &target.staged("old"), &to)?;
        }
        self.move_included(directory, record)?;
        self.move_current(directory)
    }

    /// Moves one folder of a target's old files, CURRENT aside.
    fn move_folder(&self, target: &TargetDirectory, old: &TargetPath, to: &TargetPath) -> Result<()> {
        let files: Vec<String> = target
            .entries(old.key())?
            .into_iter()
            .filter(|name| name.kind == EntryKind::File && name.name != CURRENT)
            .filter(|name| DbFileName::parse(&name.name).is_some())
            .map(|name| name.name)
            .collect();
        if files.is_empty() {
            return Ok(());
        }
        self.make_with_parents(to)?;
        for name in &files {
            self.disk.rename(&child(old, name)?, &child(to, name)?)?;
        }
        self.disk.sync_directory(to)?;
        self.disk.sync_directory(old)
    }

    /// Makes a directory with those above it below its root, and the root.
    pub(super) fn make_with_parents(&self, directory: &TargetPath) -> Result<()> {
        if let Some(parent) = directory.parent() {
            self.make_with_parents(&parent)?;
            self.disk.make_directory(directory)?;
            return self.disk.sync_directory(&parent);
        }
        self.disk.make_directory(directory)
    }

    /// The last step, by which the directory becomes a database.
    fn move_current(&self, directory: &Path) -> Result<()> {
        let db = self.targets.db();
        let old = db.old_file(CURRENT)?;
        if !db.has(&old)? {
            return Ok(());
        }
        let kept = TargetPath::root(directory);
        self.disk.make_directory(&kept)?;
        self.disk.rename(&old, &child(&kept, CURRENT)?)?;
        self.disk.sync_directory(&kept)?;
        self.disk.sync_directory(&db.staged("old"))
    }
}

/// A record may come from an untrusted source: files go to a directory only that has nothing but old files by that record.
fn require_own(directory: &Path, record: &RestoreRecord) -> Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.context("reading", directory)?,
    };
    let away = record.moves.iter().filter(|step| matches!(step, Move::Away(_)));
    let top = |step: &'_ Move| step.place().name.split('/').next().map(str::to_owned);
    let mut own: BTreeSet<String> = away.filter_map(top).collect();
    own.extend([CURRENT, ARCHIVE, WALS, PROBE].map(str::to_owned));
    for entry in entries {
        let name = entry.context("reading", directory)?.file_name();
        if name.to_str().is_none_or(|name| !own.contains(name)) {
            let message = format!(
                "{} has {name:?}, which is no file of the old state",
                directory.display()
            );
            return Err(Error::refused(message).with_hint("move it away, and run the restore again"));
        }
    }
    Ok(())
}

fn child(parent: &TargetPath, name: &str) -> Result<TargetPath> {
    Ok(parent.with_key(match parent.key() {
        Some(key) => key.join(name)?,
        None => Key::new(name)?,
    }))
}

fn not_there(directory: &Path, error: Error) -> Error {
    let message = format!(
        "the old state cannot be kept in {}, since files cannot be moved there",
        directory.display()
    );
    Error::new(ErrorKind::Refused, message)
        .with_hint("name a directory on the file system that the database is on")
        .with_source(error)
}
