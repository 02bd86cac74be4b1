//! RocksDB's answer with the state that it stands for.

use super::answer::Answer;
use super::{Memtables, OpenDatabase};
use crate::image::manifest::Manifest;
use crate::{Error, ErrorKind, Observer, Result};

/// A MANIFEST that RocksDB names may be gone before it is opened, unless deletions are disabled.
const LOOKS: u32 = 10;

/// See the [module](self).
pub(super) struct Told {
    pub(super) answer: Answer,
    /// The MANIFEST, up to the size that RocksDB told.
    pub(super) manifest: Manifest,
}

/// Whom to ask, and how.
#[derive(Clone, Copy)]
pub(super) struct Asking<'s, 'a> {
    pub(super) source: &'s OpenDatabase<'a>,
    /// Whether memtables may be flushed.
    pub(super) may_flush: bool,
    pub(super) observer: &'s dyn Observer,
}

impl Told {
    /// Asks for the first time.
    ///
    /// # Errors
    /// Those of RocksDB; `Corrupt` if its MANIFEST is damaged.
    pub(super) fn first(asking: Asking<'_, '_>, memtables: Memtables) -> Result<Told> {
        for _ in 0..LOOKS {
            if asking.observer.should_stop() {
                return Err(Error::stopped());
            }
            let answer = asking.answer(memtables)?;
            let (number, told) = &answer.manifest;
            if let Some(mut manifest) = Manifest::open(*number, &told.path)? {
                manifest.read_to(told.size_bytes, asking.observer)?;
                return Ok(Told { answer, manifest });
            }
        }
        let directory = asking.source.directory.display();
        let message = format!("the MANIFEST of {directory} vanished each time that it was looked for");
        Err(Error::source_changed(message))
    }

    /// Asks again, and reads on.
    ///
    /// # Errors
    /// As [`Self::first`].
    pub(super) fn again(&mut self, asking: Asking<'_, '_>) -> Result<()> {
        let answer = asking.answer(Memtables::Keep)?;
        let (number, told) = &answer.manifest;
        if *number != self.manifest.number {
            *self = Told::first(asking, Memtables::Keep)?;
            return Ok(());
        }
        self.manifest.read_to(told.size_bytes, asking.observer)?;
        self.answer = answer;
        Ok(())
    }
}

impl Asking<'_, '_> {
    /// Some databases tell their files only after a flush (`enable_blob_direct_write`).
    fn answer(&self, memtables: Memtables) -> Result<Answer> {
        let files = self.source.files.as_ref();
        match Answer::of(files, memtables) {
            Err(error) if error.kind() == ErrorKind::Unsupported && memtables == Memtables::Keep => {
                match self.may_flush {
                    true => Answer::of(files, Memtables::Flush),
                    false => Err(error.with_hint("back up with flush_before_backup")),
                }
            }
            answer => answer,
        }
    }
}
