//! The lines of an OPTIONS file: sections with their settings, each with its place.

use std::ops::Range;

use crate::{FileKind, FormatError, Result};

use super::escape::unescape;

/// A section and its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) kind: SectionKind,
    /// The name of a column family, or nothing.
    pub(super) argument: Vec<u8>,
    /// Where the line after its title begins.
    pub(super) body: usize,
    pub(super) settings: Vec<Setting>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SectionKind {
    Version,
    Database,
    ColumnFamily,
    Table,
}

/// One `name=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) name: Vec<u8>,
    pub(super) value: Vec<u8>,
    /// The place of the value in the file.
    pub(super) place: Range<usize>,
}

impl Section {
    /// The setting of this name; the first one, as for RocksDB.
    pub(super) fn find(&self, name: &str) -> Option<&Setting> {
        let mut settings = self.settings.iter();
        settings.find(|setting| setting.name == name.as_bytes())
    }
}

/// A part of the file with its offset.
#[derive(Clone, Copy)]
struct Piece<'a> {
    bytes: &'a [u8],
    start: usize,
}

impl<'a> Piece<'a> {
    fn range(&self, range: Range<usize>) -> Piece<'a> {
        Piece {
            bytes: self.bytes.get(range.clone()).unwrap_or_default(),
            start: self.start + range.start,
        }
    }

    /// Without the spaces around it.
    fn trimmed(&self) -> Piece<'a> {
        let blank = |byte: &&u8| is_space(**byte);
        let leading = self.bytes.iter().take_while(blank).count();
        let trailing = self.bytes.iter().rev().take_while(blank).count();
        if leading == self.bytes.len() {
            return self.range(0..0);
        }
        self.range(leading..self.bytes.len() - trailing)
    }

    /// Without what follows a `#` that has no backslash before it.
    fn without_comment(&self) -> Piece<'a> {
        let hashes = self.bytes.iter().enumerate().filter(|(_, byte)| **byte == b'#');
        let mut comments = hashes.filter(|(at, _)| *at == 0 || self.bytes[at - 1] != b'\\');
        match comments.next() {
            Some((at, _)) => self.range(0..at),
            None => *self,
        }
    }

    fn find(&self, byte: u8) -> Option<usize> {
        self.bytes.iter().position(|found| *found == byte)
    }

    fn corrupt(&self, reason: impl Into<String>) -> FormatError {
        FormatError::corrupt(FileKind::Options, self.start as u64, reason)
    }
}

/// `isspace` of C.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// All sections in order. What comes before the first is skipped, as by RocksDB.
pub(super) fn sections(bytes: &[u8]) -> Result<Vec<Section>> {
    let mut sections: Vec<Section> = Vec::new();
    let mut start = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let next = start + line.len();
        let line = Piece { bytes: line, start }.without_comment().trimmed();
        start = next;
        if line.bytes.is_empty() {
            continue;
        }
        if line.bytes.len() >= 2 && line.bytes.starts_with(b"[") && line.bytes.ends_with(b"]") {
            sections.push(section(line, next)?);
            continue;
        }
        let setting = setting(line)?;
        if let Some(section) = sections.last_mut() {
            section.settings.push(setting);
        }
    }
    Ok(sections)
}

/// Every setting of this name that has a value, in any section and whatever else the file contains.
pub(super) fn settings_by_line(bytes: &[u8], name: &str) -> Vec<Setting> {
    let (mut found, mut start) = (Vec::new(), 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let piece = Piece { bytes: line, start }.without_comment().trimmed();
        start += line.len();
        match setting(piece) {
            Ok(setting) if setting.name == name.as_bytes() && !setting.value.is_empty() => {
                found.push(setting)
            }
            _ => {}
        }
    }
    found
}

fn setting(line: Piece<'_>) -> Result<Setting> {
    let equals = line
        .find(b'=')
        .ok_or_else(|| line.corrupt("a line without a ="))?;
    let name = line.range(0..equals).trimmed();
    if name.bytes.is_empty() {
        return Err(line.corrupt("a setting without a name"));
    }
    let value = line.range(equals + 1..line.bytes.len()).trimmed();
    Ok(Setting {
        name: name.bytes.to_vec(),
        value: value.bytes.to_vec(),
        place: value.start..value.start + value.bytes.len(),
    })
}

/// `[Title]` or `[Title "argument"]`; the argument reaches from the first to the last quote.
fn section(line: Piece<'_>, body: usize) -> Result<Section> {
    let quotes = line
        .find(b'"')
        .zip(line.bytes.iter().rposition(|byte| *byte == b'"'));
    let (title, argument) = match quotes.filter(|(first, last)| first != last) {
        Some((first, last)) => (line.range(1..first), line.range(first + 1..last).bytes),
        None => (line.range(1..line.bytes.len() - 1), &[][..]),
    };
    Ok(Section {
        kind: section_kind(title.trimmed())?,
        argument: unescape(argument),
        body,
        settings: Vec::new(),
    })
}

fn section_kind(title: Piece<'_>) -> Result<SectionKind> {
    match title.bytes {
        b"Version" => Ok(SectionKind::Version),
        b"DBOptions" => Ok(SectionKind::Database),
        b"CFOptions" => Ok(SectionKind::ColumnFamily),
        other if other.len() > 13 && other.starts_with(b"TableOptions/") => Ok(SectionKind::Table),
        other => {
            let reason = format!("unknown section \"{}\"", other.escape_ascii());
            Err(FormatError::unsupported(
                FileKind::Options,
                title.start as u64,
                reason,
            ))
        }
    }
}
