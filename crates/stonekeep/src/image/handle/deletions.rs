//! Keeps RocksDB from deleting files until it is dropped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::live_file::LiveFiles;
use crate::{Clock, Result};

/// File deletions are disabled while this lives, whatever ends it: a return, an error, a panic.
pub(super) struct DeletionsDisabled<'a> {
    files: Arc<dyn LiveFiles + 'a>,
    clock: Arc<dyn Clock>,
    since: Instant,
}

impl<'a> DeletionsDisabled<'a> {
    /// Disables them.
    pub(super) fn new(files: &Arc<dyn LiveFiles + 'a>, clock: &Arc<dyn Clock>) -> Result<Self> {
        files.disable_file_deletions()?;
        Ok(DeletionsDisabled {
            files: Arc::clone(files),
            since: clock.instant(),
            clock: Arc::clone(clock),
        })
    }

    /// For how long they have been.
    pub(super) fn time(&self) -> Duration {
        self.clock.instant().saturating_duration_since(self.since)
    }
}

impl Drop for DeletionsDisabled<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.files.enable_file_deletions() {
            tracing::error!(reason = %error.one_line(), "file deletions could not be enabled again");
        }
    }
}
