//! Finds the files of the application that a backup includes, by patterns, below the database's directory.
//!
//! A pattern is a relative path whose parts are globs: `rocksdict-config.json`, `transaction_logs/*.txnlog`, `conf/**`.
//! One that matches a directory takes all files below it. No link is followed and no special file is read. What belongs
//! to RocksDB is never taken, whatever the pattern: its files, `archive/`, directories of tables and WALs, and
//! repositories.

use std::ffi::CStr;
use std::fmt;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use glob::Pattern;
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::unknown_files::{Directories, is_repository, is_reserved_name};
use crate::directory_names::{each_name, file_type};
use crate::{Error, IoContext, Result};

/// The limit on included files: all of them are in one line of the facts.
const MOST_FILES: usize = 100_000;

/// Deeper than any tree of configuration.
const MOST_LEVELS: usize = 64;

/// A pattern for files to include.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "String", into = "String"))]
pub struct IncludePattern {
    text: String,
    parts: Vec<Part>,
}

/// One part of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// `**`: any number of directories.
    AnyLevels,
    Name(Pattern),
}

impl TryFrom<String> for IncludePattern {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        IncludePattern::parse(&text)
    }
}

impl From<IncludePattern> for String {
    fn from(pattern: IncludePattern) -> String {
        pattern.text
    }
}

impl IncludePattern {
    /// Reads a pattern: a path relative to the database's directory, with `*`, `?`, `[...]` in its parts, and `**` for
    /// any number of directories.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no such path.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid =
            |why: &str| Error::invalid(format!("{text:?} is not a pattern for files to include: {why}"));
        if text.starts_with('/') {
            return Err(invalid("it must be relative to the database's directory"));
        }
        let relative = text.strip_prefix("./").unwrap_or(text);
        let mut parts = Vec::new();
        for part in relative.strip_suffix('/').unwrap_or(relative).split('/') {
            parts.push(match part {
                "" => return Err(invalid("a part of it is empty")),
                "." | ".." => return Err(invalid("it has a part that is . or ..")),
                "**" => Part::AnyLevels,
                name => Part::Name(Pattern::new(name).map_err(|error| invalid(error.msg))?),
            });
        }
        Ok(IncludePattern {
            text: text.to_owned(),
            parts,
        })
    }
}

impl fmt::Display for IncludePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// How far a pattern matches a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    Not,
    /// Something below the path may match.
    Below,
    Whole,
}

fn reach(parts: &[Part], path: &[&str]) -> Reach {
    match (parts, path) {
        ([], []) => Reach::Whole,
        ([], _) => Reach::Not,
        // `**` at the end is for what is below a directory.
        ([Part::AnyLevels], [_, ..]) => Reach::Whole,
        (_, []) => Reach::Below,
        ([Part::AnyLevels, rest @ ..], [_, below @ ..]) => reach(rest, path).max(reach(parts, below)),
        ([Part::Name(pattern), rest @ ..], [name, below @ ..]) => {
            if pattern.matches(name) {
                reach(rest, below)
            } else {
                Reach::Not
            }
        }
    }
}

/// A file to include, open.
#[derive(Debug)]
pub(crate) struct FoundFile {
    /// Its path below the database's directory, with `/` between the parts.
    pub(crate) path: String,
    pub(crate) file: File,
    /// Its length when it was opened.
    pub(crate) size_bytes: u64,
}

/// The result of a search.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The files, each as it is met.
    pub(crate) files: usize,
    /// What matched and is left out, with the reason.
    pub(crate) left_out: Vec<(PathBuf, String)>,
    /// Patterns that matched nothing.
    pub(crate) unmatched: Vec<String>,
}

/// Hands over every file below the directory that one of the patterns matches, but none below the database's `own`
/// further directories.
///
/// # Errors
/// Those of `take`; `Refused` for too many files; I/O errors.
pub(crate) fn find(
    directory: &Path,
    patterns: &[IncludePattern],
    own: &[PathBuf],
    take: &mut dyn FnMut(FoundFile) -> Result<()>,
) -> Result<Found> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(CWD, directory, flags, Mode::empty()).context("opening", directory)?;
    let mut walk = Walk {
        root: directory,
        patterns,
        used: vec![false; patterns.len()],
        own: Directories::of(own)?,
        take,
        found: Found::default(),
    };
    walk.directory(&opened, &mut Vec::new(), &vec![false; patterns.len()])?;
    let unused = patterns.iter().zip(&walk.used).filter(|(_, used)| !**used);
    walk.found.unmatched = unused.map(|(pattern, _)| pattern.to_string()).collect();
    Ok(walk.found)
}

struct Walk<'a> {
    root: &'a Path,
    patterns: &'a [IncludePattern],
    /// Which of the patterns have matched a file.
    used: Vec<bool>,
    own: Directories,
    take: &'a mut dyn FnMut(FoundFile) -> Result<()>,
    found: Found,
}

