//! The file that says which backup a directory is, and which files were made in it.

use std::fs;
use std::io::{self, Write};
use std::iter;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use stonekeep_format::WholeText;

use crate::engine::contents::BackupContents;
use crate::repo::checked_lines::{self, CheckedText, line_of};
use crate::{Error, ErrorKind, IoContext, Result, whole_text};

/// Its name.
pub const MARKER: &str = ".stonekeep-open";

/// A million names.
const LIMIT_BYTES: u64 = 64 << 20;

/// Its first line. The names of the files that opening makes follow, the marker not among them.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    stonekeep_open: u32,
    repository: String,
    backup_id: u32,
    meta_crc32c: u32,
}

/// Writes it into a directory that has none, and makes it durable. The caller syncs the directory.
pub(super) fn write(directory: &Path, repository: &str, backup: &BackupContents) -> Result<()> {
    let header = Header {
        stonekeep_open: 1,
        repository: repository.to_owned(),
        backup_id: backup.id.get(),
        meta_crc32c: backup.meta_crc32c.0,
    };
    let names = backup.files.iter().map(|file| line_of(&file.name.to_string()));
    let text = CheckedText::new(iter::once(line_of(&header)).chain(names)).complete()?;
    let path = directory.join(MARKER);
    let mut file = fs::File::create_new(&path).context("making", &path)?;
    file.write_all(&text)
        .and_then(|()| file.sync_all())
        .context("writing", &path)
}

/// The names in it; `NotFound` if the directory has none.
pub(super) fn read_names(directory: &Path) -> Result<Vec<String>> {
    let path = directory.join(MARKER);
    let name = path.display().to_string();
    let size = match fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return Err(Error::corrupt(name, "it is no regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(not_ours(directory)),
        Err(error) => return Err(error).context("looking at", &path),
    };
    if size > LIMIT_BYTES {
        return Err(Error::corrupt(name, format!("{size} bytes are too many")));
    }
    let file = fs::File::open(&path).context("opening", &path)?;
    let read_at = &mut |buffer: &mut [u8], offset| file.read_at(buffer, offset);
    let text = whole_text::read(WholeText::new(), &name, size, read_at)?;
    let mut lines = checked_lines::lines(&name, &text)?;
    let header = lines.next().ok_or_else(|| Error::corrupt(&name, "it is empty"))?;
    let header: Header = checked_lines::parse(&name, header)?;
    if header.stonekeep_open != 1 {
        let message = format!("{name} was written by a newer program");
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    lines.map(|line| checked_lines::parse(&name, line)).collect()
}

fn not_ours(directory: &Path) -> Error {
    let message = format!(
        "{} is no backup that was opened in place: it has no {MARKER}",
        directory.display()
    );
    Error::not_found(message).with_hint("name the directory that was given to open")
}
