//! Keeps RocksDB from deleting files until it is dropped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::live_file::LiveFiles;
use crate::{Clock, Result, SystemClock};

/// File deletions are disabled while this lives, whatever ends it: a return, an error, a panic.
pub(super) struct DeletionsDisabled<'a> {
    files: Arc<dyn LiveFiles + 'a>,
    since: Instant,
}

impl<'a> DeletionsDisabled<'a> {
    /// Disables them.
    pub(super) fn new(files: &Arc<dyn LiveFiles + 'a>) -> Result<Self> {
        files.disable_file_deletions()?;
        Ok(DeletionsDisabled {
            files: Arc::clone(files),
            since: SystemClock.instant(),
        })
    }

    /// For how long they have been.
    pub(super) fn time(&self) -> Duration {
        SystemClock.instant().saturating_duration_since(self.since)
    }
}

impl Drop for DeletionsDisabled<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.files.enable_file_deletions() {
            tracing::error!(reason = %error.one_line(), "file deletions could not be enabled again");
        }
    }
}
