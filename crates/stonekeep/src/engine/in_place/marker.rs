//! The file that says which backup a directory is, and which files were made in it.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::repo::checked_lines::{self, CheckedLines};
use crate::{Error, ErrorKind, IoContext, Result};

/// Its name.
pub const MARKER: &str = ".stonekeep-open";

/// A million names.
const LIMIT_BYTES: u64 = 64 << 20;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    stonekeep_open: u32,
    repository: String,
    backup_id: u32,
    meta_crc32c: u32,
}

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) repository: String,
    pub(super) backup_id: u32,
    pub(super) meta_crc32c: u32,
    /// The names of the files that opening makes, the marker not among them.
    pub(super) names: Vec<String>,
}

impl Marker {
    /// Writes it into a directory that has none, and makes it durable. The caller syncs the directory.
    pub(super) fn write(&self, directory: &Path) -> Result<()> {
        let header = Header {
            stonekeep_open: 1,
            repository: self.repository.clone(),
            backup_id: self.backup_id,
            meta_crc32c: self.meta_crc32c,
        };
        let mut text = CheckedLines::default();
        text.push(&header)?;
        self.names.iter().try_for_each(|name| text.push(name))?;
        let (text, path) = (text.finish()?, directory.join(MARKER));
        let mut file = fs::File::create_new(&path).context("making", &path)?;
        file.write_all(&text)
            .and_then(|()| file.sync_all())
            .context("writing", &path)
    }

    /// Reads it; `NotFound` if the directory has none.
    pub(super) fn read(directory: &Path) -> Result<Self> {
        let path = directory.join(MARKER);
        let size = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            Ok(_) => {
                return Err(Error::corrupt(
                    path.display().to_string(),
                    "it is no regular file",
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(not_ours(directory)),
            Err(error) => return Err(error).context("looking at", &path),
        };
        let name = path.display().to_string();
        if size > LIMIT_BYTES {
            return Err(Error::corrupt(name, format!("{size} bytes are too many")));
        }
        let text = fs::read(&path).context("reading", &path)?;
        let mut lines = checked_lines::lines(&name, &text)?;
        let header = lines.next().ok_or_else(|| Error::corrupt(&name, "it is empty"))?;
        let header: Header = checked_lines::parse(&name, header)?;
        if header.stonekeep_open != 1 {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("{name} was written by a newer program"),
            ));
        }
        Ok(Marker {
            repository: header.repository,
            backup_id: header.backup_id,
            meta_crc32c: header.meta_crc32c,
            names: lines
                .map(|line| checked_lines::parse(&name, line))
                .collect::<Result<_>>()?,
        })
    }
}

fn not_ours(directory: &Path) -> Error {
    let message = format!(
        "{} is no backup that was opened in place: it has no {MARKER}",
        directory.display()
    );
    Error::not_found(message).with_hint("name the directory that was given to open")
}
