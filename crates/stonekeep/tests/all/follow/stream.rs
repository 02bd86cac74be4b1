//! A live database in a stream: from its directory to segments, and back to WALs.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use stonekeep::engine::follow::StreamWriter;
use stonekeep::image::follow::Tick;
use stonekeep::repo::stream::chain::Chain;
use stonekeep::repo::stream::chain_reader;
use stonekeep::repo::stream::content::SegmentContent;
use stonekeep::repo::stream::content_item::ContentItem;
use stonekeep::repo::stream::listing;
use stonekeep::repo::stream::position::{resolve, settle};
use stonekeep::repo::stream::resume_point::BasesSoFar;
use stonekeep::repo::stream::segment_header::{ManifestPosition, Origin, WalPosition};
use stonekeep::repo::stream::segment_name::{Ordinal, Owner};
use stonekeep::repo::stream::sequence_cut::SequenceCut;
use stonekeep::repo::stream::target::{Base, Position, Resolved, Target};
use stonekeep::store::{Durability, Store};
use stonekeep::{ErrorKind, Quiet, SystemClock};
use stonekeep_format::{FileNumber, SequenceNumber};
use stonekeep_format_testkit::log::LogBuilder;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use super::batches::puts;
use super::scene::{database, follow, length, manifest_of};
use crate::support::scene::memory;

fn writer(store: &Store, database: &FakeDatabase) -> StreamWriter {
    store.create_root(Durability::Durable).unwrap();
    let origin = Origin {
        database_id: Some("an id".to_owned()),
        directory: database.path().display().to_string(),
    };
    StreamWriter::begin(store, Arc::new(SystemClock), origin).unwrap()
}

/// What a backup of now would be to a stream.
fn base(database: &FakeDatabase) -> Base {
    let (number, manifest) = (database.wal_number(), manifest_of(database));
    Base {
        ordinal: Ordinal::FIRST,
        end: WalPosition {
            number,
            offset: length(&database.wal_path(number)),
        },
        last_sequence: database.sequence_number(),
        manifest: ManifestPosition {
            number: manifest.number,
            offset: manifest.bytes,
        },
        lowest_log_number: number,
    }
}

fn put(writer: &mut StreamWriter, tick: Tick) {
    writer.take(tick, BasesSoFar::default());
    assert_eq!(writer.put().unwrap().len(), 1);
}

fn chain(store: &Store, writer: &StreamWriter) -> Chain {
    chain_reader::read(store, writer.stream(), Ordinal::FIRST, 2).unwrap()
}

/// The WALs that the segments make.
fn wals(store: &Store, chain: &Chain) -> BTreeMap<FileNumber, Vec<u8>> {
    let (mut wals, mut bytes) = (BTreeMap::<FileNumber, Vec<u8>>::new(), Vec::new());
    for segment in &chain.require_whole().unwrap().segments {
        let mut content = SegmentContent::open(store, segment).unwrap();
        while let Some(item) = content.next(&mut bytes).unwrap() {
            if let ContentItem::Piece(_, piece) = item {
                let wal = wals.entry(piece.wal).or_default();
                assert_eq!(wal.len() as u64, piece.from);
                wal.extend_from_slice(&bytes);
            }
        }
    }
    wals
}

/// The point of a sequence number, with the bytes of the WALs where it is inside a piece.
fn point(
    chain: &Chain,
    base: &Base,
    wals: &BTreeMap<FileNumber, Vec<u8>>,
    wanted: u64,
) -> stonekeep::Result<Position> {
    let inside = match resolve(chain, base, Target::AtSequence(SequenceNumber(wanted)))? {
        Resolved::At(position) => return Ok(position),
        Resolved::Inside(inside) => inside,
    };
    let mut cut = SequenceCut::new(inside.wanted);
    for (number, bytes) in wals.range(..=inside.piece.wal) {
        let end = if *number == inside.piece.wal {
            inside.piece.to as usize
        } else {
            bytes.len()
        };
        cut.push(*number, &bytes[..end])?;
    }
    settle(chain, base, &inside, cut.finish()?)
}

