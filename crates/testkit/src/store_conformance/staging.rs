//! Checks of the contract on staging and publishing.

use std::io::{self, Read};
use std::sync::Barrier;
use std::thread;

use stonekeep::store::{Durability, LockWait, Persist, PutMode, Store, Upload};
use stonekeep::{Error, ErrorKind};

use super::place::{Check, Place, content, key, made, names, put, runs, stage, uploads};

pub(super) const CHECKS: &[(&str, Check)] = &[
    ("what is staged is not visible", staged_is_not_visible),
    ("staging replaces what the area had there", staging_replaces),
    ("an expected length is a hint", expected_length_is_a_hint),
    ("a failed stage leaves nothing", failed_stage_leaves_nothing),
    (
        "an error of the content comes back as it was",
        content_errors_come_back,
    ),
    ("publishing makes files visible, whole", publish_makes_visible),
    (
        "names that are taken come back, the others move",
        taken_names_come_back,
    ),
    ("what was not staged is not published", missing_is_not_published),
    ("publishing does not need a sync before", publish_without_sync),
    (
        "another handle finds, reads and publishes what was staged",
        leftovers_are_found,
    ),
    (
        "the next holder finds what was staged, by many threads at once",
        leftovers_are_found_at_once,
    ),
    ("areas are apart from each other", areas_are_apart),
    (
        "a staged file replaces nothing that was published from its place",
        no_aliases,
    ),
    ("an area's name is one plain name", area_names),
];

fn staged_is_not_visible(place: &Place) {
    let store = made(place);
    let staged = stage(&store, "7", "meta/7", b"text");
    assert_eq!(
        staged,
        Upload {
            run: "7".to_owned(),
            key: key("meta/7"),
            size_bytes: 4
        }
    );
    assert_eq!(store.stat(&key("meta/7")).unwrap(), None);
    assert_eq!(names(&store, "meta"), [""; 0]);
}

fn staging_replaces(place: &Place) {
    let store = made(place);
    stage(&store, "7", "a", b"longer than the next");
    let staged = stage(&store, "7", "a", b"next");
    assert_eq!(staged_content(&store, &staged), b"next");
    assert_eq!(uploads(&store, "7"), [staged]);
}

fn expected_length_is_a_hint(place: &Place) {
    let store = made(place);
    let bytes = vec![7; 100_000];
    for expected in [0, 10, 1 << 30] {
        let staged = store
            .upload("7", &key("a"), &mut &*bytes, expected, PutMode::IfAbsent)
            .unwrap();
        assert_eq!(staged.size_bytes, 100_000);
        assert_eq!(staged_content(&store, &staged), bytes);
    }
}

/// Content that fails after some bytes.
struct Failing(usize, Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(self.1.take().unwrap_or_else(|| io::Error::other("again")));
        }
        let count = self.0.min(buffer.len());
        self.0 -= count;
        Ok(count)
    }
}

fn failed_stage_leaves_nothing(place: &Place) {
    let store = made(place);
    let source = io::Error::new(io::ErrorKind::TimedOut, "the disk is gone");
    let mut failing = Failing(3_000_000, Some(source));
    let error = store
        .upload("7", &key("d/a"), &mut failing, 4_000_000, PutMode::IfAbsent)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert_eq!(error.io_kind(), Some(io::ErrorKind::TimedOut));
    assert!(error.to_string().contains("d/a"), "{error}");
    assert_eq!(uploads(&store, "7"), []);
}

fn content_errors_come_back(place: &Place) {
    let store = made(place);
    let mut failing = Failing(10, Some(io::Error::other(Error::stopped())));
    let error = store
        .upload("7", &key("a"), &mut failing, 20, PutMode::IfAbsent)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
}

fn publish_makes_visible(place: &Place) {
    let store = made(place);
    for (durability, name) in [(Durability::Durable, "x"), (Durability::Buffered, "y")] {
        let batch = ["d/1", "d/2", "e/f/3"].map(|path| {
            let staged = stage(&store, "7", path, path.as_bytes());
            (staged, key(&format!("{name}/{path}")))
        });
        let staged: Vec<Upload> = batch.iter().map(|(staged, _)| staged.clone()).collect();
        store.persist(Persist::Uploads(&staged), durability).unwrap();
        assert_eq!(
            store
                .finish(batch.to_vec(), PutMode::IfAbsent, durability)
                .unwrap(),
            []
        );
        assert_eq!(names(&place(), &format!("{name}/d")), ["1", "2"]);
        assert_eq!(content(&place(), &format!("{name}/e/f/3")), b"e/f/3");
        assert_eq!(uploads(&store, "7"), []);
    }
}

