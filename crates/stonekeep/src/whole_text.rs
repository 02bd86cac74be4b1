//! Reads texts of lines as a whole: records, OPTIONS files.

use std::fmt::Display;
use std::io;

use stonekeep_format::{EndlessLine, WholeText};

use crate::{Error, Result};

/// How much is read at a time.
const PIECE_BYTES: usize = 256 << 10;

/// Adds the first `size_bytes` of something to a text, fewer if it ends before. The name is for messages.
///
/// # Errors
/// `Corrupt` as soon as a line is too long, and those of reading.
pub(crate) fn read(
    mut text: WholeText,
    name: &dyn Display,
    size_bytes: u64,
    read_at: &mut dyn FnMut(&mut [u8], u64) -> io::Result<usize>,
) -> Result<Vec<u8>> {
    let most = usize::try_from(size_bytes).map_or(PIECE_BYTES, |size| size.min(PIECE_BYTES));
    let (mut buffer, mut offset) = (vec![0; most], 0);
    while offset < size_bytes {
        let left = usize::try_from(size_bytes - offset).unwrap_or(usize::MAX);
        let room = buffer.get_mut(..left.min(most)).unwrap_or_default();
        match read_at(room, offset) {
            Ok(0) => break,
            Ok(count) => {
                let piece = room.get(..count).unwrap_or_default();
                text.push(piece).map_err(|endless| endless_line(name, endless))?;
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io(format!("reading {name}"), error)),
        }
    }
    Ok(text.into_bytes())
}

/// The error about what is no text of lines.
pub(crate) fn endless_line(name: &dyn Display, endless: EndlessLine) -> Error {
    Error::corrupt(name.to_string(), endless.to_string())
}
