//! RocksDB's backup directory over a store: which keys there are, what they hold, and who may remove them.
//!
//! ```text
//! meta/<id>                   the commit point: a backup exists when this file does
//! private/<id>/               CURRENT, MANIFEST, OPTIONS, WALs of that backup
//! shared_checksum/, shared/   tables and blobs of all backups
//! stonekeep/                  everything that RocksDB does not know; its engine never looks in there
//!   backups/<id>              our facts about a backup, bound to its meta file
//!   ids/<id>                  the claim of an id: no later backup of ours gets it
//!   deleted/<id>-<crc>        meta files of deleted backups whose files are not all gone yet
//!   pins/<random>             backups that somebody is reading
//!   verified/<random>         when files were last verified, and which were found damaged
//!   wal/<stream>/             WALs of a database as they were followed
//!   latest                    where readers of a place that cannot be listed begin to look for the newest backup
//!   tmp/<area>/               what is being built, where files get their names by a rename
//!   lock                      the writer's lock of a local directory
//!   leases/<random>           the writer's lock of other places
//!   runs/<run>/               what runs have written down, where files have their names as soon as they are uploaded
//!   doubtful/<id>             an id that a writer had claimed which lost its lock
//! ```

pub mod catalog;
pub(crate) mod checked_lines;
mod checked_pieces;
pub mod described;
pub mod doubtful;
pub mod excluded;
pub mod expected_sizes;
pub mod facts;
pub mod facts_reader;
pub mod file_check;
mod file_facts;
pub mod garbage;
pub mod holds;
pub mod ids;
pub mod included;
pub mod index;
pub mod journal;
pub mod known_files;
pub mod latest_hint;
pub mod layout;
pub mod listed;
pub mod loaded_meta;
pub mod meta_scanner;
pub mod partial;
pub(crate) mod path_set;
mod pieces;
pub mod pin;
pub(crate) mod rebuilt_meta;
pub(crate) mod record_text;
mod sealed_line;
pub mod stored_files;
pub mod stream;
pub(crate) mod unbound_facts;
pub mod verified;
pub mod went_back;
pub mod wrong;

use self::index::RepositoryIndex;
use crate::parallel::run_both;
use crate::store::{Durability, EntryKind, Held, Store};
use crate::{Error, Result};

/// The names that a repository's root can have; `LATEST_BACKUP` is of very old RocksDB and ignored.
const ROOT_NAMES: [&str; 7] = [
    "meta",
    "private",
    "shared",
    "shared_checksum",
    "stonekeep",
    "LATEST_BACKUP",
    "lost+found",
];

/// Whether a repository's root can have this name.
pub(crate) fn is_root_name(name: &str) -> bool {
    ROOT_NAMES.contains(&name)
}

/// What is at the root: a repository, or something that may or may not become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootState {
    /// There is nothing.
    Absent,
    /// An empty directory.
    Empty,
    /// A repository, maybe without any backup.
    Repository,
    /// Something else; the name of a thing that no repository has.
    Foreign(String),
}

/// What the index says of the root.
///
/// # Errors
/// I/O errors of the store.
pub fn root_state(index: &RepositoryIndex<'_>) -> Result<RootState> {
    let Some(entries) = index.root()? else {
        return Ok(RootState::Absent);
    };
    let foreign = entries.iter().find(|entry| !is_root_name(&entry.name));
    let is_directory = |names: &[&str]| {
        let mut directories = entries.iter().filter(|entry| entry.kind == EntryKind::Directory);
        directories.any(|entry| names.contains(&entry.name.as_str()))
    };
    Ok(match foreign {
        // Files that somebody put beside a repository do not unmake it.
        Some(_) if is_directory(&["meta"]) => RootState::Repository,
        Some(entry) => RootState::Foreign(entry.name.clone()),
        None if is_directory(&["meta", "private", "shared", "shared_checksum", "stonekeep"]) => {
            RootState::Repository
        }
        None => RootState::Empty,
    })
}

/// Requires a repository, for reading.
///
/// # Errors
/// `NotFound` where there is none.
pub fn require(index: &RepositoryIndex<'_>) -> Result<()> {
    let location = index.store().location();
    if !index.store().traits().lists {
        // Whether a backup is there is seen when it is asked for.
        return Ok(());
    }
    match root_state(index)? {
        RootState::Repository => Ok(()),
        RootState::Absent => {
            let (why, hint) = match index.store().directory() {
                Some(_) => (
                    "the path does not exist",
                    "check the path; the first backup creates a repository",
                ),
                None => (
                    "nothing is stored there",
                    "check the URL, its prefix too; the first backup creates a repository",
                ),
            };
            Err(Error::not_found(format!("there is no repository at {location}: {why}")).with_hint(hint))
        }
        RootState::Empty => Err(Error::not_found(format!(
            "there is no repository at {location}: the directory is empty"
        ))
        .with_hint("if the repository is on a disk of its own, check that it is mounted")),
        RootState::Foreign(name) => Err(Error::not_found(format!(
            "{location} is no repository: it has no meta directory, but {name:?}"
        ))
        .with_hint("if the repository is further down, name its own path or prefix")),
    }
}

/// Makes the root where there is nothing or an empty directory, and makes a root durable that is there already: a
/// run without `sync` may have made it.
///
/// # Errors
/// `Refused` for a directory that holds something else.
pub fn require_or_create(store: &Store, state: &RootState, durability: Durability) -> Result<()> {
    match state {
        RootState::Repository | RootState::Absent | RootState::Empty => store.create_root(durability),
        RootState::Foreign(name) => Err(foreign(store, name)),
    }
}

/// Deals with what earlier holders of the lock have left undecided: records of deletions that did not happen, and backups that
/// may have been committed after their writer had lost it. The lock must be held.
///
/// # Errors
/// I/O errors of the store.
pub fn settle(store: &Store, lock: &Held, workers: usize) -> Result<()> {
    let (records, doubtful) = run_both(
        workers,
        || store.names(Some(&layout::deleted_directory())),
        || doubtful::list(store),
    );
    garbage::drop_void_records(store, &records?)?;
    doubtful::settle(store, lock, doubtful?)
}

/// The refusal to write into a directory that is no repository.
pub(crate) fn foreign(store: &Store, name: &str) -> Error {
    Error::refused(format!(
        "{} is neither empty nor a repository: it has {name:?}",
        store.location()
    ))
    .with_hint("name a directory that does not exist yet, or an empty one")
}