impl Walk<'_> {
    /// `above`: the patterns that match this directory or one above it.
    fn directory(&mut self, opened: &OwnedFd, path: &mut Vec<String>, above: &[bool]) -> Result<()> {
        let mut names = Vec::new();
        let listed = each_name(opened, |name, kind| {
            names.push((name.to_owned(), kind));
            Ok(())
        });
        listed.context("listing", &self.full(path))?;
        names.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, reported) in names {
            path.push(String::from_utf8_lossy(name.to_bytes()).into_owned());
            let kind = file_type(opened, &name, reported).context("looking at", &self.full(path));
            if let Some(kind) = kind? {
                self.entry(opened, &name, kind, path, above)?;
            }
            path.pop();
        }
        Ok(())
    }

    fn entry(
        &mut self,
        directory: &OwnedFd,
        name: &CStr,
        kind: FileType,
        path: &mut Vec<String>,
        above: &[bool],
    ) -> Result<()> {
        if path.len() == 1 && path.first().is_some_and(|name| is_reserved_name(name)) {
            return Ok(());
        }
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let reaches = self.patterns.iter().map(|pattern| reach(&pattern.parts, &parts));
        let reaches: Vec<Reach> = reaches
            .zip(above)
            .map(|(reach, above)| if *above { Reach::Whole } else { reach })
            .collect();
        let matching: Vec<bool> = reaches.iter().map(|reach| *reach == Reach::Whole).collect();
        let is_matched = matching.contains(&true);
        let may_go_below = reaches.iter().any(|reach| *reach != Reach::Not);
        if !may_go_below {
            return Ok(());
        }
        match kind {
            FileType::Directory => self.below(directory, name, path, &matching),
            _ if !is_matched => Ok(()),
            FileType::RegularFile => self.file(directory, name, path, &matching),
            FileType::Symlink => self.leave_out(path, "it is a link, and no link is followed"),
            _ => self.leave_out(path, "it is not a regular file"),
        }
    }

    fn below(
        &mut self,
        directory: &OwnedFd,
        name: &CStr,
        path: &mut Vec<String>,
        matching: &[bool],
    ) -> Result<()> {
        let full = self.full(path);
        if self.own.has(&full)? {
            return Ok(());
        }
        if is_repository(&full) {
            return if matching.contains(&true) {
                self.leave_out(path, "it is a repository of backups")
            } else {
                Ok(())
            };
        }
        if path.len() > MOST_LEVELS {
            return self.leave_out(path, "it lies too deep");
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(directory, name, flags, Mode::empty()) {
            Ok(opened) => self.directory(&opened, path, matching),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(()),
            Err(errno) => Err(errno).context("opening", &full),
        }
    }

    fn file(&mut self, directory: &OwnedFd, name: &CStr, path: &[String], matching: &[bool]) -> Result<()> {
        let relative = path.join("/");
        if name.to_str().is_err() || !is_storable(&relative) {
            return self.leave_out(path, "its name has characters that a backup cannot keep");
        }
        let full = self.full(path);
        // A FIFO that took the file's place must not block.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(directory, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT | Errno::LOOP) => return Ok(()),
            Err(errno) => return Err(errno).context("opening", &full),
        };
        let metadata = file.metadata().context("looking at", &full)?;
        if !metadata.is_file() {
            return self.leave_out(path, "it is not a regular file");
        }
        self.found.files += 1;
        if self.found.files > MOST_FILES {
            let message = format!("more than {MOST_FILES} files are to be included");
            return Err(
                Error::refused(message).with_hint("name fewer of them, or back them up by other means")
            );
        }
        for (used, matches) in self.used.iter_mut().zip(matching) {
            *used |= matches;
        }
        (self.take)(FoundFile {
            path: relative,
            file,
            size_bytes: metadata.len(),
        })
    }

    fn leave_out(&mut self, path: &[String], reason: &str) -> Result<()> {
        let full = self.full(path);
        self.found.left_out.push((full, reason.to_owned()));
        Ok(())
    }

    fn full(&self, path: &[String]) -> PathBuf {
        self.root.join(path.join("/"))
    }
}

/// Whether a backup may keep a file of this path, which leads below the database's directory: it leads nowhere else, has
/// no control characters, and its first part is no name that RocksDB or a restore uses.
pub(crate) fn is_storable(path: &str) -> bool {
    let special = |c: char| c.is_control() || c == '\\';
    !path.chars().any(special)
        && path
            .split('/')
            .all(|part| !matches!(part, "" | "." | "..") && part != ".stonekeep-restore")
        && path
            .split('/')
            .next()
            .is_some_and(|first| !is_reserved_name(first))
}
