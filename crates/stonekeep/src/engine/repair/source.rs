//! Where a repair looks for files.

use std::path::PathBuf;

use crate::engine::BackupEngineReadOnly;

/// Where the right bytes of files may be, besides in the repository itself.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum RepairSource {
    /// In a directory with files of the database under their own names: the database, whether a process has it open or not, a
    /// checkpoint, what was restored. Of a MANIFEST or a WAL that has grown since, the first bytes count.
    Directory(PathBuf),
    /// In another repository, whatever the ids of its backups are.
    Repository(BackupEngineReadOnly),
}
