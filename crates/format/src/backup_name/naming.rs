//! Which name a new shared file gets.

use crate::FileNumber;
use crate::backup_name::{SharedKind, SharedName};
use crate::unique_id::SessionId;

/// How tables are named in `shared_checksum/`: RocksDB's `share_files_with_checksum_naming`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ShareFilesNaming {
    /// What the name is made of.
    pub scheme: NamingScheme,
    /// `kFlagIncludeFileSize`: the size too. Legacy names have it anyway.
    pub include_file_size: bool,
}

/// The naming schemes of [`ShareFilesNaming`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum NamingScheme {
    /// `kLegacyCrc32cAndFileSize`
    LegacyCrc32cAndFileSize,
    /// `kUseDbSessionId`
    UseDbSessionId,
}

impl Default for ShareFilesNaming {
    fn default() -> Self {
        ShareFilesNaming {
            scheme: NamingScheme::UseDbSessionId,
            include_file_size: true,
        }
    }
}

impl ShareFilesNaming {
    /// The name of a table, if it does not depend on the checksum of its content. `None` means that
    /// [`SharedName::legacy`] gives the name: always so for blobs, and for tables without a session id.
    pub fn name_without_checksum(
        self,
        number: FileNumber,
        kind: SharedKind,
        session: Option<SessionId>,
        size_bytes: u64,
    ) -> Option<SharedName> {
        if kind == SharedKind::Blob || self.scheme == NamingScheme::LegacyCrc32cAndFileSize {
            return None;
        }
        let size_bytes = self.include_file_size.then_some(size_bytes);
        Some(SharedName::with_session(number, session?, size_bytes))
    }
}
