//! What an engine works with that is no setting: the clock, rate limiters to share, the caller's callback.

use std::fmt;
use std::sync::Arc;

use super::rate_limiter::RateLimiter;
use crate::{Clock, SystemClock};

/// A file as it is offered to the exclude callback of [`Components`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MaybeExclude {
    /// The path that the file would have in the repository.
    pub path: String,
    /// Its length.
    pub size_bytes: u64,
}

/// Decides which files that are not stored yet the backup excludes (`exclude_files_callback`): an answer for each file.
pub type ExcludeFilesCallback =
    dyn Fn(&[MaybeExclude]) -> std::result::Result<Vec<bool>, String> + Send + Sync;

/// The parts of an engine that are no settings, for `with_components`. The default is the machine's clock, limiters of the
/// engine's own with the rates of its options, and no callback.
#[derive(Clone)]
#[non_exhaustive]
pub struct Components {
    /// The source of time.
    pub clock: Arc<dyn Clock>,
    /// Limits backups in place of the option `backup_rate_limit`; engines may share it.
    pub backup_rate_limiter: Option<Arc<RateLimiter>>,
    /// Limits restores in place of the option `restore_rate_limit`; engines may share it.
    pub restore_rate_limiter: Option<Arc<RateLimiter>>,
    /// Limits verifications in place of the option `verify_rate_limit`; engines may share it.
    pub verify_rate_limiter: Option<Arc<RateLimiter>>,
    /// Excludes files from new backups (`CreateBackupOptions::exclude_files_callback`). Needs schema 2.
    pub exclude_files_callback: Option<Arc<ExcludeFilesCallback>>,
}

impl Default for Components {
    fn default() -> Self {
        Components {
            clock: Arc::new(SystemClock),
            backup_rate_limiter: None,
            restore_rate_limiter: None,
            verify_rate_limiter: None,
            exclude_files_callback: None,
        }
    }
}

impl Components {
    /// Sets the clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the limiter of backups.
    #[must_use]
    pub fn with_backup_rate_limiter(mut self, limiter: Arc<RateLimiter>) -> Self {
        self.backup_rate_limiter = Some(limiter);
        self
    }

    /// Sets the limiter of restores.
    #[must_use]
    pub fn with_restore_rate_limiter(mut self, limiter: Arc<RateLimiter>) -> Self {
        self.restore_rate_limiter = Some(limiter);
        self
    }

    /// Sets the limiter of verifications.
    #[must_use]
    pub fn with_verify_rate_limiter(mut self, limiter: Arc<RateLimiter>) -> Self {
        self.verify_rate_limiter = Some(limiter);
        self
    }

    /// Sets the callback that excludes files.
    #[must_use]
    pub fn with_exclude_files_callback(
        mut self,
        callback: impl Fn(&[MaybeExclude]) -> std::result::Result<Vec<bool>, String> + Send + Sync + 'static,
    ) -> Self {
        self.exclude_files_callback = Some(Arc::new(callback));
        self
    }
}

impl fmt::Debug for Components {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Components")
            .field("clock", &self.clock)
            .field("backup_rate_limiter", &self.backup_rate_limiter)
            .field("restore_rate_limiter", &self.restore_rate_limiter)
            .field("verify_rate_limiter", &self.verify_rate_limiter)
            .field("exclude_files_callback", &self.exclude_files_callback.is_some())
            .finish()
    }
}
