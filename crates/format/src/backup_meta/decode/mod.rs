//! Text of a meta file to values.

mod file;
mod head;

use std::collections::HashSet;

pub(super) use self::file::decode_line;
pub(super) use self::head::decode as decode_head;
use crate::backup_meta::lines::{Line, Lines};
use crate::backup_meta::{BackupMeta, FOOTER, Field, MetaFile, NON_IGNORABLE, SchemaVersion};
use crate::backup_name::RepoPath;
use crate::file_name::DbFileName;
use crate::{BackupId, Result};

/// About how long a file's line is.
pub(super) const USUAL_LINE_BYTES: usize = 64;
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
    let mut files = Vec::with_capacity(bytes.len() / USUAL_LINE_BYTES);
    let meta = decode_each(backup, bytes, &mut |file| files.push(file))?;
    Ok(BackupMeta { files, ..meta })
}

/// The same, with each file handed over as it is read.
pub(super) fn decode_each(
    backup: Option<BackupId>,
    bytes: &[u8],
    take: &mut dyn FnMut(MetaFile),
) -> Result<BackupMeta> {
    let mut lines = Lines::new(bytes);
    let Some((head, file_count)) = decode_head(&mut lines)? else {
        return Err(lines.rest().corrupt("the file ends before the number of files"));
    };
    let mut meta = BackupMeta {
        head,
        files: Vec::new(),
        footer_fields: Vec::new(),
    };
    let mut names = NameCheck {
        backup,
        restored: HashSet::with_capacity(lines.rest().text.len() / USUAL_LINE_BYTES),
    };
    let mut there = 0u64;
    let has_fields = meta.head.schema != SchemaVersion::One;
    while let Some(line) = lines.next() {
        if has_fields && line.text == FOOTER {
            meta.footer_fields = lines
                .by_ref()
                .map(|line| decode_footer_field(&line))
                .collect::<Result<_>>()?;
            break;
        }
        let file = file::decode(&line, has_fields, &mut names)?;
        there += u64::from(!file.excluded);
        take(file);
    }
    let end = lines.rest();
    if !end.text.is_empty() {
        return Err(end.corrupt("the last line does not end in a newline"));
    }
    if there != u64::from(file_count) {
        return Err(end.corrupt(format!("{there} files stand there, {file_count} are announced")));
    }
    Ok(meta)
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
    Field::decode(name, value).ok_or_else(|| line.corrupt(format!("{} is no name of a field", shown(name))))
}

/// What the names of a meta file have to be to each other.
struct NameCheck {
    /// The backup whose private directory may be named.
    backup: Option<BackupId>,
    /// The names in the database so far.
    restored: HashSet<DbFileName>,
}

impl NameCheck {
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
