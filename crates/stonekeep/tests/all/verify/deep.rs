//! Deep verification of what real engines wrote: nothing is found that is not there, and what is there is found.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use stonekeep::engine::Components;
use stonekeep::engine::verify::{FindingKind, VerifyLevel, VerifyReport, VerifyWhat};
use stonekeep::format::SequenceNumber;
use stonekeep::format::blob::{HEADER_LEN, RECORD_HEADER_LEN};
use stonekeep::format::manifest::NewFile;
use stonekeep::format::unique_id::UniqueId;
use stonekeep::{LocalStore, Quiet, Sample, Store, VerifyOptions};
use stonekeep_testkit::fake_clock::FakeClock;
use stonekeep_testkit::fixtures::{self, Fixture};

use crate::support::scene::{id, reader};
use crate::verify::deep_support::{backup, change_manifest, look, swap_batches, with_extension};

fn deep(repository: &Path) -> VerifyReport {
    let store = Store::from(LocalStore::new(repository));
    reader(&store)
        .verify_backups(VerifyWhat::All, VerifyLevel::Deep, &Quiet)
        .unwrap()
}

#[test]
fn real_databases_and_backups_are_what_their_manifests_say() {
    for name in fixtures::ALL {
        let fixture = Fixture::unpack(name).unwrap();
        let report = look(&fixture.database());
        assert_eq!(report.findings, [], "{name}");
        assert_eq!(report.contents.unchecked, [], "{name}");
        assert!(report.contents.entries > 0, "{name}");
        let report = deep(&fixture.repository());
        assert_eq!(report.findings, [], "{name}");
        assert_eq!(report.contents.unwrap().unchecked, [], "{name}");
    }
}

/// What is wrong with a table of which the MANIFEST says something else.
fn with(change: impl Fn(&mut NewFile)) -> Vec<String> {
    let fixture = Fixture::unpack(fixtures::ROCKSDB_11_8).unwrap();
    let mut changed = None;
    change_manifest(&fixture.database(), &mut |edit| {
        for file in &mut edit.new_files {
            if *changed.get_or_insert(file.number) == file.number {
                change(file);
            }
        }
    });
    let report = look(&fixture.database());
    let name = format!("{:06}.sst", changed.unwrap().0);
    for finding in &report.findings {
        assert!(finding.file.ends_with(&name), "{finding:?}");
        assert!(finding.reason.contains("column family "), "{finding:?}");
    }
    report
        .findings
        .into_iter()
        .map(|finding| finding.reason)
        .collect()
}

fn names(found: &[String], reason: &str) {
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with(&format!("table at byte 0: {reason}")),
        "{found:?}"
    );
}

#[test]
fn each_difference_from_the_manifest_is_named() {
    assert_eq!(with(|_| {}), Vec::<String>::new());
    let of_first = "its first key is not the one that the MANIFEST has";
    let found = with(|file| file.smallest.insert(0, b'!'));
    names(&found, of_first);
    assert!(found[0].contains("keys from \"!"), "{found:?}");
    // As if the last entries were gone.
    let found = with(|file| file.largest.insert(0, 0x7f));
    names(&found, "its last key is not the one that the MANIFEST has");
    let found = with(|file| {
        let trailer = file.largest.len() - 7;
        file.largest[trailer] ^= 1;
    });
    names(&found, "its last entry has sequence number");
    let found = with(|file| file.largest_seqno = SequenceNumber(file.largest_seqno.0 - 1));
    names(&found, "its sequence numbers are ");
    let found = with(|file| file.smallest_seqno = SequenceNumber(file.smallest_seqno.0 + 1));
    names(&found, "its sequence numbers are ");
    let found = with(|file| file.unique_id = Some(UniqueId { low: 1, high: 2 }));
    names(&found, "it is another table: its unique id is ");
}

fn blob_file(database: &Path) -> PathBuf {
    with_extension(database, "blob")
}

/// What is found in a blob file after this change.
fn with_blob(change: impl Fn(&Path)) -> Vec<String> {
    let fixture = Fixture::unpack(fixtures::ROCKSDB_11_8).unwrap();
    let blob = blob_file(&fixture.database());
    change(&fixture.database());
    let report = look(&fixture.database());
    for finding in &report.findings {
        assert_eq!(finding.file, blob.to_str().unwrap());
    }
    report
        .findings
        .into_iter()
        .map(|finding| finding.reason)
        .collect()
}

