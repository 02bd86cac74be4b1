//! What we know of one file of a backup: a line of JSON in our facts, in journals and in records of partial copies.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::manifest::TableIdentity;
use stonekeep_format::unique_id::{SessionId, UniqueId};
use stonekeep_format::{FileNumber, SequenceNumber};

use super::checked_lines;
use crate::Result;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// Its path in the repository.
    #[serde(with = "text")]
    pub path: RepoPath,
    /// Its length.
    pub size_bytes: u64,
    /// CRC-32C of all its bytes.
    pub crc32c: u32,
    /// What identifies a table, so that the next backup recognises it without opening it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<TableFacts>,
    /// What identified a file without a unique id when it was copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Box<FileOrigin>>,
}

/// What the MANIFEST says about a table, and the session that wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFacts {
    /// The file's number in the database.
    pub number: u64,
    /// The MANIFEST's unique id: 32 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text")]
    pub unique_id: Option<UniqueId>,
    /// Smallest sequence number.
    pub smallest_seqno: u64,
    /// Largest sequence number.
    pub largest_seqno: u64,
    /// The session that wrote it.
    #[serde(
        rename = "session_id",
        default,
        skip_serializing_if = "Session::is_unknown",
        with = "text"
    )]
    pub session: Session,
}

/// The session that wrote a table, by the file's properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Session {
    /// The file was not read for it: absent in the line.
    #[default]
    Unknown,
    /// The file has none, since RocksDB before 6.12 wrote it: empty in the line.
    None,
    /// This one.
    Id(SessionId),
}

/// Which file on which disk a copy was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileOrigin {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Time of the last change of content, nanoseconds since 1970.
    pub modified_ns: i64,
    /// Time of the last change of the inode, nanoseconds since 1970.
    pub changed_ns: i64,
}

impl FileFacts {
    /// Their line, with its newline.
    ///
    /// # Errors
    /// None in practice; JSON that cannot be written is an `Io` error.
    pub fn line(&self) -> Result<Vec<u8>> {
        checked_lines::line_of(self)
    }

    /// The file's number in the database, where its name has one.
    pub fn number(&self) -> Option<FileNumber> {
        self.path.restored_name().number()
    }

    /// The session that wrote the table, where it is known.
    pub fn session(&self) -> Session {
        self.table.map(|table| table.session).unwrap_or_default()
    }
}

impl TableFacts {
    /// The facts of this table.
    pub fn new(identity: &TableIdentity, session: Session) -> Self {
        TableFacts {
            number: identity.number.0,
            unique_id: identity.unique_id,
            smallest_seqno: identity.smallest_seqno.0,
            largest_seqno: identity.largest_seqno.0,
            session,
        }
    }

    /// The table.
    pub fn identity(&self) -> TableIdentity {
        TableIdentity {
            number: FileNumber(self.number),
            unique_id: self.unique_id,
            smallest_seqno: SequenceNumber(self.smallest_seqno),
            largest_seqno: SequenceNumber(self.largest_seqno),
        }
    }
}

impl Session {
    /// The id.
    pub fn id(self) -> Option<SessionId> {
        match self {
            Session::Id(id) => Some(id),
            Session::Unknown | Session::None => None,
        }
    }

    fn is_unknown(&self) -> bool {
        *self == Session::Unknown
    }
}

/// A value that is a string in a line.
trait Text: Sized {
    fn parse(text: &str) -> Option<Self>;
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl Text for RepoPath {
    fn parse(text: &str) -> Option<Self> {
        RepoPath::parse(text)
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Text for Option<UniqueId> {
    fn parse(text: &str) -> Option<Self> {
        let bytes = u128::from_str_radix(text, 16).ok()?.to_be_bytes();
        Some(Some(UniqueId::from_bytes(bytes)))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Some(id) => write!(f, "{:032x}", u128::from_be_bytes(id.to_bytes())),
            None => Ok(()),
        }
    }
}

impl Text for Session {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "" => Some(Session::None),
            text => Some(SessionId::parse(text).map_or(Session::Unknown, Session::Id)),
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Session::Id(id) => fmt::Display::fmt(id, f),
            Session::Unknown | Session::None => Ok(()),
        }
    }
}

/// Strings are written and read without a copy in between.
mod text {
    use super::*;

    struct Written<'a, T>(&'a T);

    impl<T: Text> fmt::Display for Written<'_, T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.write(f)
        }
    }

    struct Parser<T>(PhantomData<T>);

    impl<T: Text> Visitor<'_> for Parser<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a path, a unique id or a session id")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<T, E> {
            T::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
        }
    }

    pub(super) fn serialize<T: Text, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(&Written(value))
    }

    pub(super) fn deserialize<'de, T: Text, D: Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<T, D::Error> {
        deserializer.deserialize_str(Parser(PhantomData))
    }
}
