//! Pieces, finals and breaks of WALs.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use stonekeep::{ErrorKind, Quiet};
use stonekeep_format::log::PredecessorWal;
use stonekeep_format::{FileNumber, SequenceNumber};
use stonekeep_format_testkit::log::LogBuilder;
use stonekeep_testkit::database::DatabaseBuilder;

use super::batches::{large, puts};
use super::scene::{Copy, breaks, database, follow, in_wal, kinds, length, tick};

fn append(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn the_pieces_are_the_bytes_of_the_wals() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let first = database.wal_number();
    let mut follower = follow(&database);
    let mut copy = Copy::default();
    assert!(tick(&mut follower).options.is_some());
    assert!(tick(&mut follower).is_empty());
    database.write(3);
    copy.take_all(&mut follower);
    assert_eq!(copy.wals[&first], fs::read(database.wal_path(first)).unwrap());
    database.write(1);
    let second = database.switch_wal();
    database.write(2_000);
    let third = database.switch_wal();
    database.write(5);
    assert_eq!(copy.take_all(&mut follower), 1);
    for number in [first, second, third] {
        assert_eq!(copy.wals[&number], fs::read(database.wal_path(number)).unwrap());
    }
    let ends = [first, second].map(|number| (number, length(&database.wal_path(number))));
    assert_eq!(copy.finals, ends.into());
    assert_eq!(copy.records, 4);
    let position = tick(&mut follower).position;
    let last = position.last_sequence.unwrap();
    assert_eq!(last.exact(), Some(SequenceNumber(2_009)));
    assert_eq!(position.wal.recent.bytes as usize, copy.wals[&third].len());
}

#[test]
fn a_piece_says_which_batches_it_has() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    database.write(3);
    database.write(2);
    let tick = tick(&mut follower);
    let [piece] = tick.pieces.as_slice() else {
        panic!("{tick:?}");
    };
    assert_eq!(
        (piece.records, piece.first_sequence),
        (2, Some(SequenceNumber(1)))
    );
    assert_eq!(piece.last_sequence.unwrap().exact(), Some(SequenceNumber(5)));
    assert_eq!(piece.to(), length(&database.wal_path(piece.wal)));
}

#[test]
fn half_of_a_record_is_waited_for() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    tick(&mut follower);
    let path = database.wal_path(database.wal_number());
    database.write(40);
    let whole = fs::read(&path).unwrap();
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(whole.len() as u64 / 2)
        .unwrap();
    assert!(tick(&mut follower).is_empty());
    append(&path, &whole[whole.len() / 2..]);
    assert_eq!(tick(&mut follower).pieces[0].bytes, whole);
}

#[test]
fn a_wal_without_data_waits_for_the_one_before() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    let first = database.wal_number();
    database.write(1);
    let mut copy = Copy::default();
    copy.take_all(&mut follower);
    let second = database.switch_wal();
    let mut writer = LogBuilder::new();
    let predecessor = PredecessorWal {
        number: first,
        size_bytes: length(&database.wal_path(first)) + 100,
        last_sequence: SequenceNumber(1),
    };
    writer.predecessor_wal(&predecessor);
    append(&database.wal_path(second), &writer.take_bytes());
    assert!(
        tick(&mut follower).is_empty(),
        "the older one may get more records"
    );
    let before = length(&database.wal_path(second));
    writer.write(&puts(2, 1));
    append(&database.wal_path(second), &writer.take_bytes());
    let last = tick(&mut follower);
    assert_eq!(last.finals[0].wal, first);
    assert_eq!(last.pieces[0].bytes, fs::read(database.wal_path(second)).unwrap());
    // It says that the one before is longer.
    assert_eq!(breaks(&last), [("unclean-end", in_wal(second, before))]);
}

#[test]
fn a_wal_that_a_wal_follows_and_nobody_saw_was_missed() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    database.write(1);
    let missed = database.take_number();
    let second = database.switch_wal();
    let mut writer = LogBuilder::new();
    writer.predecessor_wal(&PredecessorWal {
        number: missed,
        size_bytes: 100,
        last_sequence: SequenceNumber(1),
    });
    writer.write(&puts(2, 1));
    append(&database.wal_path(second), &writer.take_bytes());
    let last = tick(&mut follower);
    assert!(!last.more);
    assert_eq!(kinds(&last), ["missed-wal"]);
}

