//! Which of the files that a record moves stand where: for many of them, one listing of each directory that they move
//! between.

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

/// So many files are sooner looked at than the directory with everything in it.
const FEW_FILES: u32 = 16;

/// The names in the directories of moves: as they were when many had been asked for.
#[derive(Debug)]
pub(super) struct Present<'a> {
    sites: &'a Sites,
    known: BTreeMap<(Area, Folder), Known>,
}

/// What is known of a directory.
#[derive(Debug)]
enum Known {
    /// Nothing: so many files in it were looked at.
    Looks(u32),
    /// All names.
    Names(HashSet<String, RandomState>),
}

impl<'a> Present<'a> {
    /// Nothing is listed yet.
    pub(super) fn new(sites: &'a Sites) -> Self {
        Present {
            sites,
            known: BTreeMap::new(),
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

    fn has(&mut self, step: &Move, folder: Folder) -> Result<bool> {
        let place = step.place();
        let site = self.sites.site(place.area);
        if place.included.is_some() {
            let (from, to) = step.ends(self.sites)?;
            return site.has(if folder == step.folders().0 { &from } else { &to });
        }
        let known = self.known.entry((place.area, folder));
        let known = known.or_insert(Known::Looks(0));
        match known {
            Known::Names(names) => return Ok(names.contains(&place.name)),
            Known::Looks(looks) if *looks < FEW_FILES => {
                *looks += 1;
                let (from, to) = step.ends(self.sites)?;
                return site.has(if folder == step.folders().0 { &from } else { &to });
            }
            Known::Looks(_) => {}
        }
        let names = site.names(&folder.path(place.area, self.sites)?)?;
        let names: HashSet<_, _> = names.into_iter().collect();
        let has = names.contains(&place.name);
        *known = Known::Names(names);
        Ok(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::restore::record::Place;

    #[test]
    fn looks_and_listings_tell_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let sites = Sites::locate(directory.path(), None).unwrap();
        let new = sites.db().staging(Some("new")).path();
        std::fs::create_dir_all(&new).unwrap();
        let names: Vec<String> = (0..3 * FEW_FILES).map(|n| format!("{n:06}.sst")).collect();
        for name in names.iter().step_by(2) {
            std::fs::write(new.join(name), "x").unwrap();
        }
        for name in names.iter().step_by(3) {
            std::fs::write(directory.path().join(name), "x").unwrap();
        }
        let mut present = Present::new(&sites);
        for (at, name) in names.iter().enumerate() {
            let step = Move::In(Place::new(Area::Db, name));
            assert_eq!(present.is_before(&step).unwrap(), at % 2 == 0, "{name}");
            assert_eq!(present.is_after(&step).unwrap(), at % 3 == 0, "{name}");
        }
        assert!(
            present
                .known
                .values()
                .all(|known| matches!(known, Known::Names(_)))
        );
    }
}
