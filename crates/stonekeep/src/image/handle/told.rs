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
            if let Some(told) = Told::of(asking.answer(memtables)?, asking.observer)? {
                return Ok(told);
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
        if *number == self.manifest.number {
            self.manifest.read_to(told.size_bytes, asking.observer)?;
            self.answer = answer;
            return Ok(());
        }
        *self = match Told::of(answer, asking.observer)? {
            Some(told) => told,
            None => Told::first(asking, Memtables::Keep)?,
        };
        Ok(())
    }

    /// This answer; `None` if the MANIFEST that it names is gone.
    fn of(answer: Answer, observer: &dyn Observer) -> Result<Option<Told>> {
        let (number, told) = &answer.manifest;
        let Some(mut manifest) = Manifest::open(*number, &told.path)? else {
            return Ok(None);
        };
        manifest.read_to(told.size_bytes, observer)?;
        Ok(Some(Told { answer, manifest }))
    }
}

impl Asking<'_, '_> {
    /// Some databases tell their files only after a flush (`enable_blob_direct_write`).
    fn answer(&self, memtables: Memtables) -> Result<Answer> {
        let files = self.source.files.as_ref();
        match Answer::of(files, memtables) {
            Err(error) if error.kind() == ErrorKind::Unsupported && memtables == Memtables::Keep => {
                if self.may_flush {
                    Answer::of(files, Memtables::Flush)
                } else {
                    Err(error.with_hint("back up with flush_before_backup"))
                }
            }
            answer => answer,
        }
    }
}
