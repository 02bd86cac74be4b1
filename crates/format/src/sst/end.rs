//! The end of a table file: whether its last bytes can be those of a table.

use super::footer::{Footer, MAX_FOOTER_LEN};
use crate::checksum::ChecksumType;
use crate::coding::Reader;
use crate::{FileKind, FormatError, Result};

const MAGIC_LEN: usize = 8;

/// What the last bytes of a table file say.
///
/// Exhaustive: each end of a file is one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableEnd {
    /// The footer of a format that RocksDB itself has.
    Footer(Footer),
    /// Another magic number, not zero: a table factory of the application may have written the file.
    UnknownMagic(u64),
    /// A known magic number with a version, or a feature, that is not known.
    Newer(FormatError),
}

impl TableEnd {
    /// How many of a file's last bytes [`Self::decode`] looks at.
    pub const LEN: usize = MAX_FOOTER_LEN;

    /// Judges a file of `file_size` bytes by `tail`, its last [`Self::LEN`] bytes, or all of a smaller file.
    ///
    /// # Errors
    /// If no table ends so: with zeros, or with a footer that contradicts itself.
    pub fn decode(tail: &[u8], file_size: u64) -> Result<Self> {
        let magic_at = file_size.saturating_sub(MAGIC_LEN as u64);
        let (_, magic) = tail.split_at(tail.len().saturating_sub(MAGIC_LEN));
        let magic = Reader::new(FileKind::Table, magic_at, magic).fixed64();
        let magic = magic.map_err(|_| {
            let reason = format!("{file_size} bytes are too few for a table");
            FormatError::corrupt(FileKind::Table, 0, reason)
        })?;
        if magic == 0 {
            let reason = "it ends in zeros, where a table has its footer";
            return Err(FormatError::corrupt(FileKind::Table, magic_at, reason));
        }
        if !Footer::is_known_magic(magic) {
            return Ok(TableEnd::UnknownMagic(magic));
        }
        match Footer::decode(tail, file_size) {
            Ok(footer) => Ok(TableEnd::Footer(footer)),
            Err(error) if error.is_unsupported() && has_checksum_type(tail) => Ok(TableEnd::Newer(error)),
            Err(error) => Err(error),
        }
    }
}

/// Whether a footer, which is no legacy one, has a checksum type that is known. RocksDB calls any other number damage
/// (`Footer::DecodeFrom`, `table/format.cc`).
fn has_checksum_type(tail: &[u8]) -> bool {
    let number = tail.len().checked_sub(MAX_FOOTER_LEN).and_then(|at| tail.get(at));
    number.is_some_and(|number| ChecksumType::from_number(*number).is_some())
}
