//! The WALs that a follower hands out make RocksDB open the database as it was at each tick.
//!
//! Obsolete WALs go to `archive/`, so that none is missed however slow the machine is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rocksdb::{
    ColumnFamilyDescriptor, DB, DBCompressionType, DBRecoveryMode, MergeOperands, Options, WriteBatch,
};
use stonekeep::Quiet;
use stonekeep::format::file_name::DbFileName;
use stonekeep::format::log::LogWriter;
use stonekeep::format::manifest::{encode_current, parse_current};
use stonekeep::format::{FileNumber, SequenceNumber};
use stonekeep::image::follow::{Begun, Follower, Looking, Start, Tick, Watch};
use stonekeep::image::{Directory, SourceKind};

const LATE: &str = "late";

/// All keys with their values, by column family; that of the merge counter is a number.
type State = BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>;

fn add(_: &[u8], value: Option<&[u8]>, operands: &MergeOperands) -> Option<Vec<u8>> {
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
    let sum = value.map_or(0, number) + operands.iter().map(number).sum::<u64>();
    Some(sum.to_le_bytes().to_vec())
}

fn options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_merge_operator_associative("add", add);
    options.set_write_buffer_size(64 << 10);
    options.set_paranoid_checks(true);
    options.set_wal_recovery_mode(DBRecoveryMode::AbsoluteConsistency);
    options
}

/// What makes a database of ticks: the MANIFEST of the base with the column families that came, and the WALs.
#[derive(Clone)]
struct Restored {
    number: FileNumber,
    manifest: Vec<u8>,
    wals: BTreeMap<FileNumber, Vec<u8>>,
}

impl Restored {
    fn take(&mut self, tick: &Tick) {
        assert!(tick.breaks.is_empty(), "{:?}", tick.breaks);
        for edit in &tick.edits {
            let mut writer = LogWriter::behind(self.manifest.len() as u64);
            writer.write(&edit.record);
            self.manifest.append(&mut writer.take_bytes());
        }
        for piece in &tick.pieces {
            let wal = self.wals.entry(piece.wal).or_default();
            assert_eq!(wal.len() as u64, piece.from);
            wal.extend_from_slice(&piece.bytes);
        }
    }

    /// The state that RocksDB finds.
    fn open(&self) -> State {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: DbFileName| directory.path().join(name.to_string());
        fs::write(path(DbFileName::Current), encode_current(self.number)).unwrap();
        fs::write(path(DbFileName::Manifest(self.number)), &self.manifest).unwrap();
        for (number, bytes) in &self.wals {
            fs::write(path(DbFileName::Wal(*number)), bytes).unwrap();
        }
        let names = DB::list_cf(&options(), directory.path()).unwrap();
        let families = names
            .iter()
            .map(|name| ColumnFamilyDescriptor::new(name, options()));
        let db = DB::open_cf_descriptors(&options(), directory.path(), families).unwrap();
        let state = names.iter().map(|name| {
            let family = db.cf_handle(name).unwrap();
            let entries = db
                .iterator_cf(family, rocksdb::IteratorMode::Start)
                .map(Result::unwrap);
            (
                name.clone(),
                entries
                    .map(|(key, value)| (key.into_vec(), value.into_vec()))
                    .collect(),
            )
        });
        state.collect()
    }
}

/// A base of a database that nobody has written yet: it is captured after the follower began. A WAL may have begun with its
/// compression.
fn base_of(database: &Path) -> Restored {
    let number = parse_current(&fs::read(database.join("CURRENT")).unwrap()).unwrap();
    let names = fs::read_dir(database)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let wals = names.filter_map(|name| match DbFileName::parse(name.to_str().unwrap()) {
        Some(DbFileName::Wal(number)) => Some((number, fs::read(database.join(name)).unwrap())),
        _ => None,
    });
    Restored {
        number,
        manifest: fs::read(database.join(DbFileName::Manifest(number).to_string())).unwrap(),
        wals: wals.collect(),
    }
}

