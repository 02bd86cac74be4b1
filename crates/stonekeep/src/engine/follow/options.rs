//! How a database is followed.

use std::time::Duration;

use crate::engine::CreateBackupOptions;
use crate::engine::options::with;
pub use crate::image::follow::Looking;

/// The options of [`BackupEngine::follow`](crate::engine::BackupEngine::follow).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FollowOptions {
    /// How long what is written may wait for its segment. Default: a second.
    pub interval: Duration,
    /// A base is made anew when the newest one is as old as this. Default: 24 hours; `None`: never for its age.
    pub base_every: Option<Duration>,
    /// A base is made anew when the WALs have got so many bytes since the newest one. Default: 64 GiB; `None`: never for that.
    pub base_after_bytes: Option<u64>,
    /// How new WALs are noticed.
    pub looking: Looking,
    /// The options of the backups that are bases.
    pub base: CreateBackupOptions,
}

impl Default for FollowOptions {
    fn default() -> Self {
        FollowOptions {
            interval: Duration::from_secs(1),
            base_every: Some(Duration::from_secs(24 * 60 * 60)),
            base_after_bytes: Some(64 << 30),
            looking: Looking::default(),
            base: CreateBackupOptions::default(),
        }
    }
}

with!(FollowOptions:
    /// Sets [`Self::interval`].
    with_interval(interval: Duration),
    /// Sets [`Self::base_every`].
    with_base_every(base_every: impl Into<Option<Duration>>),
    /// Sets [`Self::base_after_bytes`].
    with_base_after_bytes(base_after_bytes: impl Into<Option<u64>>),
    /// Sets [`Self::looking`].
    with_looking(looking: Looking),
    /// Sets [`Self::base`].
    with_base(base: CreateBackupOptions),
);
