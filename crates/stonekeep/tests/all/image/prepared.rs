//! Transactions that the WALs of a backup leave prepared: counted wherever the backup is described.

use std::fs;

use stonekeep::engine::info::InfoDetail;
use stonekeep::engine::{BackupEngine, BackupEngineOptions, CreateBackupOptions};
use stonekeep::image::{Directory, ImageSource, NoHost, SourceKind};
use stonekeep::store::Store;
use stonekeep_testkit::database::DatabaseBuilder;

use crate::support::scene::{Scene, id, memory, options, reader};

use stonekeep::Quiet;
use stonekeep_format_testkit::log::LogBuilder;

// `ValueType` in `db/dbformat.h`.
const VALUE: u8 = 0x1;
const BEGIN_PREPARE: u8 = 0x9;
const END_PREPARE: u8 = 0xA;
const COMMIT: u8 = 0xB;
const ROLLBACK: u8 = 0xC;
const NOOP: u8 = 0xD;

fn batch(sequence: u64, count: u32, records: &[u8]) -> Vec<u8> {
    [&sequence.to_le_bytes()[..], &count.to_le_bytes(), records].concat()
}

fn prepare(sequence: u64, name: u8) -> Vec<u8> {
    batch(
        sequence,
        1,
        &[BEGIN_PREPARE, VALUE, 1, b'k', 1, b'v', END_PREPARE, 1, name],
    )
}

fn end(sequence: u64, how: u8, name: u8) -> Vec<u8> {
    batch(sequence, 0, &[NOOP, how, 1, name])
}

/// A database whose WALs prepare five transactions, commit one, and roll one back, not all in the same WAL.
fn scene() -> Scene {
    let mut scene = Scene::empty(DatabaseBuilder::new());
    scene.database.write(1);
    let first = scene.database.wal_path(scene.database.wal_number());
    scene.database.switch_wal();
    let second = scene.database.wal_path(scene.database.wal_number());
    let write = |path, batches: &[Vec<u8>]| {
        let mut log = LogBuilder::new();
        batches.iter().for_each(|batch| log.write(batch));
        fs::write(path, log.take_bytes()).unwrap();
    };
    write(
        first,
        &[
            prepare(1, b'a'),
            prepare(1, b'b'),
            prepare(1, b'c'),
            end(1, COMMIT, b'a'),
        ],
    );
    write(
        second,
        &[prepare(2, b'd'), prepare(2, b'e'), end(2, ROLLBACK, b'b')],
    );
    scene
}

#[test]
fn those_without_an_outcome_are_counted_over_all_wals() {
    let scene = scene();
    let sources: [&dyn ImageSource; 2] = [
        &scene.source(),
        &Directory::new(scene.database.path(), SourceKind::Hot),
    ];
    for source in sources {
        let capture = source.capture(&mut NoHost, &Quiet).unwrap();
        assert_eq!(capture.image().prepared_transactions, 3);
    }
}

fn counted(scene: &Scene, options: BackupEngineOptions) -> (u64, u64) {
    let store: Store = memory();
    let engine = BackupEngine::open(options, store.clone()).unwrap();
    let report = engine
        .create_new_backup(&scene.source(), &CreateBackupOptions::default(), &Quiet)
        .unwrap();
    let info = reader(&store).get_backup_info(id(1), InfoDetail::Head).unwrap();
    (report.prepared_transactions, info.prepared_transactions)
}

#[test]
fn a_backup_reports_and_keeps_their_number() {
    assert_eq!(counted(&scene(), options()), (3, 3));
    assert_eq!(counted(&Scene::new(), options()), (0, 0));
    let without_wals = options().with_backup_log_files(false);
    assert_eq!(
        counted(&scene(), without_wals),
        (0, 0),
        "the WALs are not in the backup"
    );
}
