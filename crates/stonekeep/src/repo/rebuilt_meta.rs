//! A meta file that is damaged, written once more from the facts of its backup.
//!
//! The facts list all files with their checksums, and what stands before them in the meta file ([`head`]). They also have the
//! length and the checksum of the meta file, so that a text is known to be the lost one. Facts of earlier versions do not have
//! that head: then the damaged file must still begin with it. Files that are excluded or have a temperature are more than the facts
//! say, so that such a meta file is not written again.

use std::io::{Read, Write};

use stonekeep_format::backup_meta::APP_METADATA_LIMIT_BYTES;
use stonekeep_format::{BackupId, Crc32c};

use super::facts::BackupFacts;
use super::facts_reader::read_each;
use super::layout;
use crate::store::{ObjectReader, Store};
use crate::{Error, ErrorKind, Result};

/// A longer head is not kept in the facts: it has large metadata of the application.
const HEAD_LIMIT_BYTES: usize = 4 << 10;
/// What engines write before the files takes no more: the application's metadata, in two digits for each byte, and some numbers.
const LONGEST_HEAD_BYTES: u64 = 2 * APP_METADATA_LIMIT_BYTES as u64 + 1024;

/// What stands in a meta file before its first file, for the facts; `None` if that is too long.
pub(crate) fn head(meta: &[u8]) -> Option<String> {
    let mut length = 0;
    for line in meta.split_inclusive(|byte| *byte == b'\n') {
        // Only the path of a file begins so.
        if line.starts_with(b"shared") || line.starts_with(b"private/") {
            break;
        }
        length += line.len();
    }
    let head = meta.get(..length).filter(|head| head.len() <= HEAD_LIMIT_BYTES)?;
    String::from_utf8(head.to_vec()).ok()
}

/// The text that the meta file of this backup had; `None` if the facts do not tell it.
///
/// # Errors
/// I/O errors of the store.
pub(crate) fn rebuilt(store: &Store, id: BackupId) -> Result<Option<Vec<u8>>> {
    let mut files = Vec::new();
    let facts = read_each(store, id, &mut |file| {
        // Writing to a `Vec` does not fail.
        let _ = writeln!(files, "{} crc32 {}", file.path, file.crc32c);
    })?;
    let Some(facts) = facts else { return Ok(None) };
    if let Some(head) = &facts.meta_head {
        let text = [head.as_bytes(), &files].concat();
        return Ok(Some(text).filter(|text| facts.are_of_meta(id, text)));
    }
    let head_bytes = facts.meta_size_bytes.saturating_sub(files.len() as u64);
    let mut text = begin(store, id, head_bytes.min(LONGEST_HEAD_BYTES))?;
    text.append(&mut files);
    Ok(Some(text).filter(|text| facts.are_of_meta(id, text)))
}

/// So many bytes of the damaged meta file, or all that it has.
fn begin(store: &Store, id: BackupId, bytes: u64) -> Result<Vec<u8>> {
    let (key, mut begin) = (layout::meta(id), Vec::new());
    match store.open(&key) {
        Ok(object) => {
            let read = ObjectReader::new(object.as_ref())
                .take(bytes)
                .read_to_end(&mut begin);
            read.map_err(|error| Error::of_reading(error, || format!("reading {key}")))?;
        }
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) => {}
        Err(error) => return Err(error),
    }
    Ok(begin)
}

impl BackupFacts {
    /// Whether this is the content of the meta file that the facts belong to.
    fn are_of_meta(&self, id: BackupId, text: &[u8]) -> bool {
        self.belong_to(id, Crc32c(crc32c::crc32c(text)), text.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_ends_before_the_first_file() {
        for (meta, expected) in [
            (
                "1735689600\n4711\n2\nprivate/1/CURRENT crc32 1\nx",
                Some("1735689600\n4711\n2\n"),
            ),
            (
                "1\n2\nmetadata 6162\n1\nshared_checksum/000008_s_1.sst crc32 1\n",
                Some("1\n2\nmetadata 6162\n1\n"),
            ),
            (
                "schema_version 2.1\n1\n2\n1\nshared/000008.sst crc32 1\n",
                Some("schema_version 2.1\n1\n2\n1\n"),
            ),
            ("1\n2\n0\n", Some("1\n2\n0\n")),
        ] {
            assert_eq!(head(meta.as_bytes()).as_deref(), expected);
        }
        let long = format!("1\n2\nmetadata {}\n0\n", "61".repeat(HEAD_LIMIT_BYTES));
        assert_eq!(head(long.as_bytes()), None);
    }
}