#[test]
fn the_stream_has_the_wals_and_finds_each_record() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let (store, base) = (memory(), base(&database));
    let mut writer = writer(&store, &database);
    let mut follower = follow(&database);
    let mut ends = BTreeMap::new();
    for round in 0..12_u32 {
        for _ in 0..round % 3 + 1 {
            database.write(1);
            let number = database.wal_number();
            let offset = length(&database.wal_path(number));
            ends.insert(database.sequence_number().0, WalPosition { number, offset });
        }
        if round % 4 == 3 {
            database.switch_wal();
        }
        let tick = follower.tick(&Quiet).unwrap();
        put(&mut writer, tick);
        follower.kept();
    }
    let before = listing::list(&store, writer.stream()).unwrap();
    let idle = follower.tick(&Quiet).unwrap();
    assert!(idle.is_empty());
    let listed = listing::list(&store, writer.stream()).unwrap();
    assert_eq!((listed.owners.as_slice(), &listed), (&[Owner(1)][..], &before));
    let chain = chain(&store, &writer);
    let wals = wals(&store, &chain);
    for (number, bytes) in &wals {
        assert!(
            *bytes == fs::read(database.wal_path(*number)).unwrap(),
            "{number}"
        );
    }
    assert_eq!(wals.len(), 3, "the newest one holds no data");
    for (sequence, end) in &ends {
        let position = point(&chain, &base, &wals, *sequence).unwrap();
        assert_eq!(position.end, *end, "{sequence}");
        assert_eq!(
            position.last_sequence.exact(),
            Some(SequenceNumber(*sequence)),
            "{sequence}"
        );
    }
    let Resolved::At(latest) = resolve(&chain, &base, Target::Latest).unwrap() else {
        panic!("the newest segment has an end");
    };
    assert_eq!(Some(&latest.end), ends.values().last());
    let behind = point(&chain, &base, &wals, database.sequence_number().0 + 1).unwrap_err();
    assert_eq!(behind.kind(), ErrorKind::Refused, "{behind}");
}

#[test]
fn points_before_a_gap_are_good_and_those_behind_it_are_refused() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let (store, base) = (memory(), base(&database));
    let mut writer = writer(&store, &database);
    let mut follower = follow(&database);
    database.write(2);
    let before = database.sequence_number().0;
    let path = database.wal_path(database.wal_number());
    let good = length(&path);
    // Three writes without a WAL are between them.
    let mut log = LogBuilder::new();
    log.write(&puts(before + 4, 2));
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend(log.take_bytes());
    fs::write(&path, &bytes).unwrap();
    let tick = follower.tick(&Quiet).unwrap();
    put(&mut writer, tick);
    follower.kept();
    let chain = chain(&store, &writer);
    let wals = wals(&store, &chain);
    assert_eq!(point(&chain, &base, &wals, before).unwrap().end.offset, good);
    for beyond in [before + 4, before + 5] {
        let error = point(&chain, &base, &wals, beyond).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{beyond}: {error}");
    }
    let error = resolve(&chain, &base, Target::Latest).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
}

#[test]
fn a_gap_right_behind_a_base_without_records_is_seen() {
    let (_directory, database) = database(DatabaseBuilder::new());
    let (store, base) = (memory(), base(&database));
    let mut writer = writer(&store, &database);
    let mut follower = follow(&database);
    let last = database.sequence_number().0;
    let mut log = LogBuilder::new();
    log.write(&puts(last + 4, 2));
    fs::write(database.wal_path(database.wal_number()), log.take_bytes()).unwrap();
    put(&mut writer, follower.tick(&Quiet).unwrap());
    follower.kept();
    let chain = chain(&store, &writer);
    let wals = wals(&store, &chain);
    for beyond in last + 1..last + 6 {
        let error = point(&chain, &base, &wals, beyond).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{beyond}: {error}");
    }
}
