//! What a verification takes from earlier ones, and leaves for later ones.

use super::options::VerifyOptions;
use super::report::VerifyLevel;
use crate::Error;
use crate::engine::BackupEngineReadOnly;
use crate::repo::verified::Recorder;

/// The stamps of earlier verifications and of this one, if they are kept.
pub(super) enum Memory<'a> {
    /// Nobody wants it.
    Unwanted,
    /// It cannot be had; why.
    Lost(String),
    Kept(Box<Recorder<'a>>),
}

impl<'a> Memory<'a> {
    /// Reads the stamps. If they cannot be read, backups can be verified all the same.
    pub(super) fn begin(engine: &'a BackupEngineReadOnly, options: &VerifyOptions) -> Self {
        if !options.stamps || options.level == VerifyLevel::Size {
            return Memory::Unwanted;
        }
        if !engine.store().traits().lists {
            return Memory::Lost("the repository cannot be written".to_owned());
        }
        match Recorder::begin(engine.store(), engine.clock.as_ref(), engine.durability()) {
            Ok(recorder) => Memory::Kept(Box::new(recorder)),
            Err(error) => Memory::Lost(error.one_line()),
        }
    }

    pub(super) fn recorder(&self) -> Option<&Recorder<'a>> {
        match self {
            Memory::Kept(recorder) => Some(recorder),
            Memory::Unwanted | Memory::Lost(_) => None,
        }
    }

    /// Writes what this run adds; the reason if that cannot be.
    pub(super) fn finish(self) -> Option<String> {
        match self {
            Memory::Unwanted => None,
            Memory::Lost(reason) => Some(reason),
            Memory::Kept(recorder) => recorder.finish().err().map(|error: Error| error.one_line()),
        }
    }
}
