//! Which size each file of a backup should have, by whatever record has it.

use std::collections::HashMap;

use stonekeep_format::backup_meta::MetaFile;
use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::file_name::DbFileName;

use super::described;
use super::facts::BackupFacts;
use super::loaded_meta::LoadedMeta;
use crate::Result;
use crate::store::Store;

/// The expected size of each file of a backup: from its line in a meta file of schema 2, its name, our facts, or the
/// backup's own MANIFEST.
#[derive(Debug)]
pub struct ExpectedSizes<'a> {
    facts: HashMap<&'a RepoPath, u64>,
    manifest: HashMap<DbFileName, u64>,
}

impl<'a> ExpectedSizes<'a> {
    /// With or without facts.
    pub fn new(facts: Option<&'a BackupFacts>) -> Self {
        let files = facts.map(|facts| facts.files.as_slice()).unwrap_or_default();
        ExpectedSizes {
            facts: files.iter().map(|file| (&file.path, file.size_bytes)).collect(),
            manifest: HashMap::new(),
        }
    }

    /// With facts, else with what the backup's MANIFEST says of tables and blobs, where nothing else has the size.
    ///
    /// # Errors
    /// I/O errors of the store. A MANIFEST that cannot be read gives no size.
    pub fn read(store: &Store, loaded: &LoadedMeta, facts: Option<&'a BackupFacts>) -> Result<Self> {
        let mut sizes = ExpectedSizes::new(facts);
        let unknown = |file: &MetaFile| !file.excluded && sizes.expected(file).is_none() && shared(file);
        if loaded.meta.files.iter().any(unknown)
            && let Some(state) = described::harmless(described::manifest(store, loaded))?.flatten()
        {
            let tables = state
                .live_tables()
                .map(|table| (DbFileName::table(table.file.number), table.file.size_bytes));
            let blobs = state.live_blobs().map(|blob| {
                let number = blob.file.addition.number;
                (DbFileName::Blob(number), blob.file.addition.file_size_bytes())
            });
            sizes.manifest = tables.chain(blobs).collect();
        }
        Ok(sizes)
    }

    /// The size that this file should have; `None` if nothing says so, which is not "right".
    pub fn expected(&self, file: &MetaFile) -> Option<u64> {
        let recorded = || self.facts.get(&file.path).copied();
        let in_manifest = || self.manifest.get(&file.path.restored_name()).copied();
        file.recorded_size_bytes().or_else(recorded).or_else(in_manifest)
    }
}

/// Whether a MANIFEST names such a file.
fn shared(file: &MetaFile) -> bool {
    matches!(
        file.path.restored_name(),
        DbFileName::Table { .. } | DbFileName::Blob(_)
    )
}
