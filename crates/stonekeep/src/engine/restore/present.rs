//! Which of the files that a record moves stand where: one listing of each directory that they move between.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};

use foldhash::fast::RandomState;

use super::disk::TargetPath;
use super::record::Move;
use super::site::{ARCHIVE, Area, Sites};
use crate::Result;

/// A directory that files move from, or to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Folder {
    /// Where the database has it.
    Place,
    /// `archive/` there.
    Archive,
    New,
    Old,
    OldArchive,
}

impl Folder {
    /// The directory itself.
    pub(super) fn path(self, area: Area, sites: &Sites) -> Result<TargetPath> {
        let site = sites.site(area);
        Ok(match self {
            Folder::Place => site.root().clone(),
            Folder::Archive => site.at(ARCHIVE)?,
            Folder::New => site.staging(Some("new")),
            Folder::Old => site.staging(Some("old")),
            Folder::OldArchive => site.old_file(ARCHIVE)?,
        })
    }
}

/// The names in the directories of moves: as they were when each directory was first asked for, without those that have
/// moved since.
#[derive(Debug)]
pub(super) struct Present<'a> {
    sites: &'a Sites,
    listed: BTreeMap<(Area, Folder), HashSet<String, RandomState>>,
}

impl<'a> Present<'a> {
    /// Nothing is listed yet.
    pub(super) fn new(sites: &'a Sites) -> Self {
        Present {
            sites,
            listed: BTreeMap::new(),
        }
    }

    /// Whether the file is where it is before the move.
    pub(super) fn is_before(&mut self, step: &Move) -> Result<bool> {
        self.has(step, step.folders().0)
    }

    /// Whether a file is where the move brings it.
    pub(super) fn is_after(&mut self, step: &Move) -> Result<bool> {
        self.has(step, step.folders().1)
    }

    /// The file has moved.
    pub(super) fn moved(&mut self, step: &Move) {
        let place = step.place();
        let (from, to) = step.folders();
        if let Some(names) = self.listed.get_mut(&(place.area, from)) {
            names.remove(&place.name);
        }
        if let Some(names) = self.listed.get_mut(&(place.area, to)) {
            names.insert(place.name.clone());
        }
    }

    fn has(&mut self, step: &Move, folder: Folder) -> Result<bool> {
        let place = step.place();
        let names = match self.listed.entry((place.area, folder)) {
            Entry::Occupied(listed) => listed.into_mut(),
            Entry::Vacant(unlisted) => {
                let directory = folder.path(place.area, self.sites)?;
                let names = self.sites.site(place.area).names(&directory)?;
                unlisted.insert(names.into_iter().collect())
            }
        };
        Ok(names.contains(&place.name))
    }
}
