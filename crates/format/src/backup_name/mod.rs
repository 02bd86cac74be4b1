//! Names of files inside a backup directory.
//!
//! The forms are those that RocksDB's engines wrote (`utilities/backup/backup_engine.cc`), from 4.13 to today:
//!
//! ```text
//! private/<backup id>/<CURRENT, MANIFEST-n, OPTIONS-n, n.log, n.sst or n.blob>
//! shared/<n>.sst                                          sharing without checksums
//! shared_checksum/<n>_<crc32c decimal>_<size>.sst         legacy; blobs to this day
//! shared_checksum/<n>_<checksum hex>_<session>.sst        for a while before 6.12
//! shared_checksum/<n>_<session>.sst                       likewise
//! shared_checksum/<n>_s<session>.sst                      from 6.12
//! shared_checksum/<n>_s<session>_<size>.sst               from 6.12, the default
//! ```
//!
//! Nothing else is a legal name: no `..`, no absolute path, no further directory. So a name that was parsed here
//! can be appended to a backup directory, or restored, without another look at it.

mod naming;
mod shared;

use std::fmt::{self, Write as _};

use crate::file_name::{DbFileName, TableExtension};
use crate::file_number_text::{FileNumberText, split_at_byte};
use crate::short_text::ShortText;
use crate::{BackupId, Crc32c};

pub use naming::{NamingScheme, ShareFilesNaming};
pub use shared::{NameSuffix, SharedKind, SharedName};

const SHARED: &str = "shared";
const SHARED_CHECKSUM: &str = "shared_checksum";
const PRIVATE: &str = "private";

/// The path of a file relative to the backup directory. `Display` gives exactly the text that was parsed.
///
/// Exhaustive: a backup directory has no other directories of files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RepoPath {
    /// `shared/<name>`
    Shared(SharedName),
    /// `shared_checksum/<name>`
    SharedChecksum(SharedName),
    /// `private/<backup id>/<name>`
    Private(PrivateName),
}

impl RepoPath {
    /// The path that `text` spells, if it is one of the legal forms.
    pub fn parse(text: &str) -> Option<Self> {
        let (directory, name) = split_at_byte(text, b'/')?;
        match directory {
            SHARED => SharedName::parse(name)
                .filter(|name| *name.suffix() == NameSuffix::None)
                .map(RepoPath::Shared),
            SHARED_CHECKSUM => SharedName::parse(name).map(RepoPath::SharedChecksum),
            PRIVATE => PrivateName::parse(name).map(RepoPath::Private),
            _ => None,
        }
    }

    /// The name that the file has in the database: what precedes the first `_`, and the extension. Padded as
    /// RocksDB pads it, since it opens a file under no other name.
    pub fn restored_name(&self) -> DbFileName {
        match self {
            RepoPath::Shared(name) | RepoPath::SharedChecksum(name) => name.restored_name(),
            RepoPath::Private(name) => name.file.clone(),
        }
    }

    /// The name, if the file is one that backups share.
    pub fn shared_name(&self) -> Option<&SharedName> {
        match self {
            RepoPath::Shared(name) | RepoPath::SharedChecksum(name) => Some(name),
            RepoPath::Private(_) => None,
        }
    }

    /// The file's size in bytes, if the name has it.
    pub fn size_bytes(&self) -> Option<u64> {
        self.shared_name()?.size_bytes()
    }

    /// The checksum of the file's content, if the name has it.
    pub fn crc32c(&self) -> Option<Crc32c> {
        self.shared_name()?.crc32c()
    }
}

impl RepoPath {
    /// The path of a shared file as text, where it is as short as nearly all are.
    pub(crate) fn short_text(&self) -> Option<ShortText> {
        let (directory, name) = match self {
            RepoPath::Shared(name) => ("shared/", name),
            RepoPath::SharedChecksum(name) => ("shared_checksum/", name),
            RepoPath::Private(_) => return None,
        };
        let mut text = ShortText::default();
        text.write_str(directory)
            .and_then(|()| name.write(&mut text))
            .ok()?;
        Some(text)
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In one piece where it fits: a backup writes some hundred thousand names.
        if let Some(text) = self.short_text() {
            return f.write_str(text.as_str());
        }
        match self {
            RepoPath::Shared(name) => write!(f, "{SHARED}/{name}"),
            RepoPath::SharedChecksum(name) => write!(f, "{SHARED_CHECKSUM}/{name}"),
            RepoPath::Private(name) => write!(f, "{PRIVATE}/{name}"),
        }
    }
}

/// A file that belongs to one backup alone: `<backup id>/<name in the database>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrivateName {
    backup: BackupId,
    file: DbFileName,
    digits: FileNumberText,
}

impl PrivateName {
    /// The name under which a backup keeps this file; `None` if files of this kind are no part of a backup.
    pub fn new(backup: BackupId, file: DbFileName) -> Option<Self> {
        let digits = file.number().map(FileNumberText::usual).unwrap_or_default();
        Self::with_digits(backup, file, digits)
    }

    fn with_digits(backup: BackupId, file: DbFileName, digits: FileNumberText) -> Option<Self> {
        let never_backed_up = matches!(
            file,
            DbFileName::Table {
                extension: TableExtension::Ldb,
                ..
            }
        );
        (file.is_live_kind() && !never_backed_up).then_some(PrivateName { backup, file, digits })
    }

    fn parse(text: &str) -> Option<Self> {
        let (backup, name) = text.split_once('/')?;
        let (file, digits) = DbFileName::parse_padded(name)?;
        Self::with_digits(BackupId::parse(backup)?, file, digits)
    }

    /// The backup whose directory the file is in.
    pub fn backup(&self) -> BackupId {
        self.backup
    }

    /// The name of the file in the database.
    pub fn file(&self) -> &DbFileName {
        &self.file
    }
}

impl fmt::Display for PrivateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.backup)?;
        self.file.write(f, self.digits)
    }
}
