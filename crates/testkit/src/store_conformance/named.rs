//! Checks of the contract on uploads that have their keys at once, and on what their runs write down.

use std::io::{self, Read};

use stonekeep::store::{Durability, Key, PutMode, Store, Upload};
use stonekeep::{ErrorKind, Result};

use super::place::{Check, Place, content, key, made, names, runs, stage, uploads};

pub(super) const CHECKS: &[(&str, Check)] = &[
    ("an upload has its key at once", uploads_have_their_keys),
    (
        "an upload that fails leaves nothing",
        failed_uploads_leave_nothing,
    ),
    ("an upload replaces only what it may", taken_keys),
    (
        "an upload is finished under its own key only",
        finished_under_the_own_key,
    ),
    (
        "records of a run are found, read and discarded, its files stay",
        records_are_apart,
    ),
    ("a record replaces the one of its name", records_are_replaced),
    (
        "a directory of more than one page is listed whole, also again",
        pages_are_whole,
    ),
    ("all files below a directory are listed at once", files_below),
];

fn finish(store: &Store, upload: Upload, to: &Key) -> Result<Vec<(Upload, Key)>> {
    store.finish(vec![(upload, to.clone())], PutMode::IfAbsent, Durability::Durable)
}

fn uploads_have_their_keys(place: &Place) {
    let store = made(place);
    for (path, size) in [("d/empty", 0), ("d/small", 5), ("d/large", 20_000_000)] {
        let bytes: Vec<u8> = (0..size).map(|at: u32| (at % 251) as u8).collect();
        let upload = stage(&store, "7", path, &bytes);
        assert_eq!((upload.size_bytes, upload.key.as_str()), (u64::from(size), path));
        let stat = place().stat(&key(path)).unwrap().unwrap();
        assert_eq!(stat.size_bytes, u64::from(size));
        assert!(store.read(&key(path), 1 << 30).unwrap() == bytes, "{path}");
    }
    assert_eq!(names(&place(), "d"), ["empty", "large", "small"]);
    assert_eq!(uploads(&store, "7"), []);
}

/// Content that fails after some bytes.
struct Failing(usize);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the disk is gone"));
        }
        let count = self.0.min(buffer.len());
        self.0 -= count;
        Ok(count)
    }
}

fn failed_uploads_leave_nothing(place: &Place) {
    let store = made(place);
    for length in [10, 20_000_000] {
        let failed = store.upload(
            "7",
            &key("d/a"),
            &mut Failing(length),
            40_000_000,
            PutMode::IfAbsent,
        );
        assert_eq!(failed.unwrap_err().io_kind(), Some(io::ErrorKind::TimedOut));
        assert_eq!(place().stat(&key("d/a")).unwrap(), None);
        assert_eq!(names(&store, "d"), [""; 0]);
    }
}

fn taken_keys(place: &Place) {
    let store = made(place);
    stage(&store, "7", "d/a", b"old");
    let upload = |mode| store.upload("8", &key("d/a"), &mut &b"new"[..], 3, mode);
    // A store that cannot keep the old one says so in its documentation; the new one is complete then.
    match upload(PutMode::IfAbsent) {
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Refused);
            assert_eq!(content(&store, "d/a"), b"old");
        }
        Ok(_) => assert_eq!(content(&store, "d/a"), b"new"),
    }
    upload(PutMode::Replace).unwrap();
    assert_eq!(content(&store, "d/a"), b"new");
}

fn finished_under_the_own_key(place: &Place) {
    let store = made(place);
    let upload = stage(&store, "7", "d/a", b"1");
    assert_eq!(finish(&store, upload.clone(), &key("d/a")).unwrap(), []);
    assert_eq!(finish(&store, upload.clone(), &key("d/a")).unwrap(), []);
    let error = finish(&store, upload.clone(), &key("d/b")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(names(&store, "d"), ["a"]);
}

fn records_are_apart(place: &Place) {
    let store = made(place);
    assert_eq!(runs(&store), [""; 0]);
    stage(&store, "7", "d/a", b"file");
    let record = store
        .record("7", &key("journal/1"), &mut &b"complete: d/a"[..])
        .unwrap();
    let other = store.record("8", &key("journal/1"), &mut &b"8"[..]).unwrap();
    let later = place();
    assert_eq!(runs(&later), ["7", "8"]);
    assert_eq!(uploads(&later, "7"), std::slice::from_ref(&record));
    let read = |record: &Upload| {
        let object = later.open_upload(record).unwrap();
        let mut bytes = vec![0; object.size_bytes() as usize];
        let count = object.read_at(&mut bytes, 0).unwrap();
        bytes.truncate(count);
        bytes
    };
    assert_eq!(read(&record), b"complete: d/a");
    later.discard("7").unwrap();
    later.discard("7").unwrap();
    assert_eq!(runs(&later), ["8"]);
    assert_eq!(read(&other), b"8");
    assert_eq!(content(&later, "d/a"), b"file");
    for run in ["", "..", "a/b", "/"] {
        let error = store.record(run, &key("a"), &mut &b"1"[..]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{run:?}");
    }
}

fn records_are_replaced(place: &Place) {
    let store = made(place);
    store
        .record("7", &key("partial"), &mut &b"longer than the next"[..])
        .unwrap();
    let record = store.record("7", &key("partial"), &mut &b"next"[..]).unwrap();
    assert_eq!(record.size_bytes, 4);
    assert_eq!(uploads(&place(), "7"), [record]);
}

/// Stores list 1,000 names at a time.
fn pages_are_whole(place: &Place) {
    const FILES: usize = 1_050;
    let (store, name) = (made(place), |number: usize| format!("{number:06}"));
    std::thread::scope(|scope| {
        for first in 0..32 {
            let store = &store;
            scope.spawn(move || {
                for number in (first..FILES).step_by(32) {
                    stage(store, "7", &format!("d/{}", name(number)), b"1");
                }
            });
        }
    });
    let mut expected: Vec<String> = (0..FILES).map(name).collect();
    assert_eq!(names(&store, "d"), expected);
    // The last name of the first page goes, others come before and after it.
    store.delete_one(&key("d/000999")).unwrap();
    for come in ["000500-between", "000999-after", "002000"] {
        stage(&store, "7", &format!("d/{come}"), b"1");
        expected.push(come.to_owned());
    }
    expected.retain(|name| name != "000999");
    expected.sort();
    assert_eq!(names(&store, "d"), expected);
    assert_eq!(names(&place(), "d"), expected);
}

fn files_below(place: &Place) {
    let store = made(place);
    for path in ["d/a", "d/1/b", "d/1/2/c", "dd/e", "f"] {
        stage(&store, "7", path, path.as_bytes());
    }
    let mut found = Vec::new();
    let is_listed = store.visit_below(&key("d"), &mut |key, stat| {
        found.push((key.to_string(), stat.size_bytes));
    });
    assert!(is_listed.unwrap());
    found.sort();
    let expected = [("d/1/2/c", 7), ("d/1/b", 5), ("d/a", 3)];
    assert_eq!(found, expected.map(|(path, size)| (path.to_owned(), size)));
    assert!(
        store
            .visit_below(&key("none"), &mut |key, _| panic!("{key}"))
            .unwrap()
    );
}
