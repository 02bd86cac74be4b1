//! Reading the files of an image.

use std::fs::File;
use std::io::{Cursor, Read};
use std::sync::Arc;

use stonekeep_format::Crc32c;

use crate::engine::transfer::{Meter, Metered};
use crate::image::{Content, ImageFile};
use crate::store::FileReader;
use crate::{Error, IoContext, Result};

/// The checksum of a file of the database, read for nothing else.
pub(super) fn checksum(image: &ImageFile, buffer: &mut [u8], meter: &Meter<'_>) -> Result<Crc32c> {
    let mut source = Metered::new(open(&image.content)?, image.size_bytes, meter);
    let crc32c = source.drain(buffer);
    let crc32c = crc32c.map_err(|error| Error::io(format!("reading {}", image.name), error));
    let crc32c = crc32c.map_err(|error| meter.explain(explain_short_source(error, image)))?;
    meter.file_done();
    Ok(crc32c)
}

/// The bytes of a file of the image, from the first one.
pub(super) fn open(content: &Content) -> Result<Box<dyn Read>> {
    Ok(match content {
        Content::Path(path) => {
            let file = File::open(path).context("opening", path)?;
            Box::new(FileReader::new(Arc::new(file)))
        }
        Content::Open { file, .. } => Box::new(FileReader::new(Arc::clone(file))),
        Content::Bytes(bytes) => Box::new(Cursor::new(Arc::clone(bytes))),
    })
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