#[test]
fn a_tick_takes_no_more_than_16_mib_unless_a_record_is_longer() {
    const MIB: usize = 1 << 20;
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    for sequence in 1..=24 {
        database.write_batch(&large(sequence, MIB), 1);
    }
    let second = database.switch_wal();
    database.write_batch(&large(25, 40 * MIB), 1);
    database.write(1);
    let mut copy = Copy::default();
    let first = tick(&mut follower);
    assert!(first.more && first.pieces.iter().all(|piece| piece.bytes.len() <= 16 * MIB));
    copy.take(&first);
    assert!(copy.take_all(&mut follower) >= 2);
    assert_eq!(copy.records, 26);
    assert_eq!(copy.wals[&second], fs::read(database.wal_path(second)).unwrap());
    assert_eq!(copy.finals.len(), 1);
}

#[test]
fn a_closed_wal_that_does_not_end_cleanly_is_a_break() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    database.write(2);
    let first = database.wal_number();
    let good = length(&database.wal_path(first));
    append(&database.wal_path(first), &[7; 20]);
    let mut copy = Copy::default();
    copy.take_all(&mut follower);
    assert_eq!(copy.wals[&first].len() as u64, good);
    let second = database.switch_wal();
    database.write(1);
    let last = tick(&mut follower);
    assert_eq!(breaks(&last), [("unclean-end", in_wal(first, good))]);
    assert_eq!((last.finals.as_slice(), last.pieces[0].wal), (&[][..], second));
}

#[test]
fn a_wal_that_loses_bytes_is_a_break() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    database.write(2);
    let first = database.wal_number();
    let good = length(&database.wal_path(first));
    Copy::default().take_all(&mut follower);
    File::options()
        .write(true)
        .open(database.wal_path(first))
        .unwrap()
        .set_len(good - 1)
        .unwrap();
    assert_eq!(
        breaks(&tick(&mut follower)),
        [("lost-bytes", in_wal(first, good))]
    );
    assert_eq!(
        kinds(&tick(&mut follower)),
        [] as [&str; 0],
        "it is reported once"
    );
    database.switch_wal();
    database.write(1);
    let last = tick(&mut follower);
    assert_eq!((last.finals.len(), last.pieces.len()), (0, 1));
}

#[test]
fn a_wal_that_was_missed_is_a_gap() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    database.write(2);
    Copy::default().take_all(&mut follower);
    database.switch_wal();
    database.write(3);
    database.flush_wals();
    database.write(1);
    database.write(1);
    let last = tick(&mut follower);
    let place = in_wal(database.wal_number(), 0);
    assert_eq!(breaks(&last), [("sequence-gap", place)]);
    assert!(
        last.breaks[0]
            .text
            .contains("sequence number 6 comes where 3 is expected")
    );
}

#[test]
fn there_is_no_tick_before_the_last_one_was_kept() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    database.write(2);
    follower.tick(&Quiet).unwrap();
    let error = follower.tick(&Quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    follower.kept();
    assert!(follower.tick(&Quiet).unwrap().is_empty());
    follower.tick(&Quiet).unwrap();
}

#[test]
fn an_archived_wal_is_not_missed() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    let archive = database.wal_dir().join("archive");
    fs::create_dir(&archive).unwrap();
    let mut archived: Vec<FileNumber> = Vec::new();
    for _ in 0..3 {
        database.write(2);
        archived.push(database.switch_wal());
    }
    for number in &archived[..2] {
        let path = database.wal_path(*number);
        fs::rename(&path, archive.join(path.file_name().unwrap())).unwrap();
    }
    database.write(1);
    let mut copy = Copy::default();
    copy.take_all(&mut follower);
    assert_eq!((copy.wals.len(), copy.finals.len(), copy.records), (4, 3, 4));
}
