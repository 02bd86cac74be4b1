//! The store in a local directory: the contract, then what only a file system can do to it.

use std::fs;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode};
use stonekeep::ErrorKind;
use stonekeep::store::local::{LocalStore, SyncMethod};
use stonekeep::store::{
    Durability, EntryKind, Key, LockWait, ObjectReader, Persist, PutContent, PutMode, Store, Upload,
};
use stonekeep_testkit::store_conformance;
use stonekeep_testkit::store_conformance::uploads;
use tempfile::TempDir;

const SMALL_BUFFER: NonZeroUsize = NonZeroUsize::new(1000).unwrap();

pub(super) fn key(path: &str) -> Key {
    Key::new(path).unwrap()
}

pub(super) fn made() -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::from(LocalStore::new(directory.path()));
    (directory, store)
}

fn stage(store: &Store, path: &str, content: &[u8]) -> Upload {
    store
        .upload("1", &key(path), &mut &*content, 0, PutMode::IfAbsent)
        .unwrap()
}

pub(super) fn put(store: &Store, path: &str, content: &[u8]) {
    let staged = stage(store, path, content);
    store
        .finish(vec![(staged, key(path))], PutMode::IfAbsent, Durability::Durable)
        .unwrap();
}

#[test]
fn a_file_that_grows_or_shrinks_while_it_is_read_is_an_error() {
    for (content, kind) in [
        (&b"123456 and more"[..], io::ErrorKind::Other),
        (b"1234", io::ErrorKind::UnexpectedEof),
    ] {
        let (directory, store) = made();
        store.create_root(Durability::Buffered).unwrap();
        put(&store, "a", b"123456");
        let object = store.open(&key("a")).unwrap();
        let mut stream = ObjectReader::new(object.as_ref());
        stream.read_exact(&mut [0; 3]).unwrap();
        fs::write(directory.path().join("a"), content).unwrap();
        let error = stream.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), kind);
        let sizes = format!("it had 6 bytes when it was opened, and has {} now", content.len());
        assert_eq!(error.to_string(), sizes);
    }
}

fn make_fifo(path: &Path) {
    let mode = Mode::from_raw_mode(0o644);
    rustix::fs::mknodat(CWD, path, FileType::Fifo, mode, 0).unwrap();
}

#[test]
fn keeps_the_contract() {
    store_conformance::run(|| {
        let directory = tempfile::tempdir().unwrap();
        Box::new(move || Store::from(LocalStore::new(directory.path().join("repo"))))
    });
}

#[test]
fn keeps_the_contract_with_every_way_to_sync() {
    for method in [SyncMethod::Syncfs, SyncMethod::Files] {
        store_conformance::run(|| {
            let directory = tempfile::tempdir().unwrap();
            let root = directory.path().join("repo");
            Box::new(move || {
                let _keep = &directory;
                Store::from(LocalStore::new(&root).with_sync_method(method))
            })
        });
    }
}

#[test]
fn keeps_the_contract_with_a_small_buffer_and_a_linked_root() {
    store_conformance::run(|| {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("above")).unwrap();
        symlink("above", directory.path().join("link")).unwrap();
        let root = directory.path().join("link/repo");
        Box::new(move || {
            let _keep = &directory;
            Store::from(LocalStore::new(&root).with_buffer_bytes(SMALL_BUFFER))
        })
    });
}

#[test]
fn the_root_may_be_a_link_and_needs_its_parent() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("real")).unwrap();
    symlink("real", directory.path().join("link")).unwrap();
    let store = Store::from(LocalStore::new(directory.path().join("link")));
    assert!(store.exists().unwrap());
    store.create_root(Durability::Durable).unwrap();
    put(&store, "a", b"1");
    assert_eq!(fs::read(directory.path().join("real/a")).unwrap(), b"1");

    let orphan = Store::from(LocalStore::new(directory.path().join("no/such")));
    assert!(!orphan.exists().unwrap());
    let error = orphan.create_root(Durability::Durable).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let file = Store::from(LocalStore::new(directory.path().join("real/a")));
    assert_eq!(file.exists().unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert!(file.create_root(Durability::Durable).is_err());
}

