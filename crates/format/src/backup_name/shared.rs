//! Names of the files that backups share.

use std::fmt;

use crate::decimal::{plain_decimal, plain_decimal32};
use crate::file_name::DbFileName;
use crate::file_number_text::{FileNumberText, is_component, split_at_byte, take_number};
use crate::unique_id::SessionId;
use crate::{Crc32c, FileNumber};

/// Which kind of file is shared.
///
/// Exhaustive: RocksDB shares no other files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SharedKind {
    /// `.sst`
    Table,
    /// `.blob`
    Blob,
}

/// What a shared file's name has between the number and the extension.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NameSuffix {
    /// Nothing: a file in `shared/`.
    None,
    /// `_s<session>` or `_s<session>_<size>`, from 6.12 on.
    Session {
        /// The id of the session that wrote the file (`db_session_id` of its table properties).
        session: SessionId,
        /// Its size in bytes, if the name has it.
        size_bytes: Option<u64>,
    },
    /// `_<crc32c decimal>_<size>`
    LegacyCrcSize {
        /// The checksum of the file's content.
        crc32c: Crc32c,
        /// Its size in bytes.
        size_bytes: u64,
    },
    /// `_<session>` or `_<checksum hex>_<session>`, on the way to 6.12.
    Interim612 {
        /// The checksum that the database had for the file, by whatever function, in upper-case hex.
        checksum_hex: Option<Box<str>>,
        /// The id of the session that wrote the file.
        session: SessionId,
    },
    /// Something else that is a legal name: what follows the first `_`.
    Other(Box<str>),
}

/// The name of a file that backups share, in `shared/` or `shared_checksum/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SharedName {
    digits: FileNumberText,
    suffix: NameSuffix,
    kind: SharedKind,
}

impl SharedName {
    /// The name in `shared/`, for sharing without checksums.
    pub fn unchecked(number: FileNumber, kind: SharedKind) -> Self {
        Self::new(number, NameSuffix::None, kind)
    }

    /// The name by checksum and size, which blobs always get, and tables without a session id.
    pub fn legacy(number: FileNumber, kind: SharedKind, crc32c: Crc32c, size_bytes: u64) -> Self {
        Self::new(number, NameSuffix::LegacyCrcSize { crc32c, size_bytes }, kind)
    }

    /// The name of a table by the session that wrote it.
    pub fn with_session(number: FileNumber, session: SessionId, size_bytes: Option<u64>) -> Self {
        Self::new(
            number,
            NameSuffix::Session { session, size_bytes },
            SharedKind::Table,
        )
    }

    fn new(number: FileNumber, suffix: NameSuffix, kind: SharedKind) -> Self {
        SharedName {
            digits: FileNumberText::usual(number),
            suffix,
            kind,
        }
    }

    /// The name that `text` spells, a single path component, if it is a legal one.
    pub fn parse(text: &str) -> Option<Self> {
        if !is_component(text) {
            return None;
        }
        let (digits, rest) = take_number(text)?;
        let (suffix, extension) = split_at_byte(rest, b'.')?;
        let kind = match extension {
            "sst" => SharedKind::Table,
            "blob" => SharedKind::Blob,
            _ => return None,
        };
        Some(SharedName {
            digits,
            suffix: NameSuffix::parse(suffix)?,
            kind,
        })
    }

    /// The file's number in the database.
    pub fn number(&self) -> FileNumber {
        self.digits.number
    }

    /// Whether it is a table or a blob.
    pub fn kind(&self) -> SharedKind {
        self.kind
    }

    /// What the name says beside number and kind.
    pub fn suffix(&self) -> &NameSuffix {
        &self.suffix
    }

    /// The name in the database: [`RepoPath::restored_name`](crate::backup_name::RepoPath::restored_name).
    pub fn restored_name(&self) -> DbFileName {
        match self.kind {
            SharedKind::Table => DbFileName::table(self.digits.number),
            SharedKind::Blob => DbFileName::Blob(self.digits.number),
        }
    }

    /// The file's size in bytes, if the name has it.
    pub fn size_bytes(&self) -> Option<u64> {
        match &self.suffix {
            NameSuffix::Session { size_bytes, .. } => *size_bytes,
            NameSuffix::LegacyCrcSize { size_bytes, .. } => Some(*size_bytes),
            _ => None,
        }
    }

    /// The checksum of the file's content, if the name has it.
    pub fn crc32c(&self) -> Option<Crc32c> {
        match &self.suffix {
            NameSuffix::LegacyCrcSize { crc32c, .. } => Some(*crc32c),
            _ => None,
        }
    }

    /// The id of the session that wrote the file, if the name has it.
    pub fn session_id(&self) -> Option<SessionId> {
        match &self.suffix {
            NameSuffix::Session { session, .. } | NameSuffix::Interim612 { session, .. } => Some(*session),
            _ => None,
        }
    }
}

impl SharedName {
    pub(super) fn write(&self, out: &mut impl fmt::Write) -> fmt::Result {
        self.digits.write(out)?;
        self.suffix.write(out)?;
        out.write_str(match self.kind {
            SharedKind::Table => ".sst",
            SharedKind::Blob => ".blob",
        })
    }
}

impl fmt::Display for SharedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

impl NameSuffix {
    /// The text between number and dot, the first `_` included.
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(NameSuffix::None);
        }
        let suffix = text.strip_prefix('_')?;
        Self::parse_session(suffix)
            .or_else(|| Self::parse_legacy(suffix))
            .or_else(|| Self::parse_interim(suffix))
            .or_else(|| is_word(suffix).then(|| NameSuffix::Other(suffix.into())))
    }

    fn write(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            NameSuffix::None => Ok(()),
            NameSuffix::Session { session, size_bytes } => {
                out.write_str("_s")?;
                out.write_str(session.as_str())?;
                size_bytes.map_or(Ok(()), |size| write!(out, "_{size}"))
            }
            NameSuffix::LegacyCrcSize { crc32c, size_bytes } => write!(out, "_{crc32c}_{size_bytes}"),
            NameSuffix::Interim612 {
                checksum_hex: Some(checksum),
                session,
            } => write!(out, "_{checksum}_{session}"),
            NameSuffix::Interim612 { session, .. } => write!(out, "_{session}"),
            NameSuffix::Other(text) => write!(out, "_{text}"),
        }
    }

    fn parse_session(suffix: &str) -> Option<Self> {
        let text = suffix.strip_prefix('s')?;
        let (session, size_bytes) = match split_at_byte(text, b'_') {
            Some((session, size)) => (session, Some(plain_decimal(size.as_bytes())?)),
            None => (text, None),
        };
        Some(NameSuffix::Session {
            session: SessionId::parse(session)?,
            size_bytes,
        })
    }

    fn parse_legacy(suffix: &str) -> Option<Self> {
        let (crc32c, size) = split_at_byte(suffix, b'_')?;
        Some(NameSuffix::LegacyCrcSize {
            crc32c: Crc32c(plain_decimal32(crc32c.as_bytes())?),
            size_bytes: plain_decimal(size.as_bytes())?,
        })
    }

    fn parse_interim(suffix: &str) -> Option<Self> {
        let (checksum_hex, session) = match suffix.split_once('_') {
            Some((checksum, session)) => (Some(checksum), session),
            None => (None, suffix),
        };
        if !checksum_hex.is_none_or(is_upper_hex) {
            return None;
        }
        Some(NameSuffix::Interim612 {
            checksum_hex: checksum_hex.map(Box::from),
            session: SessionId::parse(session)?,
        })
    }
}

fn is_word(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !text.is_empty() && text.bytes().all(legal)
}

fn is_upper_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
}
