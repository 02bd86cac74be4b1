//! Text of a meta file to values.

mod app_metadata;
mod decoder;
mod file;
mod head;

use std::collections::HashSet;

pub use self::decoder::MetaDecoder;
pub(super) use self::file::decode_line;
pub(super) use self::head::decode as decode_head;
use crate::backup_meta::lines::Line;
use crate::backup_meta::{BackupMeta, Field, MetaFile, NON_IGNORABLE};
use crate::backup_name::RepoPath;
use crate::file_name::DbFileName;
use crate::{BackupId, Result};

/// About how long a file's line is.
pub(super) const USUAL_LINE_BYTES: usize = 64;
/// Room is made for no more files before they are there.
const EXPECTED_FILES: usize = 1 << 17;
/// How many bytes of a line are repeated in an error.
const SHOWN_BYTES: usize = 120;

impl BackupMeta {
    /// Reads the meta file of this backup. Offsets in errors count from the start of the file.
    ///
    /// # Errors
    /// Corrupt or unsupported text; see the module's description. A file in the private directory of another
    /// backup is corrupt too, since it goes when that backup is deleted.
    pub fn decode(backup: BackupId, bytes: &[u8]) -> Result<Self> {
        decode(Some(backup), bytes)
    }

    /// Reads the meta file of a backup whose id is not known. Its private files must belong to one backup.
    ///
    /// # Errors
    /// As [`BackupMeta::decode`].
    pub fn decode_of_unknown_backup(bytes: &[u8]) -> Result<Self> {
        decode(None, bytes)
    }
}

fn decode(backup: Option<BackupId>, bytes: &[u8]) -> Result<BackupMeta> {
    let mut files = Vec::with_capacity((bytes.len() / USUAL_LINE_BYTES).min(EXPECTED_FILES));
    let meta = decode_each(backup, bytes, &mut |file| files.push(file))?;
    Ok(BackupMeta { files, ..meta })
}

/// The same, with each file handed over as it is read.
pub(super) fn decode_each(
    backup: Option<BackupId>,
    bytes: &[u8],
    take: &mut dyn FnMut(MetaFile),
) -> Result<BackupMeta> {
    let mut decoder = MetaDecoder::new(backup);
    let taken = decoder.push(bytes, take)?;
    decoder.finish(bytes.get(taken..).unwrap_or_default())
}

fn decode_footer_field(line: &Line<'_>) -> Result<Field> {
    let (name, value) = split_field(line)?;
    unknown_field(line, name, value)
}

fn split_field<'a>(line: &Line<'a>) -> Result<(&'a [u8], &'a [u8])> {
    line.text
        .iter()
        .position(|byte| *byte == b' ')
        .and_then(|space| Some((line.text.get(..space)?, line.text.get(space + 1..)?)))
        .ok_or_else(|| line.corrupt(format!("{} is no field", shown(line.text))))
}

fn unknown_field(line: &Line<'_>, name: &[u8], value: &[u8]) -> Result<Field> {
    if name.starts_with(NON_IGNORABLE) {
        return Err(line.unsupported(format!("the field {}", shown(name))));
    }
    Ok(Field::decode(name, value))
}

/// What the names of a meta file have to be to each other.
#[derive(Debug)]
struct NameCheck {
    /// The backup whose private directory may be named.
    backup: Option<BackupId>,
    /// The names in the database so far.
    restored: HashSet<DbFileName>,
}

impl NameCheck {
    fn new(backup: Option<BackupId>) -> Self {
        NameCheck {
            backup,
            restored: HashSet::new(),
        }
    }

    /// Makes room for so many files, as far as a number in a file is to be believed.
    fn expect(&mut self, file_count: u32) {
        let file_count = usize::try_from(file_count).unwrap_or(usize::MAX);
        self.restored.reserve(file_count.min(EXPECTED_FILES));
    }

    fn check(&mut self, line: &Line<'_>, file: &MetaFile) -> Result<()> {
        let path = &file.path;
        if let RepoPath::Private(name) = path
            && *self.backup.get_or_insert(name.backup()) != name.backup()
        {
            return Err(line.corrupt(format!("{path} belongs to another backup")));
        }
        if file.excluded && !matches!(path, RepoPath::SharedChecksum(_)) {
            return Err(line.corrupt(format!("{path} is excluded, but not in shared_checksum/")));
        }
        if !self.restored.insert(path.restored_name()) {
            return Err(line.corrupt(format!("{path} is restored under a name that another file has")));
        }
        Ok(())
    }
}

fn shown(text: &[u8]) -> String {
    let head = text.get(..SHOWN_BYTES).unwrap_or(text);
    format!("\"{}\"", head.escape_ascii())
}
