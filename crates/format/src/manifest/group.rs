//! Atomic groups: edits that count together or not at all.

use crate::{FileKind, FormatError, Result};

use super::edit::VersionEdit;

/// Retains edits until their atomic group is complete (`AtomicGroupReadBuffer` in `db/version_set.cc`).
///
/// Each edit of a group says how many follow; a group that the MANIFEST ends in never happened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupBuffer {
    retained: Vec<PlacedEdit>,
    /// How many edits the group still lacks.
    missing: u32,
}

/// An edit with the offset of its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedEdit {
    /// The edit.
    pub edit: VersionEdit,
    /// The offset of its record in the MANIFEST.
    pub offset: u64,
}

impl GroupBuffer {
    /// Takes the next edit and returns those that count now, in order: itself, its complete group, or none yet.
    ///
    /// # Errors
    /// Corrupt when the edits of a group do not count down to 0 without a gap.
    pub fn push(&mut self, edit: VersionEdit, offset: u64) -> Result<Vec<PlacedEdit>> {
        let remaining = edit.atomic_group_remaining;
        if !self.is_empty() && remaining != Some(self.missing - 1) {
            let reason = format!("an atomic group breaks off with {} edits missing", self.missing);
            return Err(FormatError::corrupt(FileKind::Manifest, offset, reason));
        }
        self.missing = remaining.unwrap_or(0);
        self.retained.push(PlacedEdit { edit, offset });
        if self.missing > 0 {
            return Ok(Vec::new());
        }
        Ok(std::mem::take(&mut self.retained))
    }

    /// Whether no edit is retained.
    pub fn is_empty(&self) -> bool {
        self.retained.is_empty()
    }
}