#[test]
fn links_below_the_root_are_never_followed() {
    let (directory, store) = made();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    fs::create_dir(outside.path().join("below")).unwrap();
    fs::write(outside.path().join("below/secret"), "secret").unwrap();
    fs::create_dir(directory.path().join("own")).unwrap();
    symlink(outside.path(), directory.path().join("own/dir")).unwrap();
    symlink(outside.path(), directory.path().join("dir")).unwrap();
    symlink(outside.path().join("secret"), directory.path().join("file")).unwrap();

    for path in ["file", "dir", "dir/secret", "dir/below/secret", "own/dir/secret"] {
        let error = store.stat(&key(path)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{path}");
        assert_eq!(store.open(&key(path)).err().unwrap().kind(), ErrorKind::Corrupt);
        let target = key("elsewhere");
        let error = store
            .put(
                "copies",
                &target,
                PutContent::CopyOf(&key(path)),
                PutMode::IfAbsent,
                Durability::Durable,
            )
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{path}");
    }
    assert!(store.list(Some(&key("dir"))).is_err());
    assert!(store.delete_one(&key("dir/secret")).is_err());
    assert!(store.pin(&key("dir/pin"), b"").is_err());
    let staged = stage(&store, "a", b"1");
    let into_link = vec![(staged.clone(), key("dir/a"))];
    assert!(
        store
            .finish(into_link, PutMode::IfAbsent, Durability::Durable)
            .is_err()
    );
    let onto_link = vec![(staged, key("file"))];
    assert_eq!(
        store
            .finish(onto_link.clone(), PutMode::IfAbsent, Durability::Durable)
            .unwrap(),
        onto_link
    );
    let link = directory.path().join("file");
    assert!(link.is_symlink());
    store.delete_one(&key("file")).unwrap();
    assert!(!link.is_symlink());
    assert_eq!(
        fs::read_to_string(outside.path().join("secret")).unwrap(),
        "secret"
    );
    assert_eq!(fs::read_dir(outside.path().join("below")).unwrap().count(), 1);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 2);
}

#[test]
fn staging_never_leaves_through_a_link() {
    let (directory, store) = made();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("kept"), "kept").unwrap();
    fs::create_dir_all(directory.path().join("stonekeep/tmp/1/deep")).unwrap();
    let area = directory.path().join("stonekeep/tmp/1");
    symlink(outside.path(), area.join("link")).unwrap();
    symlink(outside.path().join("kept"), area.join("deep/kept")).unwrap();
    make_fifo(&area.join("fifo"));

    assert!(
        store
            .upload("1", &key("link/a"), &mut &b"1"[..], 1, PutMode::IfAbsent)
            .is_err()
    );
    stage(&store, "deep/kept", b"staged");
    let staged = uploads(&store, "1");
    assert_eq!(staged.len(), 1);
    assert_eq!(staged[0].key, key("deep/kept"));
    store.discard("1").unwrap();
    assert!(!area.exists());
    assert_eq!(fs::read_to_string(outside.path().join("kept")).unwrap(), "kept");
}

#[test]
fn a_linked_lock_is_not_taken() {
    let (directory, store) = made();
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), "kept").unwrap();
    fs::create_dir(directory.path().join("stonekeep")).unwrap();
    symlink(outside.path(), directory.path().join("stonekeep/lock")).unwrap();
    let error = store.lease(LockWait::Fail, "me", &|| false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(fs::read_to_string(outside.path()).unwrap(), "kept");
}

