//! Files of the application that come back with a backup: each may lie in a directory of its own, and replaces what has
//! its name.
//!
//! They are staged under short names, so that nothing below `new/` and `old/` needs directories. A directory that is
//! missing at the target is made when files begin to move, and is removed again by an abort; the record names it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::moves::{Move, MovedFile};
use super::record::RestoreRecord;
use super::switchover::Switchover;
use super::write::Write;
use crate::engine::contents::{BackupContents, Content, FileSource};
use crate::store::Key;
use crate::target::{TargetDirectories, TargetDirectory, TargetEntry, TargetPath, real_path};
use crate::{Error, Result};

/// What is to be done for the files of the application.
#[derive(Debug, Default)]
pub(super) struct Included {
    pub(super) writes: Vec<Write>,
    /// What has their names now.
    pub(super) replaced: Vec<MovedFile>,
    /// The directories that are missing, each after the one above it.
    pub(super) directories: BTreeSet<String>,
}

/// Decides where these files go.
///
/// # Errors
/// `Refused` if one of the places is taken by something that is no regular file, or if one of them would lie in the repository or
/// among WALs; I/O errors.
pub(super) fn decide(
    backup: &BackupContents,
    targets: &TargetDirectories,
    repository: Option<&Path>,
) -> Result<Included> {
    let mut included = Included::default();
    if backup.included.is_empty() {
        return Ok(included);
    }
    let target = targets.db();
    let wals = targets.separate_wals().map(|wals| real_path(wals.path()));
    let others: Vec<_> = repository.map(real_path).into_iter().chain(wals).collect();
    let mut above = Directories::default();
    for (number, file) in (0u32..).zip(&backup.included) {
        let path = real_path(&target.path().join(&file.path));
        if let Some(other) = others.iter().find(|other| path.starts_with(other)) {
            let message = format!("{} would lie in {}", file.path, other.display());
            return Err(Error::refused(message)
                .with_hint("restore into a directory that has neither the repository nor the WALs inside"));
        }
        if above.are_there(target, &file.path)? {
            match target.look(&target.at(&file.path)?)? {
                None => {}
                Some(TargetEntry::File { .. }) => {
                    included.replaced.push(MovedFile::included(number, &file.path));
                }
                Some(_) => return Err(in_the_way(target, &file.path, "no regular file")),
            }
        }
        included.writes.push(Write {
            to: MovedFile::included(number, &file.path),
            content: Content {
                key: file.key(backup.id)?,
                size_bytes: file.size_bytes,
                crc32c: Some(file.checksum()),
                source: FileSource::Stored,
            },
        });
    }
    included.directories = above.missing();
    Ok(included)
}

/// The directories above files, and whether each is there.
#[derive(Debug, Default)]
struct Directories(BTreeMap<String, bool>);

impl Directories {
    /// Whether all directories above this path are there.
    fn are_there(&mut self, target: &TargetDirectory, path: &str) -> Result<bool> {
        let mut there = true;
        for (end, _) in path.match_indices('/') {
            let directory = path.get(..end).unwrap_or_default();
            if !self.0.contains_key(directory) {
                let known = there && is_there(target, directory)?;
                self.0.insert(directory.to_owned(), known);
            }
            there &= self.0.get(directory).copied().unwrap_or(false);
        }
        Ok(there)
    }

    fn missing(self) -> BTreeSet<String> {
        let missing = self.0.into_iter().filter(|(_, there)| !there);
        missing.map(|(directory, _)| directory).collect()
    }
}

fn is_there(target: &TargetDirectory, directory: &str) -> Result<bool> {
    let at = target.at(directory)?;
    match target.look(&at)? {
        None => Ok(false),
        Some(TargetEntry::Directory) => Ok(true),
        Some(_) => Err(in_the_way(target, directory, "no directory")),
    }
}

fn in_the_way(target: &TargetDirectory, path: &str, what: &str) -> Error {
    let path = target.path().join(path);
    Error::refused(format!(
        "{} is {what}, and the restored one needs its place",
        path.display()
    ))
}

impl Included {
    /// How files move: what is replaced first.
    pub(super) fn moves(&self) -> impl Iterator<Item = Move> {
        let away = self.replaced.iter().cloned().map(Move::Away);
        let coming = self.writes.iter().map(|write| Move::In(write.to.clone()));
        away.chain(coming)
    }
}

impl Switchover<'_> {
    /// Makes the directories that files of the application need. Those that are there already come from an earlier run.
    pub(super) fn make_directories(&self, record: &RestoreRecord) -> Result<()> {
        let target = self.targets.db();
        for directory in &record.directories {
            let at = target.at(directory)?;
            self.disk.make_directory(&at)?;
            self.sync_parent(&at)?;
        }
        Ok(())
    }

    /// Removes them again, but for those that have something in them by now.
    pub(super) fn remove_directories(&self, record: &RestoreRecord) -> Result<()> {
        let target = self.targets.db();
        for directory in record.directories.iter().rev() {
            let at = target.at(directory)?;
            if target.is_directory(&at)? && target.names(&at)?.is_empty() {
                self.disk.remove_directory(&at)?;
                self.sync_parent(&at)?;
            }
        }
        Ok(())
    }

    /// Gives files of the application that were replaced their places below another directory, which keeps the old state.
    pub(super) fn move_included(&self, directory: &Path, record: &RestoreRecord) -> Result<()> {
        let (target, kept) = (self.targets.db(), TargetPath::root(directory));
        for step in record.moves.iter().filter(|step| matches!(step, Move::Away(_))) {
            let place = step.place();
            let from = target.old_file(&place.staged_name())?;
            if place.included.is_none() || !target.has(&from)? {
                continue;
            }
            let to = kept.with_key(Key::new(place.name.as_str())?);
            self.make_with_parents(&to.parent().unwrap_or_else(|| kept.clone()))?;
            self.disk.rename(&from, &to)?;
            self.sync_parent(&to)?;
        }
        Ok(())
    }

    fn sync_parent(&self, at: &TargetPath) -> Result<()> {
        at.parent()
            .map_or(Ok(()), |parent| self.disk.sync_directory(&parent))
    }
}
