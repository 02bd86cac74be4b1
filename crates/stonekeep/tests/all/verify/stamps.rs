//! Stamps of verification: which one counts, and what runs leave that die, meet another one or see a clock go back.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use stonekeep::format::Crc32c;
use stonekeep::repo::verified::{self, Outcome, Recorder, Stamps, Wanted};
use stonekeep::store::{Durability, Store};
use stonekeep::{Clock, Error};
use stonekeep_testkit::fake_clock::FakeClock;
use stonekeep_testkit::fault_store::FaultStore;
use stonekeep_testkit::record_store::RecordStore;

use crate::support::scene;
use crate::support::scene::{key, names, put};

fn memory() -> Store {
    let store = scene::memory();
    store.create_root(Durability::Durable).unwrap();
    store
}

const DIRECTORY: &str = "stonekeep/verified";
const START_SECONDS: u64 = 1_800_000_000;

fn wanted(crc32c: u32) -> Wanted {
    Wanted {
        size_bytes: Some(10),
        crc32c: Some(Crc32c(crc32c)),
    }
}

fn damaged() -> Outcome {
    Outcome::Damaged("its checksum is wrong".to_owned())
}

fn clock(seconds: u64) -> FakeClock {
    FakeClock::at_unix_seconds(START_SECONDS + seconds)
}

fn read_at(store: &Store, seconds: u64) -> Stamps {
    verified::read(store, clock(seconds).now()).unwrap()
}

/// When the file was verified, in seconds after the start.
fn verified_at(stamps: &Stamps, path: &str) -> Option<u64> {
    let at_ms = stamps.verified_ms(path, wanted(1))?;
    Some(at_ms / 1000 - START_SECONDS)
}

fn run(store: &Store, seconds: u64, files: &[(&str, Outcome)]) -> Result<(), Error> {
    let clock = clock(seconds);
    let recorder = Recorder::begin(store, &clock, Durability::Durable)?;
    for (path, outcome) in files {
        recorder.record(path, wanted(1), outcome.clone());
        // Long enough that each stamp is put at once.
        clock.advance(Duration::from_secs(600));
    }
    recorder.finish()
}

#[test]
fn damage_stays_until_the_file_is_found_right_or_replaced_or_is_another_one() {
    let store = memory();
    run(
        &store,
        0,
        &[("a", damaged()), ("b", damaged()), ("c", Outcome::Right)],
    )
    .unwrap();
    let damage = |seconds: u64, path: &str| {
        let stamps = read_at(&store, seconds);
        assert!(stamps.is_complete());
        stamps
            .damage(path, wanted(1))
            .map(|damage| damage.reason.to_owned())
    };
    let reason = Some("its checksum is wrong".to_owned());
    assert_eq!([damage(0, "a"), damage(0, "b")], [reason.clone(), reason.clone()]);
    assert_eq!([damage(0, "c"), damage(0, "d")], [None, None]);
    let stamps = read_at(&store, 9000);
    // Another file under the same name.
    assert_eq!(stamps.damage("a", wanted(2)), None);
    let longer = Wanted {
        size_bytes: Some(11),
        ..wanted(1)
    };
    assert_eq!(stamps.damage("a", longer), None);
    let of_any_length = Wanted {
        size_bytes: None,
        ..wanted(1)
    };
    assert!(stamps.damage("a", of_any_length).is_some());
    assert_eq!(verified_at(&stamps, "c"), Some(1200));

    run(&store, 5000, &[("a", Outcome::Right)]).unwrap();
    assert_eq!([damage(9000, "a"), damage(9000, "b")], [None, reason]);
    assert_eq!(verified_at(&read_at(&store, 9000), "a"), Some(5000));
    let paths = ["b".to_owned(), "c".to_owned(), "x".to_owned()];
    verified::replaced(&store, clock(6000).now(), &paths, Durability::Durable).unwrap();
    let stamps = read_at(&store, 9000);
    assert_eq!((damage(9000, "b"), verified_at(&stamps, "b")), (None, None));
    // It was not damaged, and keeps its stamp.
    assert_eq!(verified_at(&stamps, "c"), Some(1200));
    assert!(names(&store, "stonekeep/tmp").is_empty());
}

