//! What the tests of followers share: a database, a base of it, and a copy of its WALs made of pieces.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use stonekeep::Quiet;
use stonekeep::image::follow::{Begun, Follower, Looking, ManifestPosition, Place, Start, Tick, Watch};
use stonekeep::image::{Directory, SourceKind};
use stonekeep_format::FileNumber;
use stonekeep_format::file_name::DbFileName;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};
use tempfile::TempDir;

/// A directory for a database.
pub(crate) fn database(builder: DatabaseBuilder) -> (TempDir, FakeDatabase) {
    let directory = tempfile::tempdir().unwrap();
    let database = builder.create(&directory.path().join("db"));
    (directory, database)
}

/// The database in this directory, which another process has open.
pub(crate) fn source(path: &Path) -> Directory {
    Directory::new(path, SourceKind::Hot).of_other_processes()
}

/// The number and the length of the MANIFEST.
pub(crate) fn manifest_of(database: &FakeDatabase) -> ManifestPosition {
    let path = database.manifest_path();
    let name = path.file_name().and_then(|name| name.to_str()).unwrap();
    let Some(DbFileName::Manifest(number)) = DbFileName::parse(name) else {
        panic!("{name}");
    };
    let bytes = length(&path);
    ManifestPosition { number, bytes }
}

pub(crate) fn length(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

/// A follower that lists the directories, from now on.
pub(crate) fn follow(database: &FakeDatabase) -> Follower {
    follow_from(database, Start::Now)
}

pub(crate) fn follow_from(database: &FakeDatabase, start: Start) -> Follower {
    match begin(database, start) {
        Begun::Following(follower) => *follower,
        Begun::Impossible { reason, .. } => panic!("{reason}"),
    }
}

pub(crate) fn begin(database: &FakeDatabase, start: Start) -> Begun {
    let watch = Watch::open(&source(database.path()), Looking::Listings, &Quiet).unwrap();
    watch.begin(start, &Quiet).unwrap()
}

/// The next tick, which is kept.
pub(crate) fn tick(follower: &mut Follower) -> Tick {
    let tick = follower.tick(&Quiet).unwrap();
    follower.kept();
    tick
}

/// The names of the breaks, with their places.
pub(crate) fn breaks(tick: &Tick) -> Vec<(&'static str, Place)> {
    let breaks = tick.breaks.iter();
    breaks.map(|found| (found.kind.as_str(), found.place)).collect()
}

/// The names of the breaks.
pub(crate) fn kinds(tick: &Tick) -> Vec<&'static str> {
    tick.breaks.iter().map(|found| found.kind.as_str()).collect()
}

pub(crate) fn in_wal(number: FileNumber, offset: u64) -> Place {
    Place::Wal { number, offset }
}

/// The WALs as far as they were handed out.
#[derive(Debug, Default)]
pub(crate) struct Copy {
    pub(crate) wals: BTreeMap<FileNumber, Vec<u8>>,
    pub(crate) finals: BTreeMap<FileNumber, u64>,
    pub(crate) records: u64,
}

impl Copy {
    /// Adds what a tick brought.
    pub(crate) fn take(&mut self, tick: &Tick) {
        for piece in &tick.pieces {
            let wal = self.wals.entry(piece.wal).or_default();
            assert_eq!(
                piece.from,
                wal.len() as u64,
                "a piece begins where the one before ended"
            );
            wal.extend_from_slice(&piece.bytes);
            self.records += piece.records;
        }
        self.finals
            .extend(tick.finals.iter().map(|wal| (wal.wal, wal.end)));
        let position = tick.position.wal;
        let handed = self.wals.get(&position.number).map_or(0, Vec::len);
        assert_eq!(position.end, handed as u64);
    }

    /// Takes ticks until there is no more.
    pub(crate) fn take_all(&mut self, follower: &mut Follower) -> usize {
        for count in 1.. {
            let tick = tick(follower);
            assert_eq!(kinds(&tick), [] as [&str; 0]);
            self.take(&tick);
            if !tick.more {
                return count;
            }
        }
        unreachable!("the range has no end")
    }
}
