//! Names of files in a database directory.
//!
//! The forms and the rules for reading them are those of RocksDB's `file/filename.cc`; the trash suffix is
//! from `file/delete_scheduler.cc`. A name is one path component: nothing with a `/` in it is ever parsed, so
//! WALs in `archive/` are parsed by the name that they have inside that directory.

use std::fmt;

use crate::FileNumber;
use crate::file_number_text::{FileNumberText, is_component, take_number};

/// `kArchivalDirName`
const ARCHIVE: &str = "archive";
/// The extension of a table file.
///
/// Exhaustive: RocksDB reads no other tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum TableExtension {
    /// `.sst`, which RocksDB writes.
    #[default]
    Sst,
    /// `.ldb`, which RocksDB still reads, from LevelDB.
    Ldb,
}

/// A name that RocksDB recognises in a database directory (`ParseFileName`).
///
/// `Display` gives the name as RocksDB writes it, numbers padded to six digits. A name that was padded otherwise
/// is recognised too, as RocksDB does, but comes back in the usual form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DbFileName {
    /// `<number>.sst` or `<number>.ldb`
    Table {
        /// The file's number.
        number: FileNumber,
        /// Which of the two extensions.
        extension: TableExtension,
    },
    /// `<number>.blob`
    Blob(FileNumber),
    /// `<number>.log`, also in `archive/`
    Wal(FileNumber),
    /// `MANIFEST-<number>`
    Manifest(FileNumber),
    /// `OPTIONS-<number>`
    Options(FileNumber),
    /// `OPTIONS-<number>.dbtmp`: an OPTIONS file not yet renamed into place.
    OptionsTemp(FileNumber),
    /// `CURRENT`
    Current,
    /// `IDENTITY`
    Identity,
    /// `LOCK`
    Lock,
    /// `LOG`, `LOG.old` or `LOG.old.<microseconds>`: the complete name.
    InfoLog(Box<str>),
    /// `METADB-<number>`
    MetaDb(FileNumber),
    /// `<number>.dbtmp`: a CURRENT or IDENTITY not yet renamed into place.
    Temp(FileNumber),
    /// `COMPACTION_PROGRESS-<timestamp>`
    CompactionProgress(u64),
    /// `COMPACTION_PROGRESS-<timestamp>.dbtmp`
    CompactionProgressTemp(u64),
    /// Any name that ends in `.trash`: RocksDB deletes those when it opens the database. The complete name.
    Trash(Box<str>),
    /// A name that RocksDB takes for one of its own although it never writes it: `OPTIONS-` with more than a number
    /// after it, or `archive`, one byte, and a WAL's name. The complete name.
    Lookalike(Box<str>),
}

impl DbFileName {
    /// A table file as RocksDB names it, with `.sst`.
    pub fn table(number: FileNumber) -> Self {
        DbFileName::Table {
            number,
            extension: TableExtension::Sst,
        }
    }

    /// What RocksDB takes a file of this name for in a database directory. `None` for an unknown file.
    pub fn parse(name: &str) -> Option<Self> {
        Self::parse_padded(name).map(|(file, _)| file)
    }

    /// The file, and how its number is written.
    pub(crate) fn parse_padded(name: &str) -> Option<(Self, FileNumberText)> {
        if !is_component(name) {
            return None;
        }
        match parse_unnumbered(name) {
            Some(file) => Some((file, FileNumberText::default())),
            None => parse_numbered(name),
        }
    }

