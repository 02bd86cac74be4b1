//! The first and the last bytes of a table or blob, kept while it is read, and what they say of the file.

use std::io::{self, Read};

use stonekeep_format::blob::{BlobFileFooter, BlobFileHeader, FOOTER_LEN, HEADER_LEN};
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::TableIdentity;
use stonekeep_format::sst::{self, ReadError, TableEnd};
use stonekeep_format::unique_id::UniqueId;
use stonekeep_format::{FileKind, FormatError, Problem};

use crate::image::ImageFile;
use crate::store::Object;
use crate::{Error, Result};

/// How many of the first bytes are kept: a blob file's header.
const FIRST_LEN: usize = HEADER_LEN;
/// How many of the last bytes are kept: footer, metaindex and properties of nearly every table are in its last two pages,
/// which is also what [`sst::read_properties`] reads first.
const LAST_LEN: usize = 8192;

/// Reads a file of known length, and keeps its ends.
pub(super) struct Reader<R> {
    inner: R,
    offset: u64,
    ends: Ends,
}

/// The ends of a file.
pub(super) struct Ends {
    size_bytes: u64,
    first: Vec<u8>,
    last: Vec<u8>,
}

impl<R> Reader<R> {
    /// Keeps the ends of the `size_bytes` that are read from `inner`.
    pub(super) fn new(inner: R, size_bytes: u64) -> Self {
        let ends = Ends {
            size_bytes,
            first: Vec::with_capacity(FIRST_LEN),
            last: Vec::with_capacity(LAST_LEN.min(usize::try_from(size_bytes).unwrap_or(LAST_LEN))),
        };
        Reader {
            inner,
            offset: 0,
            ends,
        }
    }

    /// What is read from.
    pub(super) fn source(&self) -> &R {
        &self.inner
    }

    /// What was read from, and the ends of what was read.
    pub(super) fn into_parts(self) -> (R, Ends) {
        (self.inner, self.ends)
    }

