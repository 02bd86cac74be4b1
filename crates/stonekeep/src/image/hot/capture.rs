//! The image of a database that is being written, with the files that keep it readable.

use std::path::PathBuf;

use stonekeep_format::options::CaptureOptions;

use crate::image::assembly::Parts;
use crate::image::listing::Listing;
use crate::image::pinned::Pinned;
use crate::image::unnamed_blobs::UnnamedBlobs;
use crate::image::{Capture, DatabaseImage};
use crate::{Observer, Result};

/// See the [module](self).
#[derive(Debug)]
pub(in crate::image) struct HotCapture {
    image: DatabaseImage,
    /// The open files, each with the number of bytes that count.
    pins: Vec<Pinned>,
}

impl HotCapture {
    /// Puts the image together. `pins` are the open tables and blobs. Blob files in `data_paths` that the MANIFEST does not
    /// name become part of the image if tables, or WALs of a database with `settings`, may point into them.
    pub(in crate::image) fn new(
        mut parts: Parts<'_>,
        mut pins: Vec<Pinned>,
        settings: &CaptureOptions,
        data_paths: &[PathBuf],
        observer: &dyn Observer,
    ) -> Result<Self> {
        let blobs = UnnamedBlobs::of(&parts.manifest.state);
        let blobs = blobs.and_of_wals(!settings.blob_direct_write.is_empty());
        let mut directories = Vec::new();
        if blobs.may_exist() {
            for path in data_paths {
                directories.extend(Listing::of(path)?);
            }
        }
        let named = &mut parts.live_files.files;
        let (unnamed, held) = blobs.held(&directories, named, &mut parts.diagnostics)?;
        named.extend(unnamed);
        pins.extend(held);
        pins.push(parts.manifest.file.with_size(parts.manifest.applied_bytes));
        pins.extend(parts.wals.pins());
        let image = parts.into_image(observer)?;
        Ok(HotCapture { image, pins })
    }
}

impl Capture for HotCapture {
    fn image(&self) -> &DatabaseImage {
        &self.image
    }

    fn confirm(&self) -> Result<()> {
        for pin in &self.pins {
            if pin.length()? < pin.size_bytes {
                return Err(pin.became_shorter());
            }
        }
        Ok(())
    }
}
