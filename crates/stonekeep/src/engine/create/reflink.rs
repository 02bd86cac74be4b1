//! Tables and blobs whose blocks are shared with the database's instead of copied, where the store can do that.
//!
//! The bytes that are stored then are read for their checksum, unless the MANIFEST has one: of such a file only the ends
//! are read, and damage between them that the database's file has already is found when the backup is verified, not
//! when it is made.

use stonekeep_format::Crc32c;

use super::context::Context;
use super::ends::Ends;
use super::plan::shareable;
use super::source::Source;
use crate::engine::transfer::{Meter, Metered};
use crate::image::ImageFile;
use crate::store::{Key, ObjectReader, Staged};
use crate::{Error, Result};

/// Stages a file so; `None` where it has to be copied.
pub(super) fn stage(
    context: &Context<'_>,
    area: &str,
    key: &Key,
    (image, source): (&ImageFile, &Source),
    meter: &Meter<'_>,
) -> Result<Option<(Staged, Crc32c)>> {
    let size_bytes = image.size_bytes;
    if !context.engine.options().reflink || shareable(&image.name).is_none() {
        return Ok(None);
    }
    let Source::File { file, directory, .. } = source else {
        return Ok(None);
    };
    if !directory.may_share_blocks() {
        return Ok(None);
    }
    let Some(staged) = context.store().stage_clone(area, key, file, size_bytes)? else {
        directory.shares_no_blocks();
        return Ok(None);
    };
    let object = context.store().open_staged(&staged)?;
    let ends = Ends::read(object.as_ref()).map_err(|error| Error::io(format!("reading {key}"), error))?;
    context.judge(&ends, image)?;
    if let Some(crc32c) = image.crc32c {
        meter.skip(size_bytes);
        return Ok(Some((staged, crc32c)));
    }
    let mut reader = Metered::new(ObjectReader::new(object.as_ref()), key, size_bytes, meter);
    let crc32c = reader.drain(&mut context.engine.read_buffer())?;
    Ok(Some((staged, crc32c)))
}
