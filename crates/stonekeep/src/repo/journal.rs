//! The journal of a staging area: which staged files are complete, so that the next run resumes a killed backup.
//!
//! It lies in the area beside the files, as `journal/<n>`: a chunk for each batch of files, staged after the batch
//! was made durable. An area belongs to one run: no later run writes into it, or what a chunk says of a file might be
//! of another one. A file that no chunk names is taken for half written. A chunk that is damaged or cut short names
//! nothing, and neither do those after it.

use serde::{Deserialize, Serialize};

use super::checked_lines::{self, CheckedText};
use super::facts::FileFacts;
use super::partial;
use crate::store::{Durability, Key, Leftover, Persist, Store, Upload};
use crate::{ErrorKind, Result};

const DIRECTORY: &str = "journal/";

/// A staged file that is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Its name in the area.
    pub staged_as: String,
    /// Whether its bytes were made durable before this was written.
    pub durable: bool,
    /// What it is, with the path that it is to have.
    pub file: FileFacts,
}

/// A file's line in a chunk.
///
/// # Errors
/// None in practice; JSON that cannot be written is an `Io` error.
pub fn line_of(entry: &JournalEntry) -> Result<Vec<u8>> {
    checked_lines::line_of(entry)
}

/// Adds a chunk of these lines. Chunks are numbered from 0.
///
/// # Errors
/// Those of the store.
pub fn append(
    store: &Store,
    area: &str,
    chunk: usize,
    lines: impl Iterator<Item = Vec<u8>>,
    durability: Durability,
) -> Result<()> {
    let mut text = CheckedText::new(lines.map(Ok));
    let key = Key::new(format!("{DIRECTORY}{chunk:08}"))?;
    let staged = store.record(area, &key, &mut text)?;
    store.persist(Persist::Uploads(&[staged]), durability)
}

/// What an area has, by its journal.
#[derive(Debug, Default)]
pub struct Journal {
    /// Files that are complete and still in the area.
    pub staged: Vec<(Upload, JournalEntry)>,
    /// Files that were complete and are no longer there: they may have been published.
    pub gone: Vec<JournalEntry>,
}

/// Reads the journal of a run.
///
/// # Errors
/// I/O errors of the store.
pub fn read(store: &Store, leftover: &Leftover) -> Result<Journal> {
    let mut files = leftover.uploads.clone();
    files.sort_by(|a, b| a.key.cmp(&b.key));
    let (chunks, files): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| is_chunk(&file.key));
    let mut journal = Journal::default();
    let mut files: std::collections::HashMap<String, Upload> = files
        .into_iter()
        .map(|file| (file.key.as_str().to_owned(), file))
        .collect();
    for chunk in &chunks {
        let text = match partial::read_staged(store, chunk) {
            // Some stores list for a while what is gone.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            text => text?,
        };
        let Ok(entries) = decode(chunk.key.as_str(), &text) else {
            break;
        };
        for entry in entries {
            match files.remove(&entry.staged_as) {
                Some(staged) if staged.size_bytes == entry.file.size_bytes => {
                    journal.staged.push((staged, entry))
                }
                Some(_) => {}
                None => journal.gone.push(entry),
            }
        }
    }
    Ok(journal)
}

/// Whether a staged file is part of the journal, or a record beside it.
pub(crate) fn is_part_of(key: &Key) -> bool {
    is_chunk(key) || partial::is_record(key)
}

fn is_chunk(key: &Key) -> bool {
    key.as_str().starts_with(DIRECTORY)
}

fn decode(name: &str, text: &[u8]) -> Result<Vec<JournalEntry>> {
    checked_lines::lines(name, text)?
        .map(|line| checked_lines::parse(name, line))
        .collect()
}
