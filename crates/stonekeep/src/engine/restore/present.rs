//! Which of the files that a record moves stand where: for many of them, one listing of each directory that they move
//! between.

use std::collections::{BTreeMap, HashSet};

use foldhash::fast::RandomState;

use super::moves::{Folder, Move};
use crate::Result;
use crate::target::{Area, TargetDirectories};

/// So many files are sooner looked at than the directory with everything in it.
const FEW_FILES: u32 = 16;

/// The names in the directories of moves: as they were when many had been asked for.
#[derive(Debug)]
pub(super) struct Present<'a> {
    targets: &'a TargetDirectories,
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
    pub(super) fn new(targets: &'a TargetDirectories) -> Self {
        Present {
            targets,
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
        let target = self.targets.of(place.area);
        if place.included.is_some() {
            let (from, to) = step.ends(self.targets)?;
            return target.has(if folder == step.folders().0 { &from } else { &to });
        }
        let known = self.known.entry((place.area, folder));
        let known = known.or_insert(Known::Looks(0));
        match known {
            Known::Names(names) => return Ok(names.contains(&place.name)),
            Known::Looks(looks) if *looks < FEW_FILES => {
                *looks += 1;
                let (from, to) = step.ends(self.targets)?;
                return target.has(if folder == step.folders().0 { &from } else { &to });
            }
            Known::Looks(_) => {}
        }
        let names = target.names(&folder.path(place.area, self.targets)?)?;
        let names: HashSet<_, _> = names.into_iter().collect();
        let has = names.contains(&place.name);
        *known = Known::Names(names);
        Ok(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::restore::moves::MovedFile;

    #[test]
    fn looks_and_listings_tell_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let targets = TargetDirectories::locate(directory.path(), None).unwrap();
        let new = targets.db().staged("new").path();
        std::fs::create_dir_all(&new).unwrap();
        let names: Vec<String> = (0..3 * FEW_FILES).map(|n| format!("{n:06}.sst")).collect();
        for name in names.iter().step_by(2) {
            std::fs::write(new.join(name), "x").unwrap();
        }
        for name in names.iter().step_by(3) {
            std::fs::write(directory.path().join(name), "x").unwrap();
        }
        let mut present = Present::new(&targets);
        for (at, name) in names.iter().enumerate() {
            let step = Move::In(MovedFile::new(Area::Db, name));
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
