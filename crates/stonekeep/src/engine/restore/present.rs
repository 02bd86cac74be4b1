//! Which of the files that a record moves stand where: one listing of each directory that they move between.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};

use foldhash::fast::RandomState;

use super::disk::TargetPath;
use super::record::{Move, Record};
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

/// The names in the directories of a record's moves: as they were listed, without those that have moved since.
#[derive(Debug)]
pub(super) struct Present(BTreeMap<(Area, Folder), HashSet<String, RandomState>>);

impl Present {
    /// Lists the directories that these moves are about. Those that are missing are empty.
    pub(super) fn look(record: &Record, sites: &Sites) -> Result<Self> {
        let mut present = Present(BTreeMap::new());
        for step in &record.moves {
            let area = step.place().area;
            let (from, to) = step.folders();
            for folder in [from, to] {
                if let Entry::Vacant(unlisted) = present.0.entry((area, folder)) {
                    let names = sites.site(area).names(&folder.path(area, sites)?)?;
                    unlisted.insert(names.into_iter().collect());
                }
            }
        }
        Ok(present)
    }

    /// Whether the file is where it is before the move.
    pub(super) fn is_before(&self, step: &Move) -> bool {
        self.has(step, step.folders().0)
    }

    /// Whether a file is where the move brings it.
    pub(super) fn is_after(&self, step: &Move) -> bool {
        self.has(step, step.folders().1)
    }

    /// The file moves.
    pub(super) fn moves(&mut self, step: &Move) {
        let place = step.place();
        let (from, to) = step.folders();
        if let Some(name) = self
            .0
            .get_mut(&(place.area, from))
            .and_then(|names| names.take(&place.name))
            && let Some(names) = self.0.get_mut(&(place.area, to))
        {
            names.insert(name);
        }
    }

    fn has(&self, step: &Move, folder: Folder) -> bool {
        let place = step.place();
        let names = self.0.get(&(place.area, folder));
        names.is_some_and(|names| names.contains(&place.name))
    }
}
