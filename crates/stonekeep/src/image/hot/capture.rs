//! The image of a database that is being written, with the files that keep it readable.

use crate::Result;
use crate::image::pinned::Pinned;
use crate::image::{Capture, DatabaseImage};

/// See the [module](self).
#[derive(Debug)]
pub(in crate::image) struct HotCapture {
    pub(in crate::image) image: DatabaseImage,
    /// The open files, each with the number of bytes that count.
    pub(in crate::image) pins: Vec<Pinned>,
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
