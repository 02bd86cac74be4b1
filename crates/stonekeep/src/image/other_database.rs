//! Databases of RocksDB's relatives, and parts of databases: the error says what they are, not what they lack.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use stonekeep_format::log::LogScanner;
use stonekeep_format::manifest::is_leveldb_edit;

use super::listing::Listing;
use super::manifest::Manifest;
use crate::{Error, ErrorKind, Observer, Result};

/// What begins every name of a file that says which MANIFEST and which format a Pebble database has
/// (`vfs/atomicfs/marker.go` of Pebble).
const PEBBLE_MARKERS: [&[u8]; 2] = [b"marker.manifest.", b"marker.format-version."];

/// A setting in every OPTIONS file of Pebble (`options.go` of Pebble).
const PEBBLE_SETTING: &[u8] = b"pebble_version";

/// In the file beside a state of Spark's state store (`RocksDBCheckpointMetadata` of Spark).
const SPARK_METADATA: (&str, &[u8]) = ("metadata", b"\"sstFiles\"");

/// The comparator that LevelDB and RocksDB have by default (`util/comparator.cc`).
const BYTEWISE: &[u8] = b"leveldb.BytewiseComparator";

/// How much is read of a file that only identifies a directory.
const HEAD_BYTES: u64 = 64 << 10;

/// Refuses the database of a relative that has the directory, by the names in it.
///
/// # Errors
/// `Unsupported`.
pub(super) fn refuse(home: &Listing) -> Result<()> {
    let is_marker = |name: &[u8]| PEBBLE_MARKERS.iter().any(|marker| name.starts_with(marker));
    let mut names = home.files.iter().map(|file| file.name.as_encoded_bytes());
    if names.any(is_marker) {
        Err(pebble(&home.path))
    } else {
        Ok(())
    }
}

/// In CURRENT while a restore is not finished (`engine/restore/switchover.rs`).
const BEING_RESTORED: &[u8] = b"is being restored into this directory";

/// What is wrong with a directory from which no image can be taken, if it is that of something else or not restored completely; else the
/// error.
pub(super) fn explain(directory: &Path, error: Error) -> Error {
    let kinds = [ErrorKind::Corrupt, ErrorKind::Unsupported, ErrorKind::NotFound];
    if !kinds.contains(&error.kind()) {
        return error;
    }
    if head_has(&directory.join("CURRENT"), BEING_RESTORED) {
        return unfinished_restore(directory);
    }
    let Ok(Some(home)) = Listing::of(directory) else {
        return error;
    };
    if refuse(&home).is_err() || has_pebble_options(&home) {
        return pebble(directory);
    }
    if is_spark_state(directory) {
        spark_state(directory)
    } else {
        error
    }
}

/// Refuses a database whose OPTIONS file is Pebble's: before it had markers its MANIFEST was like RocksDB's.
///
/// # Errors
/// `Unsupported`.
pub(super) fn refuse_by_options(home: &Listing) -> Result<()> {
    if has_pebble_options(home) {
        Err(pebble(&home.path))
    } else {
        Ok(())
    }
}

/// Whether a MANIFEST was written by LevelDB alone: RocksDB writes an OPTIONS file as soon as it opens such a database, and
/// tags of its own.
///
/// # Errors
/// I/O errors, `Stopped`.
pub(super) fn is_leveldb(manifest: &Manifest, observer: &dyn Observer) -> Result<bool> {
    let families = manifest.state.column_families();
    let has_default_comparator =
        |comparator: &Option<Vec<u8>>| comparator.as_deref().is_none_or(|name| name == BYTEWISE);
    if families.len() > 1
        || !families
            .values()
            .all(|family| has_default_comparator(&family.comparator))
    {
        return Ok(false);
    }
    let (mut scanner, mut only_leveldb) = (LogScanner::manifest(), true);
    let counts = manifest.file.with_size(manifest.applied_bytes);
    counts.for_each_piece(observer, &mut |piece| {
        let scanned = scanner.push(piece, &mut |record| {
            only_leveldb &= is_leveldb_edit(record.payload);
            Ok(())
        });
        scanned.map_err(|error| Error::format(manifest.file.path.display().to_string(), error))
    })?;
    Ok(only_leveldb)
}

fn has_pebble_options(home: &Listing) -> bool {
    let mut options = home
        .files
        .iter()
        .filter(|file| file.name.as_encoded_bytes().starts_with(b"OPTIONS-"));
    options.any(|file| head_has(&home.path_of(file), PEBBLE_SETTING))
}

fn is_spark_state(directory: &Path) -> bool {
    let (name, content) = SPARK_METADATA;
    head_has(&directory.join(name), content)
}

/// Whether the beginning of a file has these bytes in it. One that cannot be read has not.
fn head_has(path: &Path, wanted: &[u8]) -> bool {
    // Opening a FIFO waits for its other end.
    if !std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        return false;
    }
    let mut head = Vec::new();
    let read = File::open(path)
        .ok()
        .and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head).ok());
    read.is_some() && memchr::memmem::find(&head, wanted).is_some()
}

fn pebble(directory: &Path) -> Error {
    let message = format!(
        "{} is a Pebble database, which is not supported",
        directory.display()
    );
    Error::new(ErrorKind::Unsupported, message)
        .with_hint("Pebble has a checkpoint of its own: back up what it makes as plain files")
}

fn unfinished_restore(directory: &Path) -> Error {
    let message = format!("{} has an unfinished restore", directory.display());
    Error::refused(message).with_hint(
        "finish it by restoring that backup again, or take it back with abort_restore (restore --abort)",
    )
}

fn spark_state(directory: &Path) -> Error {
    let message = format!(
        "{} is one unzipped state of Spark's RocksDB state store, and not a complete database",
        directory.display()
    );
    Error::new(ErrorKind::Unsupported, message).with_hint(
        "its tables are in the directory SSTs of the checkpoint, under the names that its file metadata lists; back up the \
         whole checkpoint directory as plain files",
    )
}
