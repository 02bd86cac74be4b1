//! Files of a staging area that are copied in part, so that a killed backup goes on in the middle of a large one.
//!
//! The record lies in the area as `partial/0` or `partial/1`, in turn, so that a complete one exists while the next is
//! written; the one with the larger serial number counts. It is written when the bytes that it speaks of are durable. A
//! file is only ever added to, so what an older record says of it stays true. Earlier versions take the record for a
//! staged file that no journal names, and copy the files anew.

use serde::{Deserialize, Serialize};

use super::checked_lines::{self, CheckedText};
use super::facts::FileFacts;
use super::record_text;
use crate::store::{Durability, Key, Leftover, Persist, Store, Upload};
use crate::{Error, ErrorKind, Result};

const DIRECTORY: &str = "partial/";

/// The first bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialEntry {
    /// The file's name in the area.
    pub staged_as: String,
    /// How many bytes of it are copied.
    pub size_bytes: u64,
    /// Their checksum.
    pub crc32c: u32,
    /// Whether they were made durable before this was written.
    pub durable: bool,
    /// What the complete file is; its checksum is not known yet.
    pub file: FileFacts,
}

#[derive(Serialize, Deserialize)]
struct Head {
    stonekeep_partial: u64,
}

/// Writes the record with this serial number.
///
/// # Errors
/// Those of the store.
pub fn write(
    store: &Store,
    area: &str,
    serial: u64,
    entries: &[PartialEntry],
    durability: Durability,
) -> Result<()> {
    let head = checked_lines::line_of(&Head {
        stonekeep_partial: serial,
    });
    let lines = std::iter::once(head).chain(entries.iter().map(checked_lines::line_of));
    let key = Key::new(format!("{DIRECTORY}{}", serial % 2))?;
    let staged = store.record(area, &key, &mut CheckedText::new(lines))?;
    store.persist(Persist::Uploads(&[staged]), durability)
}

/// What an area has in part. Each file comes with the length that is to be kept of it.
///
/// # Errors
/// I/O errors of the store.
pub fn read(store: &Store, leftover: &Leftover) -> Result<Vec<(Upload, PartialEntry)>> {
    let files = &leftover.uploads;
    let mut newest: Option<(u64, Vec<PartialEntry>)> = None;
    for record in files.iter().filter(|file| is_record(&file.key)) {
        let text = read_staged(store, record)?;
        // One that was being written says nothing; the other one is complete.
        if let Ok((serial, entries)) = decode(record.key.as_str(), &text)
            && newest.as_ref().is_none_or(|(newest, _)| *newest < serial)
        {
            newest = Some((serial, entries));
        }
    }
    let entries = newest.map(|(_, entries)| entries).unwrap_or_default();
    let found = entries.into_iter().filter_map(|entry| {
        let mut staged = files.iter().filter(|file| file.key.as_str() == entry.staged_as);
        let staged = staged.find(|file| file.size_bytes >= entry.size_bytes)?;
        let kept = Upload {
            size_bytes: entry.size_bytes,
            ..staged.clone()
        };
        Some((kept, entry))
    });
    Ok(found.collect())
}

/// Whether a staged file is such a record.
pub(super) fn is_record(key: &Key) -> bool {
    key.as_str().starts_with(DIRECTORY)
}

fn decode(name: &str, text: &[u8]) -> Result<(u64, Vec<PartialEntry>)> {
    let mut lines = checked_lines::lines(name, text)?;
    let head = lines
        .next()
        .ok_or_else(|| Error::corrupt(name, "it has no line"))?;
    let head: Head = checked_lines::parse(name, head)?;
    let entries = lines.map(|line| checked_lines::parse(name, line));
    Ok((head.stonekeep_partial, entries.collect::<Result<_>>()?))
}

/// Reads a staged record of a killed run.
///
/// # Errors
/// I/O errors of the store.
pub(super) fn read_staged(store: &Store, staged: &Upload) -> Result<Vec<u8>> {
    match record_text::of(store.open_upload(staged)?.as_ref(), &staged.key) {
        // No record is as long: it names nothing.
        Err(error) if error.kind() == ErrorKind::Corrupt => Ok(Vec::new()),
        text => text,
    }
}