    /// The number in the name, if it is a file number.
    pub fn number(&self) -> Option<FileNumber> {
        match self {
            DbFileName::Table { number, .. }
            | DbFileName::Blob(number)
            | DbFileName::Wal(number)
            | DbFileName::Manifest(number)
            | DbFileName::Options(number)
            | DbFileName::OptionsTemp(number)
            | DbFileName::MetaDb(number)
            | DbFileName::Temp(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether files of this kind are part of a backup: tables, blobs, WALs, MANIFEST, CURRENT, OPTIONS.
    pub fn is_live_kind(&self) -> bool {
        matches!(
            self,
            DbFileName::Table { .. }
                | DbFileName::Blob(_)
                | DbFileName::Wal(_)
                | DbFileName::Manifest(_)
                | DbFileName::Current
                | DbFileName::Options(_)
        )
    }

    /// Writes the name with its number written as `digits`; names without a file number ignore them.
    pub(crate) fn write(&self, f: &mut fmt::Formatter<'_>, digits: FileNumberText) -> fmt::Result {
        match self {
            DbFileName::Table { extension, .. } => write!(f, "{digits}.{extension}"),
            DbFileName::Blob(_) => write!(f, "{digits}.blob"),
            DbFileName::Wal(_) => write!(f, "{digits}.log"),
            DbFileName::Manifest(_) => write!(f, "MANIFEST-{digits}"),
            DbFileName::Options(_) => write!(f, "OPTIONS-{digits}"),
            DbFileName::OptionsTemp(_) => write!(f, "OPTIONS-{digits}.dbtmp"),
            DbFileName::Temp(_) => write!(f, "{digits}.dbtmp"),
            DbFileName::MetaDb(number) => write!(f, "METADB-{number}"),
            DbFileName::CompactionProgress(timestamp) => write!(f, "COMPACTION_PROGRESS-{timestamp}"),
            DbFileName::CompactionProgressTemp(timestamp) => {
                write!(f, "COMPACTION_PROGRESS-{timestamp}.dbtmp")
            }
            DbFileName::Current => f.write_str("CURRENT"),
            DbFileName::Identity => f.write_str("IDENTITY"),
            DbFileName::Lock => f.write_str("LOCK"),
            DbFileName::InfoLog(name) | DbFileName::Trash(name) | DbFileName::Lookalike(name) => {
                f.write_str(name)
            }
        }
    }
}

impl fmt::Display for DbFileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, FileNumberText::usual(self.number().unwrap_or_default()))
    }
}

impl fmt::Display for TableExtension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TableExtension::Sst => "sst",
            TableExtension::Ldb => "ldb",
        })
    }
}

fn parse_unnumbered(name: &str) -> Option<DbFileName> {
    match name {
        "CURRENT" => Some(DbFileName::Current),
        "IDENTITY" => Some(DbFileName::Identity),
        "LOCK" => Some(DbFileName::Lock),
        _ if name.ends_with(".trash") => Some(DbFileName::Trash(name.into())),
        _ if name.strip_prefix("LOG").is_some_and(is_info_log_rest) => Some(DbFileName::InfoLog(name.into())),
        _ => None,
    }
}

/// RocksDB does not look at what follows the number of an old info log.
fn is_info_log_rest(rest: &str) -> bool {
    matches!(rest, "" | ".old") || rest.strip_prefix(".old.").and_then(take_number).is_some()
}

/// The kinds that have a number.
fn parse_numbered(name: &str) -> Option<(DbFileName, FileNumberText)> {
    match name.split_once('-') {
        Some(("MANIFEST", rest)) => whole_number(rest, DbFileName::Manifest),
        Some(("METADB", rest)) => whole_number(rest, DbFileName::MetaDb),
        Some(("OPTIONS", rest)) => parse_options(name, rest),
        Some(("COMPACTION_PROGRESS", rest)) => match rest.strip_suffix(".dbtmp") {
            Some(rest) => whole_number(rest, |number| DbFileName::CompactionProgressTemp(number.0)),
            None => whole_number(rest, |number| DbFileName::CompactionProgress(number.0)),
        },
        _ => parse_before_dot(name),
    }
}

fn whole_number(text: &str, file: impl Fn(FileNumber) -> DbFileName) -> Option<(DbFileName, FileNumberText)> {
    let (digits, rest) = take_number(text)?;
    rest.is_empty().then(|| (file(digits.number), digits))
}

/// RocksDB does not look at what follows the number of an OPTIONS file, so `OPTIONS-000005.bak` is one to it.
fn parse_options(name: &str, rest: &str) -> Option<(DbFileName, FileNumberText)> {
    let (digits, after) = take_number(rest)?;
    let file = match after {
        "" => DbFileName::Options(digits.number),
        ".dbtmp" => DbFileName::OptionsTemp(digits.number),
        _ => DbFileName::Lookalike(name.into()),
    };
    Some((file, digits))
}

/// The kinds that are a number and an extension.
fn parse_before_dot(name: &str) -> Option<(DbFileName, FileNumberText)> {
    if let Some(rest) = name.strip_prefix(ARCHIVE) {
        let mut after_separator = rest.chars();
        after_separator.next()?;
        let (digits, extension) = take_number(after_separator.as_str())?;
        return (extension == ".log").then(|| (DbFileName::Lookalike(name.into()), digits));
    }
    let (digits, extension) = take_number(name)?;
    let number = digits.number;
    let file = match extension {
        ".sst" => DbFileName::table(number),
        ".ldb" => DbFileName::Table {
            number,
            extension: TableExtension::Ldb,
        },
        ".blob" => DbFileName::Blob(number),
        ".log" => DbFileName::Wal(number),
        ".dbtmp" => DbFileName::Temp(number),
        _ => return None,
    };
    Some((file, digits))
}