#[test]
fn a_fifo_does_not_hang_anything() {
    let (directory, store) = made();
    fs::create_dir_all(directory.path().join("stonekeep/pins")).unwrap();
    make_fifo(&directory.path().join("fifo"));
    make_fifo(&directory.path().join("stonekeep/lock"));
    let pin = key("stonekeep/pins/0123");
    make_fifo(&directory.path().join(pin.as_str()));

    assert_eq!(store.open(&key("fifo")).err().unwrap().kind(), ErrorKind::Corrupt);
    let error = store.lease(LockWait::Fail, "me", &|| false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(store.sweep_pin(&pin, &|| false).is_err());
    let entries = store.list(None).unwrap();
    let fifo = entries.iter().find(|entry| entry.name == "fifo").unwrap();
    assert_eq!((fifo.kind, fifo.size_bytes), (EntryKind::Other, 0));
    store.delete_one(&key("fifo")).unwrap();
    assert!(!directory.path().join("fifo").exists());
}

#[test]
fn names_that_no_key_can_have_are_listed_as_other() {
    use std::os::unix::ffi::OsStrExt;
    let (directory, store) = made();
    for name in [&b"line\nbreak"[..], b"not\xffutf8", b"back\\slash", b"fine"] {
        fs::write(directory.path().join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
    }
    let mut seen: Vec<_> = store
        .list(None)
        .unwrap()
        .into_iter()
        .map(|e| (e.name, e.kind))
        .collect();
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    let other = EntryKind::Other;
    let expected = [
        ("back\\slash", other),
        ("fine", EntryKind::File),
        ("line\nbreak", other),
    ];
    for (seen, expected) in seen.iter().zip(expected) {
        assert_eq!((seen.0.as_str(), seen.1), expected);
    }
    assert_eq!(seen[3], ("not\u{fffd}utf8".to_owned(), other));
}

#[test]
fn empty_directories_are_deleted() {
    let (directory, store) = made();
    fs::create_dir_all(directory.path().join("private/3")).unwrap();
    store.delete_one(&key("private/3")).unwrap();
    assert!(!directory.path().join("private/3").exists());
}

/// The store keeps directories open that it has worked in.
#[test]
fn a_directory_that_was_removed_or_replaced_is_found_again() {
    let (directory, store) = made();
    put(&store, "d/a", b"1");
    fs::remove_dir_all(directory.path().join("d")).unwrap();
    assert_eq!(store.stat(&key("d/a")).unwrap(), None);
    put(&store, "d/a", b"2");
    assert_eq!(fs::read(directory.path().join("d/a")).unwrap(), b"2");

    fs::rename(directory.path().join("d"), directory.path().join("e")).unwrap();
    fs::create_dir(directory.path().join("d")).unwrap();
    assert_eq!(store.list(Some(&key("d"))).unwrap(), []);
    put(&store, "d/b", b"3");
    assert_eq!(fs::read(directory.path().join("d/b")).unwrap(), b"3");
    assert_eq!(fs::read(directory.path().join("e/a")).unwrap(), b"2");
}

#[test]
fn a_staged_file_that_was_cut_short_is_not_published() {
    let (directory, store) = made();
    let staged = stage(&store, "a", b"12345");
    let path = directory.path().join("stonekeep/tmp/1/a");
    fs::OpenOptions::new()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(3)
        .unwrap();
    let error = store
        .finish(vec![(staged, key("a"))], PutMode::IfAbsent, Durability::Durable)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(store.stat(&key("a")).unwrap(), None);
}

/// A crash in the middle of a rename may leave one file under both names.
#[test]
fn a_file_that_is_staged_and_published_at_once_keeps_its_content() {
    let (directory, store) = made();
    put(&store, "a", b"published");
    fs::create_dir_all(directory.path().join("stonekeep/tmp/1")).unwrap();
    fs::hard_link(
        directory.path().join("a"),
        directory.path().join("stonekeep/tmp/1/a"),
    )
    .unwrap();
    let leftover = uploads(&store, "1").pop().unwrap();
    let batch = vec![(leftover, key("a"))];
    assert_eq!(
        store
            .finish(batch.clone(), PutMode::IfAbsent, Durability::Durable)
            .unwrap(),
        batch
    );
    stage(&store, "a", b"staged again");
    assert_eq!(store.read(&key("a"), 100).unwrap(), b"published");
}

/// Above the number up to which files are synced one by one.
#[test]
fn large_batches_are_synced_and_published() {
    let (_directory, store) = made();
    let batch: Vec<(Upload, Key)> = (0..100)
        .map(|n| (stage(&store, &format!("d/{n}"), b"x"), key(&format!("d/{n}"))))
        .collect();
    let staged: Vec<Upload> = batch.iter().map(|(staged, _)| staged.clone()).collect();
    store
        .persist(Persist::Uploads(&staged), Durability::Durable)
        .unwrap();
    assert_eq!(
        store
            .finish(batch.clone(), PutMode::IfAbsent, Durability::Durable)
            .unwrap(),
        []
    );
    let keys: Vec<Key> = batch.into_iter().map(|(_, key)| key).collect();
    store.persist(Persist::Files(&keys), Durability::Durable).unwrap();
    let missing = store.persist(
        Persist::Files(&[keys, vec![key("d/100")]].concat()),
        Durability::Durable,
    );
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn modes_and_owners_are_ordinary() {
    let (directory, store) = made();
    put(&store, "d/a", b"1");
    let mode = |path: &str| fs::metadata(directory.path().join(path)).unwrap().mode() & 0o777;
    assert_eq!(mode("d/a") & !0o644, 0);
    assert_eq!(mode("d/a") & 0o600, 0o600);
    assert_eq!(mode("d") & 0o700, 0o700);
    assert_eq!(mode("d") & !0o755, 0);
}

#[test]
fn an_open_file_has_its_descriptor() {
    let (directory, store) = made();
    put(&store, "a", b"12345");
    let object = store.open(&key("a")).unwrap();
    assert_eq!(object.local_file().unwrap().file.metadata().unwrap().len(), 5);
    assert_eq!(store.directory(), Some(directory.path()));
    assert_eq!(store.location(), directory.path().display().to_string());
}
