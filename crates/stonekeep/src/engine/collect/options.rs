//! The options of a deletion.

use std::time::Duration;

/// How backups are deleted.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
#[non_exhaustive]
pub struct DeleteOptions {
    /// How long the files stay, so that the backups can be undeleted; `None` removes them at once. Of a backup that was deleted
    /// before it counts from now on.
    pub undelete_for: Option<Duration>,
}

impl DeleteOptions {
    /// Sets [`Self::undelete_for`].
    #[must_use]
    pub fn with_undelete_for(mut self, undelete_for: impl Into<Option<Duration>>) -> Self {
        self.undelete_for = undelete_for.into();
        self
    }
}
