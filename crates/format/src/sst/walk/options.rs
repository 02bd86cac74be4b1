//! How much memory a walk may use.

/// How a table is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct WalkOptions {
    /// About how many bytes of memory a walk may use, 64 MiB by default. A data block may have an eighth of it, the index and each part of
    /// it three sixteenths, the dictionary a sixteenth; of larger blocks only the checksum is checked, and a finding says so.
    pub memory_bytes: usize,
}

impl Default for WalkOptions {
    fn default() -> Self {
        WalkOptions {
            memory_bytes: 64 << 20,
        }
    }
}

impl WalkOptions {
    /// Sets [`WalkOptions::memory_bytes`].
    #[must_use]
    pub fn with_memory_bytes(mut self, memory_bytes: usize) -> Self {
        self.memory_bytes = memory_bytes;
        self
    }

    pub(super) fn block_bytes(self) -> usize {
        self.memory_bytes / 8
    }

    pub(super) fn index_bytes(self) -> usize {
        self.memory_bytes / 16 * 3
    }

    pub(super) fn dictionary_bytes(self) -> usize {
        self.memory_bytes / 16
    }

    /// What is taken apart into many small values, which need several times as much.
    pub(super) fn properties_bytes(self) -> usize {
        self.memory_bytes / 64
    }
}
