//! What is read of a file of the image besides copying it, and why a read may end early.

use stonekeep_format::Crc32c;

use crate::engine::transfer::{Meter, Metered};
use crate::image::{ImageFile, SourceFiles};
use crate::{Error, Result};

/// The checksum of a file of the database, read for nothing else.
pub(super) fn checksum(
    image: &ImageFile,
    sources: &SourceFiles,
    buffer: &mut [u8],
    meter: &Meter<'_>,
) -> Result<Crc32c> {
    let source = sources.open(image)?;
    let mut source = Metered::new(source.into_reader(), image, image.size_bytes, meter);
    let crc32c = source.drain(buffer);
    let crc32c = crc32c.map_err(|error| explain_short_source(error, image))?;
    meter.file_done();
    Ok(crc32c)
}

/// A file that ended early shrank while it was copied; that is not a failing disk.
pub(super) fn explain_short_source(error: Error, image: &ImageFile) -> Error {
    match error.io_kind() {
        Some(std::io::ErrorKind::UnexpectedEof) => {
            let message = format!("{} became shorter while it was copied", image.name);
            Error::source_changed(message)
                .with_hint("a process has the database open: back it up again")
                .with_source(error)
        }
        _ => error,
    }
}
