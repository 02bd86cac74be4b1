//! A staging area of the run's own: what lies in those of killed runs is neither replaced nor mixed up.

use std::collections::HashSet;

use stonekeep_format::BackupId;

use super::identity::Identity;
use crate::engine::transfer::Amount;
use crate::repo::partial::{self, PartialEntry};
use crate::store::{Key, Leftover, Store, Upload};
use crate::{Error, Result};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Area {
    pub(super) name: String,
    /// How many parts its journal has.
    pub(super) chunks: usize,
    /// Files and bytes that have been copied into it.
    pub(super) copied: Amount,
    /// The serial number of its last record of files that are copied in part.
    pub(super) partial_serial: u64,
    /// Files that killed runs have copied in part, in their areas.
    partials: Vec<(Upload, PartialEntry)>,
}

impl Area {
    /// One that there is not yet, beside these.
    pub(super) fn new(store: &Store, id: BackupId, leftovers: &[Leftover]) -> Result<Area> {
        let names = (1u64..).map(|n| match n {
            1 => id.to_string(),
            n => format!("{id}-{n}"),
        });
        let mut free = names.filter(|name| leftovers.iter().all(|leftover| leftover.run != *name));
        let mut partials = Vec::new();
        for leftover in leftovers {
            partials.extend(partial::read(store, leftover)?);
        }
        // What several runs have of one file: the most comes last.
        partials.sort_by_key(|(_, entry)| entry.size_bytes);
        let name = free.next();
        Ok(Area {
            name: name.ok_or_else(|| Error::refused("no name is left for a staging area"))?,
            chunks: 0,
            copied: Amount::default(),
            partial_serial: 0,
            partials,
        })
    }

    /// This area and those of killed runs with files that are copied in part.
    pub(super) fn with_partials(&self) -> HashSet<String> {
        let partials = self.partials.iter().map(|(staged, _)| staged.run.clone());
        partials.chain([self.name.clone()]).collect()
    }

    /// Whether any area has.
    pub(super) fn has_partials(&self) -> bool {
        !self.partials.is_empty()
    }

    /// The first bytes of this file, if they are to have this name in an area.
    pub(super) fn take_partial(&mut self, identity: &Identity, key: &Key) -> Option<(Upload, PartialEntry)> {
        let mut partials = self.partials.iter();
        let at = partials.rposition(|(staged, entry)| staged.key == *key && identity.is_of(&entry.file))?;
        Some(self.partials.remove(at))
    }
}
