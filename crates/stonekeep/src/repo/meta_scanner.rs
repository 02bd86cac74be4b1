//! Reads the meta files of many backups, most of whose files are known.
//!
//! A hundred backups of a database name almost the same files. A reader that only needs to know that a file is named need
//! not have each of its lines decoded and held. So files that are known, and of which a meta file says nothing but the
//! checksum, come as ids of a table of paths.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use stonekeep_format::backup_meta::{LineMemory, MetaDecoder, MetaFile, MetaLine, PathId};
use stonekeep_format::{BackupId, Crc32c};

use super::facts::BackupFacts;
use super::facts_reader;
use super::known_files::KnownFiles;
use super::layout;
use super::loaded_meta::{self, LoadedMeta, MetaState};
use super::path_set::PathSet;
use super::stored_files::StoredFiles;
use crate::Result;
use crate::store::{Key, Store};

/// A meta file, with its plain files apart from the others.
#[derive(Debug)]
pub struct ScannedMeta {
    /// The meta file; its list of files has only those that are not plain.
    pub loaded: LoadedMeta,
    /// The places of those among all files.
    pub places: Vec<usize>,
    /// The plain files, with their checksums.
    pub plain: Vec<(PathId, Crc32c)>,
}

impl ScannedMeta {
    /// Its files that are not plain and that the backup stores itself.
    pub fn others(&self) -> impl Iterator<Item = &MetaFile> {
        self.loaded.meta.files.iter().filter(|file| !file.excluded)
    }

    /// Adds the stored files that the backup names. Files that it was made without are none of its own.
    pub fn add_to(&self, named: &mut PathSet, stored: &StoredFiles) {
        let others = self.others().filter_map(|file| stored.find(&file.path));
        for path in self.plain.iter().map(|(path, _)| *path).chain(others) {
            named.insert(path);
        }
    }

    /// How many files the meta file lists.
    pub fn file_count(&self) -> usize {
        self.places.len() + self.plain.len()
    }
}

/// Scanners for several threads: one for each that is reading.
#[derive(Debug, Default)]
pub struct Scanners(Mutex<Vec<MetaScanner>>);

impl Scanners {
    /// Lends a scanner that no other thread uses.
    pub fn with<R>(&self, work: impl FnOnce(&mut MetaScanner) -> R) -> R {
        let mut scanner = self.idle().pop().unwrap_or_default();
        let result = work(&mut scanner);
        self.idle().push(scanner);
        result
    }

    fn idle(&self) -> MutexGuard<'_, Vec<MetaScanner>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads one meta file after another: what it remembers makes the next one quicker.
#[derive(Debug, Default)]
pub struct MetaScanner {
    buffer: Vec<u8>,
    memory: LineMemory,
}

impl MetaScanner {
    /// Reads the meta file of this backup.
    ///
    /// # Errors
    /// `NotFound`, and I/O errors of the store.
    pub fn read(
        &mut self,
        store: &Store,
        known: KnownFiles<'_>,
        id: BackupId,
    ) -> Result<MetaState<ScannedMeta>> {
        let read = self.read_at(store, known, id, &layout::meta(id));
        MetaState::of(store, id, read)
    }

    /// Reads the meta file of this backup under another key.
    ///
    /// # Errors
    /// As [`LoadedMeta::read`].
    pub fn read_at(
        &mut self,
        store: &Store,
        known: KnownFiles<'_>,
        id: BackupId,
        key: &Key,
    ) -> Result<ScannedMeta> {
        let (mut plain, mut places, mut files, mut count) = (Vec::new(), Vec::new(), Vec::new(), 0);
        let mut take = |line| {
            match line {
                MetaLine::Known(path, crc32c) if known.is_plain(path) => plain.push((path, crc32c)),
                MetaLine::Known(path, crc32c) => {
                    if let Some(path) = known.paths.repo_path(path) {
                        places.push(count);
                        files.push(MetaFile::new(path, crc32c));
                    }
                }
                MetaLine::File(file) => {
                    places.push(count);
                    files.push(file);
                }
            }
            count += 1;
        };
        let decoder = MetaDecoder::with_known(id, known.paths, &mut self.memory);
        let mut buffer = mem::take(&mut self.buffer);
        let loaded = loaded_meta::read_lines(store, (id, key), decoder, &mut buffer, &mut take);
        self.buffer = buffer;
        let mut loaded = loaded?;
        loaded.meta.files = files;
        Ok(ScannedMeta {
            loaded,
            places,
            plain,
        })
    }

    /// Our facts about it, if there are any, with only those files whose sizes neither the meta file nor a name has.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn facts_for_sizes(&mut self, store: &Store, of: &ScannedMeta) -> Result<Option<BackupFacts>> {
        let files = of.places.iter().copied().zip(&of.loaded.meta.files);
        facts_reader::read_for_sizes(store, &of.loaded, files, of.file_count(), &mut self.buffer)
    }
}
