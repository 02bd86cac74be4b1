//! What an object store refuses, or answers in its own way, is told as it is, and asked for no more often than it does good.

use std::io::{self, Read};

use stonekeep::ErrorKind;
use stonekeep::store::{Durability, Put, PutContent, PutMode, Upload};

use super::remote_upload::{RUN, key, large, store_of, upload};
use crate::support::faults::{Fault, How, Verb, When};
use crate::support::faulty_objects::{Create, FaultyObjects};

fn fault(verb: Verb, how: How) -> Fault {
    Fault {
        verb,
        path_has: "",
        nth: 0,
        when: When::Before,
        how,
    }
}

#[test]
fn an_upload_cannot_be_resumed_and_stays_as_it_is() {
    let objects = FaultyObjects::new(Create::Honoured);
    let store = store_of(&objects);
    upload(&store, "tables/1", b"the first part");
    let half = Upload {
        run: RUN.to_owned(),
        key: key("tables/1"),
        size_bytes: 5,
    };
    let error = store
        .resume(&half, "8", &mut &b" and the rest"[..], 18)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(
        error.to_string().contains("tables/1: no object can be extended"),
        "{error}"
    );
    assert_eq!(objects.contents()["p/tables/1"], b"the first part");
}

#[test]
fn an_object_that_may_not_be_looked_at_is_not_taken_for_absent() {
    let objects = FaultyObjects::new(Create::Honoured);
    objects.fail([fault(Verb::Head, How::Denied)]);
    let error = store_of(&objects).stat(&key("meta/1")).unwrap_err();
    assert_eq!(error.io_kind(), Some(io::ErrorKind::PermissionDenied));
    assert!(error.to_string().contains("asking for meta/1"), "{error}");
    assert!(error.hint().unwrap().contains("s3:ListBucket"), "{error:?}");
    assert_eq!(store_of(&objects).stat(&key("meta/1")).unwrap(), None);
}

/// The first look at a key may not see what another process has just put there.
#[test]
fn a_key_that_is_taken_between_the_look_and_the_put_is_compared() {
    for (theirs, expected) in [
        (&b"ours"[..], Put::Same),
        (b"them", Put::Taken),
        (b"longer", Put::Taken),
    ] {
        let objects = FaultyObjects::new(Create::Honoured);
        objects.put_behind("p/ids/1", theirs);
        objects.fail([fault(Verb::Head, How::Hidden)]);
        let content = PutContent::Bytes(b"ours");
        let put = store_of(&objects).put(
            RUN,
            &key("ids/1"),
            content,
            PutMode::IfAbsent,
            Durability::Durable,
        );
        assert_eq!(put.unwrap(), expected);
        assert_eq!((objects.faults_left(), objects.requests(Verb::Put)), (0, 1));
        assert_eq!(objects.contents()["p/ids/1"], theirs);
    }
}

/// A second completion has destroyed objects, so that even one that is refused, or whose upload is gone, is not sent again.
#[test]
fn a_completion_that_fails_is_sent_once_and_its_file_is_in_doubt() {
    for how in [How::Denied, How::Hidden, How::Unavailable] {
        let objects = FaultyObjects::new(Create::Honoured);
        let store = store_of(&objects);
        objects.fail([fault(Verb::Complete, how)]);
        let bytes = large(1);
        let size_bytes = bytes.len() as u64;
        let sent = store.upload(RUN, &key("tables/1"), &mut &*bytes, size_bytes, PutMode::IfAbsent);
        let error = sent.unwrap_err();
        assert!(
            error.to_string().contains("completing p/tables/1"),
            "{how:?}: {error}"
        );
        assert_eq!(objects.requests(Verb::Complete), 1, "{how:?}");
        assert_eq!(objects.requests(Verb::Abort), 0, "{how:?}");
        let [left] = store.leftovers().unwrap().try_into().unwrap();
        assert_eq!(left.doubtful, [key("tables/1")], "{how:?}");
        // The engine's answer to it.
        let again = store.upload(RUN, &key("tables/1"), &mut &*bytes, size_bytes, PutMode::Replace);
        assert_eq!(again.unwrap().size_bytes, size_bytes);
        assert!(objects.contents()["p/tables/1"] == bytes, "{how:?}");
        assert_eq!(objects.violations(), [""; 0], "{how:?}");
    }
}

#[test]
fn parts_that_cannot_be_removed_do_not_hide_why_the_upload_failed() {
    let objects = FaultyObjects::new(Create::Honoured);
    objects.fail([fault(Verb::Part, How::Denied), fault(Verb::Abort, How::Denied)]);
    let bytes = large(1);
    let store = store_of(&objects);
    let sent = store.upload(
        RUN,
        &key("a"),
        &mut &*bytes,
        bytes.len() as u64,
        PutMode::IfAbsent,
    );
    let error = sent.unwrap_err();
    assert_eq!(error.io_kind(), Some(io::ErrorKind::PermissionDenied));
    assert!(error.to_string().contains("writing p/a"), "{error}");
    assert_eq!((objects.faults_left(), objects.uploads_under_way()), (0, 1));
    assert!(objects.contents().is_empty());
}

#[test]
fn four_parts_of_a_file_are_on_the_way_at_most() {
    const PART_BYTES: usize = 8 << 20;
    let objects = FaultyObjects::new(Create::Honoured);
    let size_bytes = 8 * PART_BYTES as u64;
    let mut content = io::repeat(7).take(size_bytes);
    let store = store_of(&objects);
    let sent = store.upload(RUN, &key("a"), &mut content, size_bytes, PutMode::IfAbsent);
    assert_eq!(sent.unwrap().size_bytes, size_bytes);
    let most = objects.most_moving_bytes();
    assert!(most > PART_BYTES && most <= 4 * PART_BYTES, "{most}");
    let contents = objects.contents();
    assert!(contents["p/a"].len() as u64 == size_bytes && contents["p/a"].iter().all(|byte| *byte == 7));
}

#[test]
fn a_deletion_that_the_answer_does_not_name_is_made_again() {
    let objects = FaultyObjects::new(Create::Honoured);
    for path in ["p/a", "p/b", "p/c"] {
        objects.put_behind(path, b"x");
    }
    let unnamed = Fault {
        path_has: "p/b",
        ..fault(Verb::Delete, How::Unnamed)
    };
    // Once among the others, once alone.
    objects.fail([unnamed.clone(), unnamed]);
    let left = store_of(&objects).delete(&["a", "b", "c"].map(key));
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(objects.faults_left(), 0);
    assert!(objects.contents().is_empty());
}
