//! Removing the directory of an opened backup, and nothing else.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;

use stonekeep_format::file_name::DbFileName;

use super::marker::{MARKER, Marker};
use crate::image::lock::LockState;
use crate::{Error, ErrorKind, IoContext, Result};

/// Removes a directory that [`crate::engine::BackupEngineReadOnly::open_in_place`] made, with what RocksDB puts into one
/// that it opens read-only.
///
/// # Errors
/// `NotFound` if it is none of ours, `Locked` while a process has it open for writing, `Refused` if other files lie in
/// it: then nothing is removed.
pub fn close_in_place(at: &Path) -> Result<()> {
    let marker = require_closable(at)?;
    remove_made(at, &marker)?;
    fs::remove_dir(at).context("removing", at)
}

/// The names that [`close_in_place`] would remove now, with the directory. Nothing is changed.
///
/// # Errors
/// As [`close_in_place`].
pub fn plan_close_in_place(at: &Path) -> Result<Vec<String>> {
    require_closable(at)?;
    let mut there = names(at)?;
    there.sort();
    Ok(there)
}

fn require_closable(at: &Path) -> Result<Marker> {
    let marker = Marker::read(at)?;
    if let Some(holder) = LockState::of(at)?.holder() {
        let message = format!("{} is open in {holder}", at.display());
        return Err(Error::new(ErrorKind::Locked, message).with_hint("close it there first"));
    }
    let strangers = strangers(at, &marker)?;
    let Some(first) = strangers.first() else {
        return Ok(marker);
    };
    let message = format!(
        "{} has {} files that opening did not make, {first:?} among them: nothing was removed",
        at.display(),
        strangers.len()
    );
    Err(Error::refused(message).with_hint(
        "it was opened for writing, or used for something else; remove it yourself if nothing in it is needed",
    ))
}

fn names(at: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(at).context("reading", at)? {
        names.push(
            entry
                .context("reading", at)?
                .file_name()
                .to_string_lossy()
                .into_owned(),
        );
    }
    Ok(names)
}

fn strangers(at: &Path, marker: &Marker) -> Result<Vec<String>> {
    let made: HashSet<&str> = marker.names.iter().map(String::as_str).collect();
    let mut strangers = names(at)?;
    strangers.retain(|name| name != MARKER && !made.contains(name.as_str()) && !comes_with_opening(name));
    strangers.sort();
    Ok(strangers)
}

fn comes_with_opening(name: &str) -> bool {
    matches!(
        DbFileName::parse(name),
        Some(DbFileName::Lock | DbFileName::InfoLog(_))
    )
}

/// Removes the files, the marker last, so that an interrupted removal can be repeated.
pub(super) fn remove_made(at: &Path, marker: &Marker) -> Result<()> {
    let added = names(at)?;
    let added = added.into_iter().filter(|name| comes_with_opening(name));
    let mut names = marker.names.clone();
    names.extend(added);
    names.push(MARKER.to_owned());
    for name in names {
        // The marker may come from a stranger: a name is one path component of RocksDB's, or it is not removed.
        if name != MARKER && DbFileName::parse(&name).is_none() {
            continue;
        }
        let path = at.join(&name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).context("removing", &path);
            }
            _ => {}
        }
    }
    Ok(())
}
