//! Large objects are read in ranges, several at a time, all of one version.

use std::io::Read;
use std::sync::Arc;
use std::thread;

use stonekeep::store::remote::RemoteStore;
use stonekeep::store::{Key, ObjectReader, Store};

use crate::support::faults::{Fault, How, Verb, When};
use crate::support::faulty_objects::{Create, FaultyObjects};

const LARGE_BYTES: usize = 60_000_000;
/// Of 16 MiB each.
const RANGES: usize = 4;

fn bytes(seed: u32) -> Vec<u8> {
    (0..LARGE_BYTES as u32)
        .map(|at| (at.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 24) as u8)
        .collect()
}

fn store_with(path: &str, bytes: &[u8]) -> (Arc<FaultyObjects>, Store) {
    let objects = FaultyObjects::new(Create::Honoured);
    objects.put_behind(path, bytes);
    let store = RemoteStore::new(Arc::clone(&objects) as _, "p", "objects of a test").unwrap();
    (objects, store.into())
}

fn key(path: &str) -> Key {
    Key::new(path).unwrap()
}

fn read_all(store: &Store, path: &str) -> std::io::Result<Vec<u8>> {
    let object = store.open(&key(path)).unwrap();
    let mut bytes = Vec::new();
    ObjectReader::new(object.as_ref()).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[test]
fn each_range_is_asked_for_once() {
    let expected = bytes(1);
    let (objects, store) = store_with("p/a", &expected);
    assert!(read_all(&store, "a").unwrap() == expected);
    assert_eq!(objects.requests(Verb::Get), RANGES);
    // The end alone: the first range is asked for with the size, and then the last bytes.
    let object = store.open(&key("a")).unwrap();
    let mut end = [0; 100];
    let at = LARGE_BYTES - 100;
    assert_eq!(object.read_at(&mut end, at as u64).unwrap(), 100);
    assert!(end == expected[at..]);
    assert_eq!(objects.requests(Verb::Get), RANGES + 2);
}

#[test]
fn small_and_empty_objects_are_read() {
    for length in [0, 1, 16 << 20, (16 << 20) + 1] {
        let expected = &bytes(2)[..length];
        let (_, store) = store_with("p/a", expected);
        assert_eq!(store.open(&key("a")).unwrap().size_bytes(), length as u64);
        assert!(read_all(&store, "a").unwrap() == expected, "{length}");
    }
}

#[test]
fn a_range_that_fails_is_asked_for_again() {
    let expected = bytes(3);
    for nth in 1..RANGES {
        for how in [How::Reset, How::Unavailable] {
            let (objects, store) = store_with("p/a", &expected);
            objects.fail([Fault {
                verb: Verb::Get,
                path_has: "",
                nth,
                when: When::Before,
                how,
            }]);
            assert!(read_all(&store, "a").unwrap() == expected, "{nth} {how:?}");
        }
    }
}

#[test]
fn another_version_is_an_error_and_never_a_mixture() {
    let (objects, store) = store_with("p/a", &bytes(4));
    let object = store.open(&key("a")).unwrap();
    let mut reader = ObjectReader::new(object.as_ref());
    let mut first = vec![0; 100];
    reader.read_exact(&mut first).unwrap();
    objects.put_behind("p/a", &bytes(5));
    let error = reader.read_to_end(&mut first).unwrap_err();
    assert!(format!("{error:?}").contains("took its place"), "{error:?}");
}

/// Two readers together would fetch more ahead than a store may hold: the later one fetches a range when it needs it.
#[test]
fn two_objects_that_are_read_side_by_side_share_what_may_be_fetched_ahead() {
    let expected = [bytes(7), bytes(8)];
    let (objects, store) = store_with("p/a", &expected[0]);
    objects.put_behind("p/b", &expected[1]);
    let opened = ["a", "b"].map(|path| store.open(&key(path)).unwrap());
    let mut readers = opened.each_ref().map(|object| ObjectReader::new(object.as_ref()));
    let mut read = [Vec::new(), Vec::new()];
    while read[0].len() < LARGE_BYTES {
        for (reader, read) in readers.iter_mut().zip(&mut read) {
            reader.take(2 << 20).read_to_end(read).unwrap();
        }
    }
    assert!(read == expected);
    assert_eq!(objects.requests(Verb::Get), 2 * RANGES);
}

#[test]
fn many_objects_are_read_at_once() {
    let expected = bytes(6);
    let (_, store) = store_with("p/a", &expected);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(read_all(&store, "a").unwrap() == expected));
        }
    });
}
