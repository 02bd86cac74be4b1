//! Reading the meta files of many backups, most of whose lines are the same.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::backup_meta::decode::{USUAL_LINE_BYTES, decode_head, decode_line};
use crate::backup_meta::lines::Lines;
use crate::backup_meta::{BackupMeta, MetaFile, SchemaVersion};
use crate::backup_name::RepoPath;
use crate::file_name::DbFileName;
use crate::{BackupId, Result};

/// So many lines are remembered, at some 250 bytes each.
const REMEMBERED_LINES: usize = 1 << 17;

/// Decodes meta files as [`BackupMeta::decode`] does. A line of a shared file that stood in an earlier one is not taken
/// apart again.
#[derive(Debug, Default)]
pub struct MetaReader {
    lines: HashMap<Box<[u8]>, Remembered, RandomState>,
    names: HashMap<DbFileName, usize, RandomState>,
    /// By name: which meta file had it last.
    last_seen: Vec<u64>,
    /// How many meta files there were.
    turn: u64,
}

#[derive(Debug)]
struct Remembered {
    file: MetaFile,
    /// The number of the name that the file is restored under.
    name: usize,
}

impl MetaReader {
    /// Reads the meta file of this backup.
    ///
    /// # Errors
    /// As [`BackupMeta::decode`].
    pub fn decode(&mut self, backup: BackupId, bytes: &[u8]) -> Result<BackupMeta> {
        if self.lines.len().max(self.names.len()) > REMEMBERED_LINES {
            *self = MetaReader::default();
        }
        self.turn += 1;
        match self.decode_regular(backup, bytes) {
            Some(meta) => Ok(meta),
            None => BackupMeta::decode(backup, bytes),
        }
    }

    /// `None` for whatever is wrong or unusual.
    fn decode_regular(&mut self, backup: BackupId, bytes: &[u8]) -> Option<BackupMeta> {
        let mut lines = Lines::new(bytes);
        let (head, file_count) = decode_head(&mut lines).ok()??;
        if head.schema != SchemaVersion::One {
            return None;
        }
        let file_count = usize::try_from(file_count).ok()?;
        let at_most = file_count
            .min(bytes.len() / USUAL_LINE_BYTES)
            .min(REMEMBERED_LINES);
        if self.lines.is_empty() {
            let new = at_most.min(REMEMBERED_LINES);
            self.lines.reserve(new);
            self.names.reserve(new);
        }
        let mut files = Vec::with_capacity(at_most);
        for line in lines.by_ref() {
            let (file, name) = match self.lines.get(line.text) {
                Some(known) => (known.file.clone(), known.name),
                None => {
                    let file = decode_line(&line, false).ok()?;
                    let name = self.name(file.path.restored_name());
                    self.remember(line.text, &file, name);
                    (file, name)
                }
            };
            let last_seen = self.last_seen.get_mut(name)?;
            let is_twice = std::mem::replace(last_seen, self.turn) == self.turn;
            let is_anothers = matches!(&file.path, RepoPath::Private(path) if path.backup() != backup);
            if is_twice || is_anothers {
                return None;
            }
            files.push(file);
        }
        (lines.rest().text.is_empty() && files.len() == file_count).then(|| BackupMeta {
            head,
            files,
            footer_fields: Vec::new(),
        })
    }

    /// Lines of private files stand in one meta file only.
    fn remember(&mut self, line: &[u8], file: &MetaFile, name: usize) {
        if file.path.shared_name().is_some() {
            let file = file.clone();
            self.lines.insert(line.into(), Remembered { file, name });
        }
    }

    fn name(&mut self, name: DbFileName) -> usize {
        let next = self.last_seen.len();
        let number = *self.names.entry(name).or_insert(next);
        if number == next {
            self.last_seen.push(0);
        }
        number
    }
}
