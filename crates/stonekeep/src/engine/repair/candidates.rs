//! P4: where the right bytes of a damaged file may be.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use stonekeep_format::Crc32c;
use stonekeep_format::file_name::DbFileName;

use super::damage::DamagedFile;
use super::source::RepairSource;
use crate::engine::BackupEngineReadOnly;
use crate::repo::loaded_meta::MetaState;
use crate::repo::{catalog, layout};
use crate::store::{Key, ObjectReader, Store};
use crate::{Error, ErrorKind, IoContext, Result};

/// What a file is called in a database, and its checksum.
type Content = (DbFileName, Crc32c);

/// What is looked for in repositories.
struct Wanted {
    contents: HashSet<Content>,
    /// Files that only ever get longer.
    growing: HashSet<DbFileName>,
}

/// A file that may have the right bytes.
#[derive(Clone)]
pub(super) enum Candidate<'a> {
    Stored(&'a Store, Key),
    File(PathBuf),
    /// CURRENT only says which MANIFEST the database has.
    Current(DbFileName),
}

/// All that there are.
pub(super) struct Candidates<'a> {
    stored: HashMap<Content, Vec<Candidate<'a>>>,
    /// Files under the name of a damaged one with another checksum, which may begin with its bytes.
    grown: HashMap<DbFileName, Vec<Candidate<'a>>>,
    directories: Vec<&'a Path>,
}

impl<'a> Candidates<'a> {
    /// Looks for files of these contents in the repository itself and in those that were given.
    ///
    /// # Errors
    /// I/O errors of the repositories.
    pub(super) fn find(
        engine: &'a BackupEngineReadOnly,
        sources: &'a [RepairSource],
        damaged: &BTreeMap<String, DamagedFile>,
    ) -> Result<Self> {
        let mut wanted = Wanted {
            contents: damaged.values().map(DamagedFile::content).collect(),
            growing: HashSet::new(),
        };
        let growing = damaged.values().filter(|file| file.grows());
        wanted
            .growing
            .extend(growing.map(|file| file.path.restored_name()));
        let mut candidates = Candidates {
            stored: HashMap::new(),
            grown: HashMap::new(),
            directories: Vec::new(),
        };
        if damaged.is_empty() {
            return Ok(candidates);
        }
        candidates.add_stored(engine.store(), &wanted, &|path| damaged.contains_key(path))?;
        for source in sources {
            match source {
                RepairSource::Directory(directory) => candidates.directories.push(directory),
                RepairSource::Repository(other) => {
                    candidates.add_stored(other.store(), &wanted, &|_| false)?;
                }
            }
        }
        Ok(candidates)
    }

    fn add_stored(
        &mut self,
        store: &'a Store,
        wanted: &Wanted,
        is_damaged: &dyn Fn(&str) -> bool,
    ) -> Result<()> {
        let mut seen = HashSet::new();
        for id in catalog::list(store)?.ids {
            let MetaState::Readable(loaded) = catalog::load(store, id)? else {
                continue;
            };
            for file in loaded.meta.files.iter().filter(|file| !file.excluded) {
                let Some(crc32c) = file.recorded_crc32c() else {
                    continue;
                };
                let (name, path) = (file.path.restored_name(), file.path.to_string());
                let content = (name.clone(), crc32c);
                let is_equal = wanted.contents.contains(&content);
                if !is_equal && !wanted.growing.contains(&name) || is_damaged(&path) || !seen.insert(path) {
                    continue;
                }
                let candidate = Candidate::Stored(store, layout::file(&file.path)?);
                if is_equal {
                    self.stored.entry(content).or_default().push(candidate);
                } else {
                    self.grown.entry(name).or_default().push(candidate);
                }
            }
        }
        Ok(())
    }