pub(crate) fn follow(database: PathBuf, looking: Looking, start: Start) -> Follower {
    let source = Directory::new(database, SourceKind::Hot).of_other_processes();
    let watch = Watch::open(&source, looking, &Quiet).unwrap();
    match watch.begin(start, &Quiet).unwrap() {
        Begun::Following(follower) => *follower,
        Begun::Impossible { reason, .. } => panic!("{reason}"),
    }
}

/// Takes ticks until all is followed that was written; a WAL that was just made may come with the next tick.
fn take_all(follower: &mut Follower, restored: &mut Restored, last: u64) {
    loop {
        let tick = follower.tick(&Quiet).unwrap();
        follower.kept();
        restored.take(&tick);
        let followed = tick.position.last_sequence.and_then(|bounds| bounds.exact());
        if followed == Some(SequenceNumber(last)) {
            break;
        }
        follower.wait(Duration::from_millis(1)).unwrap();
    }
}

/// Writes, and follows what is written, through followers each of which continues where the one before was.
fn is_followed(options: &Options, looking: Looking) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let default = ColumnFamilyDescriptor::new("default", options.clone());
    let mut db = DB::open_cf_descriptors(options, &path, [default]).unwrap();
    let mut follower = follow(path.clone(), looking, Start::Now);
    let mut restored = base_of(&path);
    let mut state = State::from([("default".to_owned(), BTreeMap::new())]);
    let mut ticks: Vec<(Restored, State)> = Vec::new();
    for round in 0..1_200_u64 {
        if round == 700 {
            db.create_cf(LATE, &self::options()).unwrap();
            state.insert(LATE.to_owned(), BTreeMap::new());
        }
        let mut batch = WriteBatch::default();
        for (name, entries) in &mut state {
            let family = db.cf_handle(name).unwrap();
            let key = (round * 7 % 300).to_le_bytes().to_vec();
            let value = vec![round as u8; 400];
            batch.put_cf(family, &key, &value);
            entries.insert(key, value);
            let gone = (round * 11 % 300).to_le_bytes().to_vec();
            batch.delete_cf(family, &gone);
            entries.remove(&gone);
            batch.merge_cf(family, b"counter", 1_u64.to_le_bytes());
            let counter = entries.entry(b"counter".to_vec()).or_insert_with(|| vec![0; 8]);
            let count = u64::from_le_bytes(counter.as_slice().try_into().unwrap());
            *counter = (count + 1).to_le_bytes().to_vec();
        }
        db.write(batch).unwrap();
        if round % 150 == 149 {
            db.flush().unwrap();
        }
        if round % 40 == 39 {
            take_all(&mut follower, &mut restored, db.latest_sequence_number());
            ticks.push((restored.clone(), state.clone()));
        }
        if round % 400 == 399 {
            let position = follower.tick(&Quiet).unwrap().position;
            drop(follower);
            follower = follow(path.clone(), looking, Start::Resumed(position));
        }
    }
    drop(follower);
    drop(db);
    let (last, _) = ticks.last().unwrap();
    assert!(last.wals.len() > 10, "{} WALs", last.wals.len());
    for (restored, state) in ticks.iter().step_by(3).chain(ticks.last()) {
        assert_eq!(&restored.open(), state);
    }
    // The control: without one WAL, RocksDB opens another state.
    let mut holed = last.clone();
    holed.wals.remove(&last.wals.keys().nth(3).copied().unwrap());
    assert_ne!(&holed.open(), &ticks.last().unwrap().1);
}

pub(crate) fn archiving() -> Options {
    let mut options = options();
    options.set_wal_ttl_seconds(3_600);
    options
}

#[test]
fn the_state_at_each_tick_is_restored() {
    is_followed(&archiving(), Looking::Events);
}

#[test]
fn the_state_at_each_tick_is_restored_by_listings_of_compressed_wals() {
    let mut options = archiving();
    options.set_wal_compression_type(DBCompressionType::Zstd);
    is_followed(&options, Looking::Listings);
}
