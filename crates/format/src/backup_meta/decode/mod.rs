//! Text of a meta file to values.

mod app_metadata;
mod decoder;
mod field_text;
mod file;
mod head;
mod name_check;

pub use self::decoder::{MetaDecoder, MetaLine};
use self::name_check::EXPECTED_FILES;
use crate::backup_meta::{BackupMeta, MetaFile};
use crate::{BackupId, Result};

/// About how long a file's line is.
const USUAL_LINE_BYTES: usize = 64;

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
