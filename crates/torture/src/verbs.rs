//! The verbs that change something, each with the repository that it begins with and what may be there afterwards.

use std::collections::BTreeSet;

use crate::place::Kind;
use crate::tree::Tree;
use crate::world::{DELETED, HELD, World};

/// A verb that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// A backup into a repository.
    Create,
    /// The first backup into an empty place.
    CreateFirst,
    /// A deletion.
    Delete,
    /// A deletion that can be taken back.
    DeleteForAWhile,
    /// The deletion of all but the newest backup, and of the one that is held.
    Purge,
    /// A collection.
    Collect,
    /// The return of a deleted backup.
    Undelete,
    /// A hold.
    Hold,
    /// A copy of all backups into another repository.
    Copy,
    /// A restore over an older state of the database.
    Restore,
    /// The way back from an interrupted restore.
    Abort,
    /// The repair of damaged files from another repository.
    Repair,
}

/// All of them.
pub const ALL: [Verb; 12] = [
    Verb::Create,
    Verb::CreateFirst,
    Verb::Delete,
    Verb::DeleteForAWhile,
    Verb::Purge,
    Verb::Collect,
    Verb::Undelete,
    Verb::Hold,
    Verb::Copy,
    Verb::Restore,
    Verb::Abort,
    Verb::Repair,
];

/// The backup that is deleted.
pub(crate) const GONE: u32 = 2;
/// The backup that is restored.
pub(crate) const RESTORED: u32 = 4;

impl Verb {
    /// Whether it changes a target, not a repository.
    pub fn is_of_target(self) -> bool {
        matches!(self, Verb::Restore | Verb::Abort)
    }

    /// The files of the repository that it begins with.
    pub(crate) fn files(self, world: &World) -> Tree {
        match self {
            Verb::CreateFirst | Verb::Copy => Tree::new(),
            _ => {
                let mut files = world.files.clone();
                // Without locks, a dead reader's pin has to be watched for long.
                files.retain(|name, _| world.kind != Kind::Objects || !name.starts_with("stonekeep/pins/"));
                if self == Verb::Repair {
                    damage(&mut files, &damaged(world));
                }
                files
            }
        }
    }

    /// The backups that may be there afterwards, and those that must be.
    pub(crate) fn bounds(self) -> (BTreeSet<u32>, BTreeSet<u32>) {
        let all = BTreeSet::from([1, 2, 3, RESTORED]);
        let without = |gone: &[u32]| all.iter().copied().filter(|it| !gone.contains(it)).collect();
        let with = |new: &[u32]| all.iter().chain(new).copied().collect();
        match self {
            Verb::Create => (with(&[6, 7, 8, 9, 10]), all),
            Verb::CreateFirst => ((1..6).collect(), BTreeSet::new()),
            Verb::Delete | Verb::DeleteForAWhile => (all.clone(), without(&[GONE])),
            Verb::Purge => (all.clone(), [HELD, RESTORED].into()),
            Verb::Undelete => (with(&[DELETED]), all),
            Verb::Copy => (all, BTreeSet::new()),
            Verb::Collect | Verb::Hold | Verb::Restore | Verb::Abort | Verb::Repair => (all.clone(), all),
        }
    }
}

/// The files that a repair finds damaged: three that several backups share, and some of one backup alone.
pub(crate) fn damaged(world: &World) -> BTreeSet<String> {
    let is_stored = |name: &&String| world.files.contains_key(*name) && !name.starts_with("meta/");
    let of_all = world.needs[&RESTORED].iter().filter(is_stored);
    let shared = of_all.filter(|name| name.starts_with("shared")).take(3);
    let of_one = world.needs[&GONE].iter().filter(is_stored);
    let private = of_one.filter(|name| name.starts_with("private")).take(4);
    shared.chain(private).cloned().collect()
}

/// Removes some of these files, and cuts the others.
fn damage(files: &mut Tree, names: &BTreeSet<String>) {
    for (at, name) in names.iter().enumerate() {
        if at % 2 == 0 {
            files.remove(name);
        } else if let Some(bytes) = files.get_mut(name) {
            *bytes = bytes[..bytes.len() / 2].into();
        }
    }
}