    fn keep(&mut self, piece: &[u8]) {
        let missing = FIRST_LEN.saturating_sub(self.ends.first.len());
        if missing > 0 {
            let first = piece.get(..missing).unwrap_or(piece);
            self.ends.first.extend_from_slice(first);
        }
        let last_begins = last_begins(self.ends.size_bytes);
        let end = self.offset + piece.len() as u64;
        if end > last_begins {
            let skipped = usize::try_from(last_begins.saturating_sub(self.offset)).unwrap_or(usize::MAX);
            let last = piece.get(skipped..).unwrap_or_default();
            self.ends.last.extend_from_slice(last);
        }
        self.offset = end;
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.keep(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

impl Ends {
    /// Reads the ends alone of a file that is staged.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn read(object: &dyn Object) -> io::Result<Self> {
        let size_bytes = object.size_bytes();
        Ok(Ends {
            size_bytes,
            first: read_at(object, 0, FIRST_LEN)?,
            last: read_at(object, last_begins(size_bytes), LAST_LEN)?,
        })
    }

    /// Whether the file can be of the kind of its name. The reason to take its format for an unknown one is returned; other
    /// files than tables and blobs are not judged.
    ///
    /// # Errors
    /// `Corrupt` with the database's file if no table or blob file has such ends.
    pub(super) fn judge(&self, image: &ImageFile) -> Result<Option<String>> {
        let judged = match image.name {
            DbFileName::Table { .. } => self.judge_table(image.table.as_ref()),
            DbFileName::Blob(_) => self.judge_blob(image.in_manifest),
            _ => Ok(None),
        };
        judged.map_err(|error| damaged(image, &error))
    }

    fn judge_table(&self, named: Option<&TableIdentity>) -> stonekeep_format::Result<Option<String>> {
        let from = self.last.len().saturating_sub(TableEnd::LEN);
        let tail = self.last.get(from..).unwrap_or_default();
        match TableEnd::decode(tail, self.size_bytes)? {
            TableEnd::UnknownMagic(magic) => Ok(Some(format!(
                "no format of RocksDB has the magic number {magic:#018x}"
            ))),
            TableEnd::Newer(error) => Ok(Some(error.reason().to_owned())),
            TableEnd::Footer(footer) => {
                let unique_id = named.and_then(|named| named.unique_id);
                unique_id.map_or(Ok(()), |id| self.compare_unique_id(id, footer.offset))?;
                Ok(None)
            }
        }
    }

    /// Whether it is the table that the MANIFEST means, and not the bytes of another one: RocksDB does not open such a table
    /// either (`verify_sst_unique_id_in_manifest`). Properties that begin before what was kept are not compared.
    fn compare_unique_id(&self, wanted: UniqueId, footer_at: u64) -> stonekeep_format::Result<()> {
        let begin = self.size_bytes.saturating_sub(self.last.len() as u64);
        let mut read = |offset: u64, length: usize| {
            let at = offset.checked_sub(begin).and_then(|at| usize::try_from(at).ok());
            let bytes = at.and_then(|at| self.last.get(at..at.checked_add(length)?));
            bytes
                .map(<[u8]>::to_vec)
                .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
        };
        let properties = match sst::read_properties(self.size_bytes, &mut read) {
            Ok(properties) => properties,
            Err(ReadError::Format(error)) if !error.is_unsupported() => return Err(error),
            Err(_) => return Ok(()),
        };
        let found = properties.unique_id().filter(|id| !id.is_null());
        match found {
            Some(found) if found != wanted => {
                let reason = "by its unique id it is another table than the MANIFEST names";
                Err(FormatError::corrupt(FileKind::Table, footer_at, reason))
            }
            _ => Ok(()),
        }
    }

    /// RocksDB finishes a blob file before the MANIFEST names it (`BlobFileBuilder::CloseBlobFile`,
    /// `db/blob/blob_file_builder.cc`). One that no MANIFEST names may have been begun only.
    fn judge_blob(&self, is_finished: bool) -> stonekeep_format::Result<Option<String>> {
        if !is_finished && self.first.len() < HEADER_LEN {
            return Ok(None);
        }
        let header = BlobFileHeader::decode(&self.first);
        let judged = header.and_then(|_| {
            if is_finished {
                let from = self.last.len().saturating_sub(FOOTER_LEN);
                let footer = self.last.get(from..).unwrap_or_default();
                BlobFileFooter::decode(self.size_bytes.saturating_sub(FOOTER_LEN as u64), footer).map(drop)
            } else {
                Ok(())
            }
        });
        match judged {
            Ok(()) => Ok(None),
            Err(error) if error.is_unsupported() => Ok(Some(reason_of(error))),
            Err(error) => Err(error),
        }
    }
}

fn last_begins(size_bytes: u64) -> u64 {
    size_bytes.saturating_sub(LAST_LEN as u64)
}

/// So many bytes from there on, or all that there are.
fn read_at(object: &dyn Object, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let (mut bytes, mut done) = (vec![0; length], 0);
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match object.read_at(rest, offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}

fn reason_of(error: FormatError) -> String {
    match error.problem {
        Problem::Unsupported(reason) => format!("unknown {reason}"),
        _ => error.to_string(),
    }
}

fn damaged(image: &ImageFile, error: &FormatError) -> Error {
    let path = image.path().map(|path| path.display().to_string());
    Error::corrupt(path.unwrap_or_else(|| image.name.to_string()), error.to_string()).with_hint(
        "the database's own file is damaged, and nothing was backed up: restore an earlier backup, or repair the database",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes in pieces of this size.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(buffer.len());
            self.0.read(buffer.get_mut(..count).unwrap())
        }
    }

    #[test]
    fn the_ends_are_kept_however_a_file_is_read() {
        let file: Vec<u8> = (0..20_000_u32).map(|n| (n % 251) as u8).collect();
        for size in [0, 1, 29, 30, 31, 8191, 8192, 8193, 8222, 8223, 20_000] {
            let file = file.get(..size).unwrap();
            for piece in [1, 7, 30, 4096, 8192, 20_000] {
                let mut reader = Reader::new(Pieces(file, piece), size as u64);
                let mut read = Vec::new();
                reader.read_to_end(&mut read).unwrap();
                assert_eq!(read, file);
                let ends = reader.into_parts().1;
                assert_eq!(ends.first, file[..size.min(FIRST_LEN)], "{size} by {piece}");
                assert_eq!(
                    ends.last,
                    file[size.saturating_sub(LAST_LEN)..],
                    "{size} by {piece}"
                );
            }
        }
    }
}
