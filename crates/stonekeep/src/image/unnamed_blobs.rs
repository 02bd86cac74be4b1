//! Blob files that the MANIFEST does not name, though WALs or tables may point into them (`enable_blob_direct_write`).
//!
//! With that option a write goes to a blob file first, and its WAL record only says where. The MANIFEST names the file when
//! the memtable is flushed. After a kill, RocksDB 11.8 makes a table of what the WALs say, which points into such a file,
//! and leaves the file unnamed for good (tried): the table's oldest blob file is one that the MANIFEST does not have.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use stonekeep_format::FileNumber;
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::DatabaseState;

use super::diagnostics::Diagnostics;
use super::listing::Listing;
use super::manifest::plain_file;
use super::pinned::Pinned;
use super::{Content, ImageFile};
use crate::{Result, WarningName};

/// Which of the blob files that the MANIFEST does not name belong to the database.
#[derive(Debug, Default)]
pub(super) struct UnnamedBlobs {
    /// WALs may point into each of them.
    all: bool,
    /// Tables point into these, and may point into later ones.
    by_tables: BTreeSet<FileNumber>,
}

impl UnnamedBlobs {
    /// Those that tables of this state point into.
    pub(super) fn of(state: &DatabaseState) -> Self {
        let named: HashSet<FileNumber> = state.live_blobs().map(|blob| blob.file.addition.number).collect();
        let oldest = state
            .live_tables()
            .filter_map(|table| table.file.oldest_blob_file_number);
        UnnamedBlobs {
            all: false,
            by_tables: oldest
                .filter(|number| number.0 != 0 && !named.contains(number))
                .collect(),
        }
    }

    /// Whether WALs may point into any of them, too.
    pub(super) fn and_of_wals(mut self, all: bool) -> Self {
        self.all = all;
        self
    }

    /// Whether there may be any.
    pub(super) fn may_exist(&self) -> bool {
        self.all || !self.by_tables.is_empty()
    }

    /// Those in these directories that are not among `named`, as they are: for a database at rest.
    pub(super) fn at_rest(
        &self,
        directories: &[Listing],
        named: &[ImageFile],
        diagnostics: &mut Diagnostics,
    ) -> Result<Vec<ImageFile>> {
        let mut found = Vec::new();
        for (name, directory) in self.find(directories, named, diagnostics).into_values() {
            if let Some(size_bytes) = directory.size_of(&name.to_string())? {
                let path = directory.path.join(name.to_string());
                found.push(plain_file(name.clone(), size_bytes, Content::Path(path)));
            }
        }
        Ok(found)
    }

    /// The same for a database that is being written: held open, as long as they are now. Call this after the WALs were
    /// measured: what these point to was written before.
    pub(super) fn held(
        &self,
        directories: &[Listing],
        named: &[ImageFile],
        diagnostics: &mut Diagnostics,
    ) -> Result<(Vec<ImageFile>, Vec<Pinned>)> {
        let (mut found, mut pins) = (Vec::new(), Vec::new());
        for (name, directory) in self.find(directories, named, diagnostics).into_values() {
            if let Some(pin) = Pinned::open(&directory.path.join(name.to_string()))? {
                found.push(plain_file(name.clone(), pin.size_bytes, pin.content()));
                pins.push(pin);
            }
        }
        Ok((found, pins))
    }

    /// By number, each once: the database's own directory comes first. Those that tables point into and that are nowhere
    /// are warned of.
    fn find<'a>(
        &self,
        directories: &'a [Listing],
        named: &[ImageFile],
        diagnostics: &mut Diagnostics,
    ) -> BTreeMap<FileNumber, (&'a DbFileName, &'a Listing)> {
        let mut others = BTreeMap::new();
        for directory in directories {
            for name in directory.files.iter().filter_map(|file| file.parsed.as_ref()) {
                if let DbFileName::Blob(number) = name {
                    others.entry(*number).or_insert((name, directory));
                }
            }
        }
        let home = directories.first().map_or(Path::new(""), |home| &home.path);
        for number in self
            .by_tables
            .iter()
            .filter(|number| !others.contains_key(number))
        {
            let message = "tables point into it, but the MANIFEST does not name it and it is not there: RocksDB cannot read \
                           the keys whose values were in it";
            let path = home.join(DbFileName::Blob(*number).to_string());
            diagnostics.warn(WarningName::BlobsNotInManifest, &path, message);
        }
        for file in named {
            if let DbFileName::Blob(number) = &file.name {
                others.remove(number);
            }
        }
        let oldest = self.by_tables.first();
        others.retain(|number, _| self.all || oldest.is_some_and(|oldest| number >= oldest));
        others
    }
}
