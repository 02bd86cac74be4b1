//! Text of a meta file to values.

mod app_metadata;
mod decoder;
mod file;
mod head;
mod name_check;

pub use self::decoder::{MetaDecoder, MetaLine};
use crate::backup_meta::line::Line;
use crate::backup_meta::{BackupMeta, Field, MetaFile, NON_IGNORABLE};
use crate::{BackupId, Result};

/// About how long a file's line is.
const USUAL_LINE_BYTES: usize = 64;
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
    let taken = decoder.push(bytes, &mut |line| match line {
        MetaLine::File(file) => take(file),
        // No path is known.
        MetaLine::Known(..) => {}
    })?;
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

fn shown(text: &[u8]) -> String {
    let head = text.get(..SHOWN_BYTES).unwrap_or(text);
    format!("\"{}\"", head.escape_ascii())
}
