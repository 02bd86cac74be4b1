//! A staging area of the run's own: what lies in those of killed runs is neither replaced nor mixed up.

use stonekeep_format::BackupId;

use crate::store::Store;
use crate::{Error, Result};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Area {
    pub(super) name: String,
    /// How many parts its journal has.
    pub(super) chunks: usize,
    /// Files and bytes that have been copied into it.
    pub(super) copied: (u64, u64),
}

impl Area {
    /// One that there is not yet.
    pub(super) fn new(store: &dyn Store, id: BackupId) -> Result<Area> {
        let areas = store.areas()?;
        let names = (1u64..).map(|n| match n {
            1 => id.to_string(),
            n => format!("{id}-{n}"),
        });
        let mut free = names.filter(|name| !areas.contains(name));
        let name = free.next();
        Ok(Area {
            name: name.ok_or_else(|| Error::refused("no name is left for a staging area"))?,
            chunks: 0,
            copied: (0, 0),
        })
    }
}
