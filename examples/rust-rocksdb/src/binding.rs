//! A database of the `rust-rocksdb` crate as one that Stonekeep backs up.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use rust_rocksdb::metadata::LiveFileStorageInfoEntry;
use rust_rocksdb::{DB, LiveFilesStorageInfoOptions};
use stonekeep::{Error, ErrorKind, Result};
use stonekeep_rocksdb::{LiveDatabase, LiveFile, LiveFiles, Memtables};

/// A database of that crate. Neither the trait nor the type is ours, so a type of ours stands between them.
pub struct Live<'db>(pub &'db DB);

impl LiveDatabase for Live<'_> {
    fn directory(&self) -> &Path {
        self.0.path()
    }

    fn flush_wal(&self) -> Result<()> {
        self.0
            .flush_wal(false)
            .map_err(|error| explain("flushing the WAL", error))
    }

    fn flush_memtables(&self) -> Result<()> {
        // All column families, those too that this handle does not know.
        self.live_files(Memtables::Flush).map(drop)
    }

    fn files(&self) -> Option<Arc<dyn LiveFiles + '_>> {
        Some(Arc::new(Live(self.0)))
    }
}

impl LiveFiles for Live<'_> {
    fn disable_file_deletions(&self) -> Result<()> {
        let disabled = self.0.disable_file_deletions();
        disabled.map_err(|error| explain("disabling file deletions", error))
    }

    fn enable_file_deletions(&self) -> Result<()> {
        let enabled = self.0.enable_file_deletions();
        enabled.map_err(|error| explain("enabling file deletions", error))
    }

    fn live_files(&self, memtables: Memtables) -> Result<Vec<LiveFile>> {
        let mut options = LiveFilesStorageInfoOptions::default();
        options.set_wal_size_for_flush(memtables.wal_size_for_flush());
        let files = self.0.get_livefiles_storage_info(&options);
        let files = files.map_err(|error| explain("asking RocksDB for its live files", error))?;
        Ok(files.iter().map(|file| live_file(&file)).collect())
    }
}

fn live_file(file: &LiveFileStorageInfoEntry<'_>) -> LiveFile {
    let directory = Path::new(OsStr::from_bytes(file.directory()));
    LiveFile {
        path: directory.join(OsStr::from_bytes(file.relative_filename())),
        size_bytes: file.size(),
    }
}

fn explain(doing: &str, error: rust_rocksdb::Error) -> Error {
    let kind = match error.kind() {
        rust_rocksdb::ErrorKind::NotSupported => ErrorKind::Unsupported,
        rust_rocksdb::ErrorKind::Corruption => ErrorKind::Corrupt,
        _ => ErrorKind::Io,
    };
    Error::new(kind, doing).with_source(error)
}