#[test]
fn a_run_that_dies_leaves_its_stamps_or_the_ones_before() {
    let files = || [("b", Outcome::Right), ("c", damaged()), ("d", Outcome::Right)];
    let scene = || {
        let store = memory();
        run(&store, 0, &[("a", Outcome::Right), ("b", damaged())]).unwrap();
        store
    };
    let counting = FaultStore::counting(scene());
    run(&counting, 10_000, &files()).unwrap();
    let steps = counting.step_names();
    assert!(steps.len() >= 7, "{steps:?}");
    for step in 1..=steps.len() {
        for fails_once in [false, true] {
            let store = scene();
            let faulty = if fails_once {
                FaultStore::fail_once_at(store.clone(), step, io::ErrorKind::StorageFull)
            } else {
                FaultStore::kill_at(store.clone(), step)
            };
            let ended = run(&faulty, 10_000, &files());
            let when = format!("stopped before {:?}: {ended:?}", faulty.stopped_before());
            let stamps = read_at(&store, 20_000);
            assert!(stamps.is_complete(), "{when}");
            assert_eq!(verified_at(&stamps, "a"), Some(0), "{when}");
            // Never verified, or by this run: what was damaged is damaged until that is known.
            let b = (verified_at(&stamps, "b"), stamps.damage("b", wanted(1)).is_some());
            assert!(
                b == (Some(600), true) || b == (Some(10_000), false),
                "{when}: {b:?}"
            );
            let d = verified_at(&stamps, "d");
            assert!(d.is_none() || d == Some(11_200), "{when}: {d:?}");
            if ended.is_ok() {
                assert_eq!(d, Some(11_200), "{when}");
            }
            // The next run finds everything, and leaves one file.
            run(&store, 30_000, &[("e", Outcome::Right)]).unwrap();
            let after = read_at(&store, 40_000);
            for path in ["a", "b", "c", "d"] {
                assert_eq!(verified_at(&after, path), verified_at(&stamps, path), "{when}");
            }
            assert_eq!(verified_at(&after, "e"), Some(30_000), "{when}");
            assert_eq!(names(&store, DIRECTORY).len(), 1, "{when}");
        }
    }
}

#[test]
fn two_runs_at_the_same_time_lose_no_stamp() {
    let store = memory();
    run(&store, 0, &[("a", Outcome::Right), ("b", Outcome::Right)]).unwrap();
    let (early, late) = (clock(1000), clock(2000));
    let first = Recorder::begin(&store, &early, Durability::Durable).unwrap();
    let second = Recorder::begin(&store, &late, Durability::Durable).unwrap();
    second.record("b", wanted(1), damaged());
    first.record("a", wanted(1), Outcome::Right);
    first.record("b", wanted(1), Outcome::Right);
    second.finish().unwrap();
    first.finish().unwrap();
    assert_eq!(names(&store, DIRECTORY).len(), 2);
    let stamps = read_at(&store, 3000);
    assert_eq!(verified_at(&stamps, "a"), Some(1000));
    assert_eq!(
        stamps.damage("b", wanted(1)).unwrap().at_ms / 1000,
        START_SECONDS + 2000
    );
    run(&store, 3000, &[("c", Outcome::Right)]).unwrap();
    assert_eq!(names(&store, DIRECTORY).len(), 1);
}

#[test]
fn a_clock_that_was_put_back_neither_dates_files_newer_than_now_nor_hides_damage() {
    let store = memory();
    run(&store, 900_000, &[("a", Outcome::Right), ("b", Outcome::Right)]).unwrap();
    assert_eq!(verified_at(&read_at(&store, 5), "a"), Some(5));
    run(&store, 100, &[("b", damaged())]).unwrap();
    let stamps = read_at(&store, 5000);
    // Just before that run, so before all files that it has read.
    assert_eq!(verified_at(&stamps, "a"), Some(99));
    assert!(stamps.damage("b", wanted(1)).is_some());
    // Also where the files of both clocks are there.
    let other = memory();
    run(&other, 900_000, &[("b", Outcome::Right)]).unwrap();
    let alone = memory();
    run(&alone, 100, &[("b", damaged())]).unwrap();
    let text = alone.read(&key(&only(&alone)), 10_000).unwrap();
    put(&other, &format!("{DIRECTORY}/x"), &text);
    assert!(read_at(&other, 5000).damage("b", wanted(1)).is_some());
}

/// The one file of stamps.
fn only(store: &Store) -> String {
    let found: Vec<String> = names(store, DIRECTORY).into_iter().collect();
    let [name] = found.as_slice() else {
        panic!("{found:?}");
    };
    format!("{DIRECTORY}/{name}")
}

