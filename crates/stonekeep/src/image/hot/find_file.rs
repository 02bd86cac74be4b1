//! Opens a table or blob of a database in the directory that it is in.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use stonekeep_format::file_name::{DbFileName, TableExtension};

use super::probe::{Probes, Step};
use crate::Result;
use crate::image::ImageFile;
use crate::image::assembly::PATHS_HINT;
use crate::image::live_files::{Missing, choose};
use crate::image::pinned::Pinned;

/// Where tables and blobs are.
#[derive(Debug, Clone)]
pub(in crate::image) struct DataPaths {
    /// Their directories, each once, the database's own first.
    directories: Vec<PathBuf>,
    /// The files whose place is known.
    reported: HashMap<DbFileName, PathBuf>,
}

impl DataPaths {
    /// In these directories.
    pub(in crate::image) fn new(directories: Vec<PathBuf>) -> DataPaths {
        DataPaths {
            directories,
            reported: HashMap::new(),
        }
    }

    /// Each where RocksDB says that it is.
    pub(in crate::image) fn reported(home: &Path, reported: HashMap<DbFileName, PathBuf>) -> DataPaths {
        DataPaths {
            directories: vec![home.to_owned()],
            reported,
        }
    }

    /// The database's own directory.
    pub(in crate::image) fn home(&self) -> &Path {
        self.directories.first().map_or(Path::new(""), PathBuf::as_path)
    }

    /// What may help where a file is nowhere.
    pub(in crate::image) fn hint(&self) -> Option<&'static str> {
        self.reported.is_empty().then_some(PATHS_HINT)
    }

    /// Where a file is, if that was reported.
    pub(in crate::image) fn reported_place_of(&self, name: &DbFileName) -> Option<&Path> {
        self.reported.get(name).map(PathBuf::as_path)
    }

    /// Opens a live file. It counts if it has the size of the MANIFEST; which directory it belongs into is not known
    /// here.
    ///
    /// # Errors
    /// `Io` if a directory cannot be read, or too many files are open.
    pub(in crate::image) fn open(
        &self,
        file: &ImageFile,
        probes: &Probes,
    ) -> Result<std::result::Result<Pinned, Missing>> {
        probes.at(Step::OpenFile);
        let mut found = self.open_as(&file.name)?;
        // RocksDB takes the old name where the new one is not (`TableCache::GetTableReader`, `db/table_cache.cc`).
        if let (DbFileName::Table { number, .. }, true) = (&file.name, found.is_empty()) {
            found = self.open_as(&DbFileName::Table {
                number: *number,
                extension: TableExtension::Ldb,
            })?;
        }
        let sizes: Vec<(&Pinned, u64)> = found.iter().map(|pin| (pin, pin.size_bytes)).collect();
        let chosen = choose(file, self.home(), &sizes, |pin| pin.path.clone());
        Ok(chosen.cloned())
    }

    fn open_as(&self, name: &DbFileName) -> Result<Vec<Pinned>> {
        if let Some(path) = self.reported.get(name) {
            return Ok(Pinned::open(path)?.into_iter().collect());
        }
        let name = name.to_string();
        let opened = self
            .directories
            .iter()
            .map(|directory| Pinned::open(&directory.join(&name)));
        opened.filter_map(Result::transpose).collect()
    }
}