fn flip(at: usize) -> impl Fn(&Path) {
    move |database| {
        let path = blob_file(database);
        let mut bytes = fs::read(&path).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= 1;
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn damaged_records_of_blob_files_are_named() {
    let found = with_blob(flip(HEADER_LEN + RECORD_HEADER_LEN + 100));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("blob record at byte 30: the checksum of key and value is "),
        "{found:?}"
    );
    assert!(
        found[0].contains("column family ") && found[0].contains("keys from \""),
        "{found:?}"
    );
    let found = with_blob(flip(HEADER_LEN + 3));
    assert!(
        found[0].contains("the keys of the lost records are not known"),
        "{found:?}"
    );
    let found = with_blob(flip(0));
    assert!(
        found[0].starts_with("header at byte 0: the magic number"),
        "{found:?}"
    );
    // The column family, which no checksum protects.
    let found = with_blob(flip(8));
    assert!(found[0].contains("it belongs to column family "), "{found:?}");
}

#[test]
fn a_blob_file_that_the_manifest_counts_otherwise_is_named() {
    let found = with_blob(|database| {
        change_manifest(database, &mut |edit| {
            for blob in &mut edit.blob_additions {
                blob.total_count += u64::from(blob.number.to_string() == number(database));
            }
        });
    });
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains(" blobs in ") && found[0].contains("but the MANIFEST has "),
        "{found:?}"
    );
}

fn number(database: &Path) -> String {
    let stem = blob_file(database)
        .file_stem()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    stem.trim_start_matches('0').to_owned()
}

#[test]
fn only_the_backups_whose_manifest_contradicts_are_named() {
    let fixture = Fixture::unpack(fixtures::ROCKSDB_11_8).unwrap();
    let (database, repository) = (fixture.database(), fixture.root().join("new"));
    backup(&database, &repository);
    change_manifest(&database, &mut |edit| {
        for file in &mut edit.new_files {
            file.largest.insert(0, 0x7f);
        }
    });
    backup(&database, &repository);
    let report = deep(&repository);
    assert!(!report.findings.is_empty());
    for finding in &report.findings {
        assert_eq!(finding.kind, FindingKind::DamagedContents);
        assert_eq!(finding.backups.iter().map(|id| id.get()).collect::<Vec<_>>(), [2]);
        assert!(finding.file.starts_with("shared_checksum/"), "{finding:?}");
    }
    let damaged = report.contents.unwrap().damaged;
    assert_eq!(damaged.len(), report.findings.len());
    // The first backup is right, so nothing is remembered of the files that both name.
    let store = Store::from(LocalStore::new(&repository));
    let how = VerifyOptions::default().with_level(VerifyLevel::Deep);
    let second = VerifyWhat::Backups(vec![id(2)]);
    assert!(!reader(&store).verify(second, &how, &Quiet).unwrap().is_clean());
    let read = reader(&store).verify(VerifyWhat::All, &VerifyOptions::default(), &Quiet);
    assert_eq!(read.unwrap().findings, []);
}

#[test]
fn batches_in_another_order_are_found() {
    let fixture = Fixture::unpack(fixtures::ROCKSDB_11_8).unwrap();
    let wal = with_extension(&fixture.database(), "log");
    swap_batches(&wal);
    let report = look(&fixture.database());
    let [finding] = &report.findings[..] else {
        panic!("{:?}", report.findings);
    };
    assert_eq!(finding.file, wal.to_str().unwrap());
    assert!(finding.reason.starts_with("batch at byte "), "{finding:?}");
    assert!(finding.reason.contains("they never go back"), "{finding:?}");
}

/// However often the bytes were read meanwhile.
#[test]
fn a_deep_sample_begins_with_what_nobody_looked_into() {
    let fixture = Fixture::unpack(fixtures::ROCKSDB_11_8).unwrap();
    let store = Store::from(LocalStore::new(fixture.repository()));
    let clock = Arc::new(FakeClock::at_unix_seconds(1_800_000_000));
    let engine = reader(&store).with_components(Components::default().with_clock(Arc::clone(&clock) as _));
    let verify = |options: VerifyOptions| {
        clock.advance(Duration::from_secs(10));
        engine.verify(VerifyWhat::All, &options, &Quiet).unwrap()
    };
    let deep = VerifyOptions::default().with_level(VerifyLevel::Deep);
    let all = verify(deep.clone().with_stamps(false)).contents.unwrap();
    let part = Sample::Part {
        numerator: 1,
        denominator: 3,
    };
    let (mut files, mut entries) = (0, 0);
    for _ in 0..3 {
        let contents = verify(deep.clone().with_sample(part)).contents.unwrap();
        assert!(contents.files < all.files);
        files += contents.files;
        entries += contents.entries;
        verify(VerifyOptions::default());
    }
    assert!(
        files >= all.files && entries >= all.entries,
        "{files} of {}",
        all.files
    );
}
