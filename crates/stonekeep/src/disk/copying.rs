//! The loop that writes a stream to a new file.

use std::fs::File;
use std::io::{self, Read, Write};

use super::write_back::WriteBack;

/// On which side a copy failed.
pub(crate) enum Failed {
    Reading(io::Error),
    Writing(io::Error),
}

/// Writes all of `content` to a file behind the bytes that it has, through this buffer; how long the file is then.
pub(crate) fn copy(
    content: &mut dyn Read,
    mut file: &File,
    mut write_back: WriteBack,
    buffer: &mut [u8],
) -> Result<u64, Failed> {
    let mut written = write_back.begun_bytes();
    loop {
        let count = match content.read(buffer) {
            Ok(0) => {
                write_back.wrote_all(file, written);
                return Ok(written);
            }
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failed::Reading(error)),
        };
        let chunk = buffer.get(..count).unwrap_or_default();
        file.write_all(chunk).map_err(Failed::Writing)?;
        written += count as u64;
        write_back.wrote(file, written);
    }
}