#[test]
fn files_that_are_damaged_or_of_another_version_are_no_error() {
    let store = memory();
    run(&store, 0, &[("a", Outcome::Right)]).unwrap();
    let mut text = store.read(&key(&only(&store)), 10_000).unwrap();
    text[30] ^= 1;
    put(&store, &only(&store), &text);
    let newer = br#"{"stonekeep_verified":2}
{"end":{"lines":1,"crc32c":"#;
    let crc = crc32c(&newer[..25]);
    let newer = [&newer[..], crc.to_string().as_bytes(), b"}}\n"].concat();
    put(&store, "stonekeep/verified/newer", &newer);
    put(&store, "stonekeep/verified/garbage", b"\xff\n\n");
    put(&store, "stonekeep/verified/empty", b"");
    let stamps = read_at(&store, 10);
    assert!(stamps.is_complete());
    assert_eq!(verified_at(&stamps, "a"), None);
    run(&store, 10, &[("b", Outcome::Right)]).unwrap();
    let left = names(&store, DIRECTORY);
    assert!(left.contains("newer") && left.len() == 2, "{left:?}");
    assert_eq!(verified_at(&read_at(&store, 10), "b"), Some(10));
    // A file that cannot be read may say anything.
    let unreadable = FaultStore::unreadable(store.clone(), key("stonekeep/verified/newer"));
    let stamps = read_at(&unreadable, 10);
    assert!(!stamps.is_complete());
    assert!(stamps.unread().unwrap().starts_with("stonekeep/verified/newer: "));
}

fn crc32c(bytes: &[u8]) -> u32 {
    let mut state = !0_u32;
    for byte in bytes {
        state ^= u32::from(*byte);
        for _ in 0..8 {
            state = (state >> 1) ^ (0x82f6_3b78 & (state & 1).wrapping_neg());
        }
    }
    !state
}

#[test]
fn a_long_run_has_few_files_and_writes_each_stamp_few_times() {
    const FILES: usize = 1000;
    let record = RecordStore::new(memory());
    let store: Store = record.clone().into();
    let clock = clock(0);
    let recorder = Recorder::begin(&store, &clock, Durability::Durable).unwrap();
    let mut most = 0;
    for number in 0..FILES {
        recorder.record(&format!("file {number}"), wanted(1), Outcome::Right);
        clock.advance(Duration::from_secs(300));
        most = most.max(names(&store, DIRECTORY).len());
        // Killed here, it would have lost one stamp.
        if number % 100 == 0 {
            let stamps = verified::read(&store, clock.now()).unwrap();
            let known =
                (0..number).filter(|number| verified_at(&stamps, &format!("file {number}")).is_some());
            assert!(known.count() + 1 >= number);
        }
    }
    assert!(most <= 12, "{most} files");
    recorder.finish().unwrap();
    assert_eq!(names(&store, DIRECTORY).len(), 1);
    let stamps = verified::read(&store, clock.now()).unwrap();
    let known: BTreeSet<usize> = (0..FILES)
        .filter(|number| verified_at(&stamps, &format!("file {number}")).is_some())
        .collect();
    assert_eq!(known.len(), FILES);
}

#[test]
fn a_place_that_cannot_be_written_gets_no_stamps() {
    let store = memory();
    run(&store, 0, &[("a", Outcome::Right)]).unwrap();
    let clock = clock(100);
    let refusing = FaultStore::kill_at(store.clone(), 1);
    let recorder = Recorder::begin(&refusing, &clock, Durability::Durable).unwrap();
    recorder.record("b", wanted(1), Outcome::Right);
    recorder.finish().unwrap_err();
    assert_eq!(verified_at(&read_at(&store, 200), "b"), None);
    assert_eq!(verified_at(&read_at(&store, 200), "a"), Some(0));
}

/// What somebody has found in a file with these bytes stays known, whoever reads the bytes again.
#[test]
fn what_is_in_a_file_is_known_until_somebody_looks_again() {
    let store = memory();
    let run = |seconds: u64, outcome: Outcome, found: Option<Option<String>>| {
        let clock = clock(seconds);
        let recorder = Recorder::begin(&store, &clock, Durability::Durable).unwrap();
        recorder.record_looked_into("a", wanted(1), outcome, found);
        recorder.finish().unwrap();
        let stamps = verified::read(&store, clock.now()).unwrap();
        let damage = stamps.damaged_contents("a", wanted(1)).map(str::to_owned);
        (
            damage,
            stamps
                .looked_into_ms("a", wanted(1))
                .map(|ms| ms / 1000 - START_SECONDS),
        )
    };
    let wrong = || Some("data block at byte 0".to_owned());
    assert_eq!(run(10, Outcome::Right, None), (None, None));
    assert_eq!(run(20, Outcome::Right, Some(wrong())), (wrong(), Some(20)));
    assert_eq!(run(30, Outcome::Right, None), (wrong(), Some(20)));
    assert_eq!(run(40, damaged(), None), (wrong(), Some(20)));
    verified::replaced(&store, clock(50).now(), &["a".to_owned()], Durability::Durable).unwrap();
    assert_eq!(run(60, Outcome::Right, None), (wrong(), Some(20)));
    assert_eq!(run(70, Outcome::Right, Some(None)), (None, Some(70)));
    let other = verified::read(&store, clock(80).now()).unwrap();
    assert_eq!(other.looked_into_ms("a", wanted(2)), None);
}

/// Lines of a version that did not look into files, and ones with fields that are not known here.
#[test]
fn lines_of_older_and_newer_versions_are_read() {
    let store = memory();
    let lines = concat!(
        "{\"stonekeep_verified\":1}\n",
        "{\"path\":\"a\",\"size_bytes\":10,\"crc32c\":1,\"at_ms\":1800000000000}\n",
        "{\"path\":\"b\",\"size_bytes\":10,\"crc32c\":1,\"at_ms\":1800000000000,\"later\":[1]}\n",
    );
    let end = format!(
        "{{\"end\":{{\"lines\":3,\"crc32c\":{}}}}}\n",
        crc32c::crc32c(lines.as_bytes())
    );
    put(
        &store,
        "stonekeep/verified/x",
        (lines.to_owned() + &end).as_bytes(),
    );
    let stamps = verified::read(&store, clock(10).now()).unwrap();
    for path in ["a", "b"] {
        assert!(stamps.verified_ms(path, wanted(1)).is_some(), "{path}");
        assert_eq!(stamps.looked_into_ms(path, wanted(1)), None, "{path}");
    }
}
