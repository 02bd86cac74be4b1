//! What a directory refuses, and what is in the way.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use stonekeep::ErrorKind;
use stonekeep::store::local::LocalStore;
use stonekeep::store::{Durability, Put, PutContent, PutMode, Store, SweptUploads, UploadSweep};

use super::local::{key, made, put};

fn store(path: impl AsRef<Path>) -> Store {
    Store::from(LocalStore::new(path.as_ref()))
}

#[test]
fn a_root_below_a_file_cannot_be_there_and_cannot_be_made() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "mine").unwrap();
    let root = file.join("repository");
    let error = store(&root).exists().unwrap_err();
    assert_eq!(error.io_kind(), Some(io::ErrorKind::NotADirectory));
    assert_eq!(error.to_string(), format!("looking at {}", root.display()));
    let error = store(&root).create_root(Durability::Durable).unwrap_err();
    assert!(error.to_string().contains(root.to_str().unwrap()), "{error}");
    let error = store(&file).create_root(Durability::Durable).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(error.to_string(), format!("{} is no directory", file.display()));
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

/// There is no directory above in which its name would have to be made durable.
#[test]
fn the_root_of_the_file_system_is_there() {
    let store = store("/");
    assert!(store.exists().unwrap());
    store.create_root(Durability::Durable).unwrap();
}

#[test]
fn a_file_replaces_no_directory() {
    let (directory, store) = made();
    put(&store, "meta/1/x", b"x");
    let put_one = |mode| {
        let content = PutContent::Bytes(b"1");
        store.put("7", &key("meta/1"), content, mode, Durability::Durable)
    };
    assert_eq!(put_one(PutMode::IfAbsent).unwrap(), Put::Taken);
    put_one(PutMode::Replace).unwrap_err();
    assert_eq!(fs::read(directory.path().join("meta/1/x")).unwrap(), b"x");
}

#[test]
fn there_are_no_uploads_in_parts_to_sweep() {
    let (_directory, store) = made();
    put(&store, "a", b"x");
    for sweep in [UploadSweep::Count, UploadSweep::Abort] {
        let swept = store.sweep_uploads(Duration::ZERO, sweep).unwrap();
        assert_eq!(swept, SweptUploads::default());
    }
    assert_eq!(store.read(&key("a"), 10).unwrap(), b"x");
}
