//! Which backups are copied, and how.

use stonekeep_format::BackupId;

/// Which backups are copied.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CopyWhat {
    /// All of them. Those that were in the target once, and were deleted there, are skipped.
    All,
    /// Those with these ids, at least one.
    Backups(Vec<BackupId>),
}

impl From<BackupId> for CopyWhat {
    fn from(id: BackupId) -> Self {
        CopyWhat::Backups(vec![id])
    }
}

impl From<Vec<BackupId>> for CopyWhat {
    fn from(ids: Vec<BackupId>) -> Self {
        CopyWhat::Backups(ids)
    }
}

impl From<&[BackupId]> for CopyWhat {
    fn from(ids: &[BackupId]) -> Self {
        ids.to_vec().into()
    }
}

/// How backups are copied.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
#[non_exhaustive]
pub struct CopyOptions {
    /// Give each backup the next free id of the target, in the order of the ids that they have, instead of keeping those.
    pub new_ids: bool,
    /// Copy although the target holds backups of another database.
    pub allow_other_database: bool,
}

impl CopyOptions {
    /// Sets [`Self::new_ids`].
    #[must_use]
    pub fn with_new_ids(self, new_ids: bool) -> Self {
        CopyOptions { new_ids, ..self }
    }

    /// Sets [`Self::allow_other_database`].
    #[must_use]
    pub fn with_allow_other_database(self, allow_other_database: bool) -> Self {
        CopyOptions {
            allow_other_database,
            ..self
        }
    }
}
