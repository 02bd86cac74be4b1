//! A database whose image is changed before the engine sees it.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use stonekeep::image::{Capture, CaptureHost, Content, DatabaseImage, Directory, ImageFile, ImageSource};
use stonekeep::{Observer, Phase, Progress, Quiet, Result};

/// See the [module](self).
pub(crate) struct Tweaked<F> {
    pub(crate) inner: Directory,
    pub(crate) tweak: F,
}

struct TweakedCapture {
    inner: Box<dyn Capture>,
    image: DatabaseImage,
}

impl Capture for TweakedCapture {
    fn image(&self) -> &DatabaseImage {
        &self.image
    }

    fn confirm(&self) -> Result<()> {
        self.inner.confirm()
    }
}

impl<F: Fn(&mut DatabaseImage) + Send + Sync> ImageSource for Tweaked<F> {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn directories(&self) -> Vec<PathBuf> {
        self.inner.directories()
    }

    /// Tells nothing, so that what an observer hears comes from the engine.
    fn capture(&self, host: &mut dyn CaptureHost, _: &dyn Observer) -> Result<Box<dyn Capture>> {
        let inner = self.inner.capture(host, &Quiet)?;
        let mut image = inner.image().clone();
        (self.tweak)(&mut image);
        Ok(Box::new(TweakedCapture { inner, image }))
    }
}

/// Lets nobody open the tables.
pub(crate) fn poison_tables(image: &mut DatabaseImage) {
    for file in image.files.iter_mut().filter(|file| file.table.is_some()) {
        poison(file);
    }
}

/// Lets nobody open this file.
pub(crate) fn poison(file: &mut ImageFile) {
    file.content = Content::Path("/nobody may open this".into());
}

/// Puts these bytes in the place of a file's.
pub(crate) fn replace(file: &mut ImageFile, bytes: &[u8]) {
    file.size_bytes = bytes.len() as u64;
    file.content = Content::Bytes(bytes.into());
}

/// The file of this name.
pub(crate) fn file<'i>(image: &'i mut DatabaseImage, name: &str) -> &'i mut ImageFile {
    let mut files = image.files.iter_mut();
    files.find(|file| file.name.to_string() == name).unwrap()
}

/// Writes down what it is told.
#[derive(Default)]
pub(crate) struct Told(Mutex<Vec<Progress>>);

impl Told {
    pub(crate) fn of(&self, phase: Phase) -> Vec<Progress> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter()
            .filter(|progress| progress.phase == phase)
            .copied()
            .collect()
    }

    /// Bytes that were read for their checksum alone.
    pub(crate) fn bytes_only_read(&self) -> u64 {
        self.of(Phase::Planning)
            .iter()
            .map(|progress| progress.bytes_total)
            .max()
            .unwrap_or(0)
    }
}

impl Observer for Told {
    fn progressed(&self, progress: &Progress) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(*progress);
    }
}
