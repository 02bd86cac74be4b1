//! Rewrites the `wal_dir` of an OPTIONS file.

use crate::{FileKind, FormatError, Result};

use super::escape::{escape, unescape};
use super::file::OptionsFile;
use super::section::{SectionKind, settings_by_line};

/// The file with another `wal_dir` and everything else byte for byte as it was. An empty one means the database
/// directory.
///
/// # Errors
/// As [`OptionsFile::parse`]; unsupported when the directory begins or ends with a space, which RocksDB cannot read
/// back from such a file.
pub fn with_wal_dir(bytes: &[u8], wal_dir: &[u8]) -> Result<Vec<u8>> {
    let file = OptionsFile::parse(bytes)?;
    let value = escape(wal_dir);
    let mut out = bytes.to_vec();
    match file.database_setting("wal_dir") {
        Some(setting) => {
            out.splice(setting.place.clone(), value);
        }
        None => insert_wal_dir(&file, &mut out, &value),
    }
    let found = OptionsFile::parse(&out)?.wal_dir().unwrap_or_default();
    if found == wal_dir {
        return Ok(out);
    }
    let reason = "a wal_dir that begins or ends with a space cannot stand in it";
    Err(FormatError::unsupported(FileKind::Options, 0, reason))
}

/// Every `wal_dir` that a line of the file names, for a file that [`OptionsFile::parse`] refuses: another version of
/// RocksDB may read it.
pub fn wal_dirs_by_line(bytes: &[u8]) -> Vec<Vec<u8>> {
    let settings = settings_by_line(bytes, "wal_dir");
    settings.iter().map(|setting| unescape(&setting.value)).collect()
}

/// The file with each of [`wal_dirs_by_line`] replaced, and everything else byte for byte as it was.
pub fn with_wal_dir_by_line(bytes: &[u8], wal_dir: &[u8]) -> Vec<u8> {
    let (value, mut out) = (escape(wal_dir), bytes.to_vec());
    for setting in settings_by_line(bytes, "wal_dir").into_iter().rev() {
        out.splice(setting.place, value.iter().copied());
    }
    out
}

/// Adds the setting as the first line of `[DBOptions]`.
fn insert_wal_dir(file: &OptionsFile, out: &mut Vec<u8>, value: &[u8]) {
    let section = file.of_kind(SectionKind::Database).next();
    let body = section.map_or(out.len(), |section| section.body);
    let line_break: &[u8] = if out[..body].ends_with(b"\n") { b"" } else { b"\n" };
    let line = [line_break, b"  wal_dir=", value, b"\n"].concat();
    out.splice(body..body, line);
}
