//! A complete OPTIONS file.

use std::collections::BTreeSet;

use crate::{FileKind, FormatError, Result};

use super::escape::unescape;
use super::section::{Section, SectionKind, Setting, sections};

/// The first line of Speedb's (`options/options_parser.cc` of Speedb).
const SPEEDB_HEADER: &[u8] = b"# This is a Speedb option file.";

/// What an OPTIONS file says. Values are kept as they are in the file, escapes included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionsFile {
    pub(super) sections: Vec<Section>,
    is_of_speedb: bool,
}

impl OptionsFile {
    /// Reads the complete file.
    ///
    /// # Errors
    /// Unsupported for a section of unknown kind. Corrupt for what RocksDB refuses as well: a line that is neither
    /// section nor setting, sections that come twice, come too late or belong to no column family, no
    /// `[DBOptions]`, no default column family, version numbers that are none. Values are parsed only when they are
    /// requested.
    pub fn parse(bytes: &[u8]) -> Result<OptionsFile> {
        let sections = sections(bytes)?;
        check_sections(&sections)?;
        let file = OptionsFile {
            sections,
            is_of_speedb: bytes.starts_with(SPEEDB_HEADER),
        };
        file.check_versions()?;
        Ok(file)
    }

    /// Whether Speedb wrote it, a fork of RocksDB that puts the version of RocksDB into it.
    pub fn is_of_speedb(&self) -> bool {
        self.is_of_speedb
    }

    /// The version of RocksDB that wrote the file, like `11.8.1`.
    pub fn rocksdb_version(&self) -> Option<&str> {
        text(self.version("rocksdb_version")?)
    }

    /// The version of the file's own format, like `1.1`.
    pub fn options_file_version(&self) -> Option<&str> {
        text(self.version("options_file_version")?)
    }

    /// A setting of the database, as it is in the file.
    pub fn db(&self, name: &str) -> Option<&[u8]> {
        self.database_setting(name)
            .map(|setting| setting.value.as_slice())
    }

    /// The names of the column families, the default one first.
    pub fn column_families(&self) -> impl Iterator<Item = &[u8]> {
        let families = self.of_kind(SectionKind::ColumnFamily);
        families.map(|section| section.argument.as_slice())
    }

    /// A setting of a column family, as it is in the file.
    pub fn cf(&self, family: &[u8], name: &str) -> Option<&[u8]> {
        let mut families = self.of_kind(SectionKind::ColumnFamily);
        let section = families.find(|section| section.argument == family)?;
        section.find(name).map(|setting| setting.value.as_slice())
    }

    /// A setting of a column family's table factory, as it is in the file.
    pub fn table(&self, family: &[u8], name: &str) -> Option<&[u8]> {
        let mut tables = self.of_kind(SectionKind::Table);
        let section = tables.find(|section| section.argument == family)?;
        section.find(name).map(|setting| setting.value.as_slice())
    }

    /// The directory of the WALs where the file names one, with its escapes undone. It may be relative to the
    /// working directory of the process that wrote it, and stale after the database was moved. Old RocksDB (seen up
    /// to 6.11) names it always, as the database directory where no other was chosen.
    pub fn wal_dir(&self) -> Option<Vec<u8>> {
        let value = self.db("wal_dir").filter(|value| !value.is_empty())?;
        Some(unescape(value))
    }

    pub(super) fn of_kind(&self, kind: SectionKind) -> impl Iterator<Item = &Section> {
        self.sections.iter().filter(move |section| section.kind == kind)
    }

    pub(super) fn database_setting(&self, name: &str) -> Option<&Setting> {
        self.of_kind(SectionKind::Database).next()?.find(name)
    }

    fn version(&self, name: &str) -> Option<&Setting> {
        self.of_kind(SectionKind::Version).next()?.find(name)
    }

    fn check_versions(&self) -> Result<()> {
        for (name, parts) in [("rocksdb_version", 3), ("options_file_version", 2)] {
            if let Some(setting) = self.version(name).filter(|setting| !is_version(setting, parts)) {
                let reason = format!("{name} \"{}\" is no version", setting.value.escape_ascii());
                return Err(corrupt(setting.place.start, reason));
            }
        }
        let major = self
            .options_file_version()
            .and_then(|version| version.split('.').next());
        if major.is_some_and(|major| major.bytes().all(|digit| digit == b'0')) {
            return Err(corrupt(0, "options_file_version is below 1".into()));
        }
        Ok(())
    }
}

/// What `CheckSection` and `ValidityCheck` of `options/options_parser.cc` want.
fn check_sections(sections: &[Section]) -> Result<()> {
    let mut families = BTreeSet::new();
    let mut once = BTreeSet::new();
    for section in sections {
        let family = section.argument.as_slice();
        let name = family.escape_ascii();
        let complaint = match section.kind {
            SectionKind::Version if !once.insert("Version") => Some("a second [Version]".to_owned()),
            SectionKind::Database if !once.insert("DBOptions") => Some("a second [DBOptions]".to_owned()),
            SectionKind::ColumnFamily if families.is_empty() && family != b"default" => {
                Some(format!("column family \"{name}\" comes before the default one"))
            }
            SectionKind::ColumnFamily if !families.insert(family) => {
                Some(format!("column family \"{name}\" comes twice"))
            }
            SectionKind::Table if !families.contains(family) => Some(format!(
                "table options of \"{name}\", which is no column family above"
            )),
            _ => None,
        };
        if let Some(reason) = complaint {
            return Err(corrupt(section.body, reason));
        }
    }
    if !once.contains("DBOptions") {
        return Err(corrupt(0, "it has no [DBOptions]".into()));
    }
    if families.is_empty() {
        return Err(corrupt(0, "it has no [CFOptions \"default\"]".into()));
    }
    Ok(())
}

/// At most so many numbers with dots between.
fn is_version(setting: &Setting, parts: usize) -> bool {
    let numbers = || setting.value.split(|byte| *byte == b'.');
    let is_number = |number: &[u8]| !number.is_empty() && number.iter().all(u8::is_ascii_digit);
    numbers().count() <= parts && numbers().all(is_number)
}

fn text(setting: &Setting) -> Option<&str> {
    std::str::from_utf8(&setting.value).ok()
}

pub(super) fn corrupt(offset: usize, reason: String) -> FormatError {
    FormatError::corrupt(FileKind::Options, offset as u64, reason)
}
