//! Bodies that end before their objects do: what is missing is asked for again, and nothing short is taken for whole.

use std::io::Read;
use std::sync::Arc;

use stonekeep::store::remote::RemoteStore;
use stonekeep::store::{Key, ObjectReader, Store};

use crate::support::faults::How::{Broken, Cut};
use crate::support::faults::{Fault, How, Verb, When};
use crate::support::faulty_objects::{Create, FaultyObjects};

/// One request for it, if nothing goes wrong.
const SMALL_BYTES: usize = 1_000_000;
/// Two ranges of 16 MiB.
const LARGE_BYTES: usize = 20 << 20;

/// A store with an object of so many bytes, the reads of which are cut in these ways, after the first `whole` of them.
fn store_cut(size_bytes: usize, whole: usize, cuts: &[How]) -> (Arc<FaultyObjects>, Store, Vec<u8>) {
    let bytes: Vec<u8> = (0..size_bytes).map(|at| (at % 251) as u8).collect();
    let objects = FaultyObjects::new(Create::Honoured);
    objects.put_behind("p/a", &bytes);
    objects.fail(cuts.iter().map(|how| Fault {
        verb: Verb::Get,
        path_has: "p/a",
        nth: whole,
        when: When::After,
        how: *how,
    }));
    let store = RemoteStore::new(Arc::clone(&objects) as _, "p", "objects of a test").unwrap();
    (objects, store.into(), bytes)
}

fn read_all(store: &Store) -> std::io::Result<Vec<u8>> {
    let object = store.open(&Key::new("a").unwrap()).unwrap();
    let mut bytes = Vec::new();
    ObjectReader::new(object.as_ref()).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[test]
fn a_body_that_ends_early_is_read_on_where_it_ended() {
    for cuts in [
        &[Cut(1000)][..],
        &[Cut(0), Cut(0)],
        &[Cut(1000), Cut(0), Broken(500), Broken(0)],
    ] {
        let (objects, store, expected) = store_cut(SMALL_BYTES, 0, cuts);
        assert!(read_all(&store).unwrap() == expected, "{cuts:?}");
        assert_eq!(objects.requests(Verb::Get), cuts.len() + 1, "{cuts:?}");
    }
}

#[test]
fn bodies_without_a_byte_are_an_error_in_the_end() {
    let (objects, store, expected) = store_cut(SMALL_BYTES, 0, &[Cut(1000), Cut(0), Cut(0)]);
    let error = read_all(&store).unwrap_err();
    assert!(
        format!("{error:?}").contains("the body ended at 1000 of 1000000 bytes"),
        "{error:?}"
    );
    assert_eq!((objects.requests(Verb::Get), objects.faults_left()), (3, 0));
    assert!(read_all(&store).unwrap() == expected);
}

#[test]
fn a_range_that_is_fetched_ahead_is_fetched_again_as_a_whole() {
    let (objects, store, expected) = store_cut(LARGE_BYTES, 1, &[Cut(5), Broken(1 << 20)]);
    assert!(read_all(&store).unwrap() == expected);
    assert_eq!(objects.requests(Verb::Get), 2 + 2);
    let (objects, cut, _) = store_cut(LARGE_BYTES, 1, &[Cut(5); 3]);
    let error = read_all(&cut).unwrap_err();
    let text = format!("{error:?}");
    assert!(text.contains("the body ended after 5 of 4194304 bytes"), "{text}");
    assert_eq!(objects.faults_left(), 0);
}
