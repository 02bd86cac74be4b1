//! What a deep verification found in files.

use crate::engine::deep::{DamagedPart, Deep};

/// What is in the tables, blob files and WALs that were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct VerifiedContents {
    /// How many files were looked into.
    pub files: u64,
    /// Their blocks, batches and blobs.
    pub parts: u64,
    /// The entries of those, and the keys that batches write.
    pub entries: u64,
    /// The damaged ones, in the order of their names.
    pub damaged: Vec<DamagedContents>,
    /// Those of which something could not be checked, and may be right.
    pub unchecked: Vec<UncheckedContents>,
}

/// A file with damaged parts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DamagedContents {
    /// The path in the repository.
    pub file: String,
    /// The first of its damaged parts.
    pub parts: Vec<DamagedPart>,
    /// How many more there are.
    pub more_parts: u64,
}

/// A file that was not checked completely.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct UncheckedContents {
    /// The path in the repository.
    pub file: String,
    /// What was not checked, and why.
    pub reasons: Vec<String>,
}

impl VerifiedContents {
    /// Adds what was found in a file.
    pub(super) fn add(&mut self, file: &str, deep: Deep) {
        self.files += 1;
        self.parts += deep.parts;
        self.entries += deep.entries;
        let file = || file.to_owned();
        if !deep.damaged.is_empty() {
            self.damaged.push(DamagedContents {
                file: file(),
                parts: deep.damaged,
                more_parts: deep.more_damaged,
            });
        }
        if !deep.unchecked.is_empty() {
            self.unchecked.push(UncheckedContents {
                file: file(),
                reasons: deep.unchecked,
            });
        }
    }
}
