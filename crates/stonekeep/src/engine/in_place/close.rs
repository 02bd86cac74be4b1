//! Removing the directory of an opened backup, and nothing else.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;

use stonekeep_format::file_name::DbFileName;

use super::marker::{self, MARKER};
use crate::image::lock::LockState;
use crate::{Error, ErrorKind, IoContext, Result};

/// Removes a directory that [`crate::engine::BackupEngineReadOnly::open_in_place`] made, with what RocksDB puts into one
/// that it opens read-only.
///
/// # Errors
/// `NotFound` if it is none of ours, `Locked` while a process has it open for writing, `Refused` if other files lie in
/// it: then nothing is removed.
pub fn close_in_place(at: &Path) -> Result<()> {
    let made = require_closable(at)?;
    remove_made(at, made)?;
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

fn require_closable(at: &Path) -> Result<Vec<String>> {
    let made = marker::read_names(at)?;
    if let Some(holder) = LockState::of(at)?.holder() {
        let message = format!("{} is open in {holder}", at.display());
        return Err(Error::new(ErrorKind::Locked, message).with_hint("close it there first"));
    }
    let unknown = unknown_files(at, &made)?;
    let Some(first) = unknown.first() else {
        return Ok(made);
    };
    let message = format!(
        "{} has {} files that opening did not make, {first:?} among them: nothing was removed",
        at.display(),
        unknown.len()
    );
    Err(Error::refused(message).with_hint(
        "it was opened for writing, or used for something else; remove it yourself if nothing in it is needed",
    ))
}

fn names(at: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(at).context("reading", at)?;
    let names = entries.map(|entry| {
        Ok(entry
            .context("reading", at)?
            .file_name()
            .to_string_lossy()
            .into_owned())
    });
    names.collect()
}

fn unknown_files(at: &Path, made: &[String]) -> Result<Vec<String>> {
    let made: HashSet<&str> = made.iter().map(String::as_str).collect();
    let mut unknown = names(at)?;
    unknown.retain(|name| name != MARKER && !made.contains(name.as_str()) && !comes_with_opening(name));
    unknown.sort();
    Ok(unknown)
}

fn comes_with_opening(name: &str) -> bool {
    matches!(
        DbFileName::parse(name),
        Some(DbFileName::Lock | DbFileName::InfoLog(_))
    )
}

/// Removes the files, the marker last, so that an interrupted removal can be repeated.
pub(super) fn remove_made(at: &Path, mut made: Vec<String>) -> Result<()> {
    made.extend(names(at)?.into_iter().filter(|name| comes_with_opening(name)));
    made.push(MARKER.to_owned());
    for name in made {
        // The marker may come from an untrusted source: a name is one path component of RocksDB's, or it is not removed.
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