    /// Those of a file, the nearest first.
    pub(super) fn of(&self, file: &DamagedFile) -> Vec<Candidate<'a>> {
        let name = file.path.restored_name();
        let current = file.manifest.iter().filter(|_| name == DbFileName::Current);
        let current = current.map(|manifest| Candidate::Current(manifest.clone()));
        let stored = self.stored.get(&file.content()).into_iter().flatten().cloned();
        let grown = self.grown.get(&name).filter(|_| file.grows());
        let grown = grown.into_iter().flatten().cloned();
        let below = self.directories.iter().flat_map(|directory| {
            let archive = matches!(name, DbFileName::Wal(_)).then(|| directory.join("archive"));
            let places = [Some(directory.to_path_buf()), archive].into_iter().flatten();
            let name = name.to_string();
            places.map(move |place| Candidate::File(place.join(&name)))
        });
        current.chain(stored).chain(grown).chain(below).collect()
    }
}

impl DamagedFile {
    fn content(&self) -> Content {
        (self.path.restored_name(), self.crc32c)
    }

    /// Whether a longer file may begin with the right bytes.
    fn grows(&self) -> bool {
        let name = self.path.restored_name();
        self.size_bytes.is_some() && matches!(name, DbFileName::Wal(_) | DbFileName::Manifest(_))
    }

    /// How many bytes are read of a candidate of this length; `None` if it cannot be right.
    fn wanted_of(&self, found: u64) -> Option<u64> {
        let expected = self.size_bytes.unwrap_or(found);
        (found == expected || found > expected && self.grows()).then_some(expected)
    }
}

impl Candidate<'_> {
    /// Hands over the bytes that are wanted of it, with their number; whether reading them failed is noted.
    ///
    /// # Errors
    /// `NotFound` if it is not there, `Corrupt` if it cannot be right; then those of `take`.
    pub(super) fn read<T>(
        &self,
        file: &DamagedFile,
        failed: &Cell<bool>,
        take: impl FnOnce(&mut dyn Read, u64) -> Result<T>,
    ) -> Result<T> {
        let wanted = |found: u64| {
            let expected = file.size_bytes.unwrap_or_default();
            let wrong = || {
                Error::corrupt(
                    self.to_string(),
                    format!("it has {found} bytes instead of {expected}"),
                )
            };
            file.wanted_of(found).ok_or_else(wrong)
        };
        match self {
            Candidate::Stored(store, key) => {
                let object = store.open(key)?;
                let inner = ObjectReader::new(object.as_ref());
                take(&mut Noting { inner, failed }, wanted(object.size_bytes())?)
            }
            Candidate::File(path) => {
                let (inner, found) = open(path)?;
                take(&mut Noting { inner, failed }, wanted(found)?)
            }
            Candidate::Current(manifest) => {
                let text = format!("{manifest}\n");
                let found = text.len() as u64;
                take(&mut text.as_bytes(), wanted(found)?)
            }
        }
    }
}

impl fmt::Display for Candidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Candidate::Stored(store, key) => write!(f, "{}", key.shown_in(store)),
            Candidate::File(path) => write!(f, "{}", path.display()),
            Candidate::Current(manifest) => write!(f, "the name of {manifest}"),
        }
    }
}

/// Opens a regular file; a FIFO is not waited for.
fn open(path: &Path) -> Result<(File, u64)> {
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let opened = OpenOptions::new().read(true).custom_flags(nonblocking).open(path);
    let opened = opened.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            Error::new(ErrorKind::NotFound, format!("{} is not there", path.display()))
        }
        _ => Error::io(format!("opening {}", path.display()), error),
    })?;
    let about = opened.metadata().context("looking at", path)?;
    if !about.is_file() {
        return Err(Error::corrupt(
            path.display().to_string(),
            "it is no regular file",
        ));
    }
    Ok((opened, about.len()))
}

/// Notes that reading failed: not the repository that is written is to blame.
struct Noting<'f, R> {
    inner: R,
    failed: &'f Cell<bool>,
}

impl<R: Read> Read for Noting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer);
        if read
            .as_ref()
            .is_err_and(|error| error.kind() != io::ErrorKind::Interrupted)
        {
            self.failed.set(true);
        }
        read
    }
}