fn taken_names_come_back(place: &Place) {
    let store = made(place);
    put(&store, "d/2", b"old");
    let batch: Vec<_> = ["d/1", "d/2", "d/3"]
        .map(|path| (stage(&store, "7", path, b"new"), key(path)))
        .into();
    let taken = store
        .finish(batch.clone(), PutMode::IfAbsent, Durability::Durable)
        .unwrap();
    assert_eq!(taken, [batch[1].clone()]);
    assert_eq!(content(&store, "d/1"), b"new");
    assert_eq!(content(&store, "d/2"), b"old");
    assert_eq!(content(&store, "d/3"), b"new");
    assert_eq!(uploads(&store, "7"), [batch[1].0.clone()]);
    assert_eq!(staged_content(&store, &batch[1].0), b"new");
    put(&store, "d/4/inner", b"");
    let onto_directory = (batch[1].0.clone(), key("d/4"));
    let taken = store
        .finish(
            vec![onto_directory.clone()],
            PutMode::IfAbsent,
            Durability::Durable,
        )
        .unwrap();
    assert_eq!(taken, [onto_directory]);
}

fn missing_is_not_published(place: &Place) {
    let store = made(place);
    let staged = stage(&store, "7", "a", b"1");
    store.discard("7").unwrap();
    let error = store
        .finish(vec![(staged, key("a"))], PutMode::IfAbsent, Durability::Durable)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(store.stat(&key("a")).unwrap(), None);
}

fn publish_without_sync(place: &Place) {
    let store = made(place);
    let staged = stage(&store, "7", "a", b"1");
    store
        .finish(vec![(staged, key("a"))], PutMode::IfAbsent, Durability::Durable)
        .unwrap();
    assert_eq!(content(&store, "a"), b"1");
}

fn leftovers_are_found(place: &Place) {
    let first = made(place);
    assert_eq!(runs(&first), [""; 0]);
    let staged = stage(&first, "7", "private/7/CURRENT", b"MANIFEST-000004\n");
    drop(first);
    let second = place();
    assert_eq!(runs(&second), ["7"]);
    assert_eq!(uploads(&second, "7"), std::slice::from_ref(&staged));
    assert_eq!(staged_content(&second, &staged), b"MANIFEST-000004\n");
    second
        .persist(
            Persist::Uploads(std::slice::from_ref(&staged)),
            Durability::Durable,
        )
        .unwrap();
    let taken = second
        .finish(
            vec![(staged, key("private/7/CURRENT"))],
            PutMode::IfAbsent,
            Durability::Durable,
        )
        .unwrap();
    assert_eq!(taken, []);
    assert_eq!(content(&second, "private/7/CURRENT"), b"MANIFEST-000004\n");
}

fn leftovers_are_found_at_once(place: &Place) {
    let store = made(place);
    let lease = |store: &Store| store.lease(LockWait::Forever, "a test", &|| false).unwrap();
    let held = lease(&store);
    let paths: Vec<String> = (0..16).map(|n| format!("d/{n}")).collect();
    let staged: Vec<Upload> = paths
        .iter()
        .map(|path| stage(&store, "7", path, path.as_bytes()))
        .collect();
    drop(held);
    drop(store);
    // Each holder takes them over from the one before.
    for _ in 0..4 {
        let next = place();
        let _held = lease(&next);
        assert_eq!(uploads(&next, "7").len(), staged.len());
        let begin = Barrier::new(staged.len());
        thread::scope(|scope| {
            for (staged, path) in staged.iter().zip(&paths) {
                let (next, begin) = (&next, &begin);
                scope.spawn(move || {
                    begin.wait();
                    assert_eq!(staged_content(next, staged), path.as_bytes());
                });
            }
        });
    }
}

fn areas_are_apart(place: &Place) {
    let store = made(place);
    stage(&store, "7", "a", b"1");
    let kept = stage(&store, "8", "a", b"22");
    assert_eq!(runs(&store), ["7", "8"]);
    store.discard("7").unwrap();
    store.discard("7").unwrap();
    store.discard("never there").unwrap();
    assert_eq!(uploads(&store, "7"), []);
    assert_eq!(runs(&store), ["8"]);
    assert_eq!(staged_content(&store, &kept), b"22");
}

/// Where publishing is a rename that was only half durable, old and new name may be one file.
fn no_aliases(place: &Place) {
    let store = made(place);
    let staged = stage(&store, "7", "a", b"published");
    store
        .finish(vec![(staged, key("a"))], PutMode::IfAbsent, Durability::Buffered)
        .unwrap();
    stage(&store, "7", "a", b"!");
    assert_eq!(content(&store, "a"), b"published");
}

fn area_names(place: &Place) {
    let store = made(place);
    for area in ["", "..", "a/b", "/"] {
        let error = store
            .upload(area, &key("a"), &mut &b"1"[..], 1, PutMode::IfAbsent)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{area:?}");
    }
}

fn staged_content(store: &Store, staged: &Upload) -> Vec<u8> {
    let object = store.open_upload(staged).unwrap();
    let mut bytes = vec![0; object.size_bytes() as usize];
    let mut filled = 0;
    while filled < bytes.len() {
        let count = object.read_at(&mut bytes[filled..], filled as u64).unwrap();
        assert_ne!(count, 0, "the file ends early");
        filled += count;
    }
    bytes
}
