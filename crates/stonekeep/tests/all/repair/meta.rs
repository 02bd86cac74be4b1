//! A damaged meta file is written again from the facts of its backup.

use stonekeep::repo::facts::BackupFacts;
use stonekeep::{ErrorKind, Quiet, RestoreOptions, WhichBackup};

use super::scene::{Ward, damaged, ids_of, paths, read};
use crate::support::scene::{assert_valid, id, key, memory, put, reader, verify};

const META: &str = "meta/2";
const FACTS: &str = "stonekeep/backups/2";

/// What may become of a meta file. The last of them can be read.
fn damages(text: &[u8]) -> Vec<Vec<u8>> {
    let half = text.len() / 2;
    let garbage: Vec<u8> = text.iter().map(|byte| byte ^ 0x55).collect();
    let mut flipped = text.to_vec();
    // The word crc32 of the last line.
    let at = text.windows(5).rposition(|word| word == b"crc32").unwrap();
    flipped[at] ^= 1;
    let mut other = text.to_vec();
    // A digit of a checksum.
    other[at + 6] ^= 1;
    vec![
        Vec::new(),
        vec![0; text.len()],
        text[..half].to_vec(),
        garbage,
        flipped,
        other,
    ]
}

/// A meta file that cannot be read is named, with what may help.
fn assert_restore_fails(ward: &Ward) {
    let engine = reader(&ward.store);
    let to = ward.scene.path("restored");
    let error = engine
        .restore_db_from_backup(WhichBackup::Id(id(2)), &to, &RestoreOptions::default(), &Quiet)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    if error.findings().iter().any(|finding| finding.file == META) {
        assert!(error.hint().unwrap().contains("repair may write"), "{error:?}");
    }
}

#[test]
fn a_damaged_meta_file_is_written_again() {
    let ward = Ward::new(memory());
    let before = ward.state();
    for damage in damages(&before[META]) {
        put(&ward.store, META, &damage);
        assert!(!verify(&ward.store).is_clean(), "{damage:?}");
        assert_eq!(paths(&ward.plan(&[])), [META]);
        assert_restore_fails(&ward);
        let report = ward.repair(&[]);
        assert_eq!(paths(&report), [META], "{report:?}");
        assert!(report.repaired[0].from.contains(FACTS), "{report:?}");
        assert_eq!(ids_of(&report.repaired_backups), [2]);
        assert_eq!(ward.state(), before);
        assert_valid(&ward.store, &[1, 2], "repaired");
    }
}

#[test]
fn what_it_names_is_repaired_in_the_same_run() {
    let ward = Ward::new(memory());
    let before = ward.state();
    put(&ward.store, META, b"");
    ward.store.delete_one(&key("private/2/CURRENT")).unwrap();
    for report in [ward.plan(&[]), ward.repair(&[])] {
        assert_eq!(paths(&report), [META, "private/2/CURRENT"]);
        assert!(report.is_clean());
        assert_eq!(ids_of(&report.repaired_backups), [2]);
    }
    assert_eq!(ward.state(), before);
    assert_valid(&ward.store, &[1, 2], "repaired");
}

/// Facts of earlier versions.
#[test]
fn without_the_head_in_the_facts_the_damaged_file_must_have_it() {
    let ward = Ward::new(memory());
    let facts = BackupFacts::decode(FACTS, &read(&ward.store, FACTS)).unwrap();
    assert!(facts.meta_head.is_some());
    let facts = BackupFacts {
        meta_head: None,
        ..facts
    };
    put(&ward.store, FACTS, &facts.encode().unwrap());
    let before = ward.state();
    for (damage, is_repaired) in damages(&before[META])
        .into_iter()
        .zip([false, false, true, false, true, true])
    {
        put(&ward.store, META, &damage);
        let report = ward.repair(&[]);
        assert_eq!(report.is_clean(), is_repaired, "{report:?}");
        if is_repaired {
            assert_eq!(ward.state(), before);
        } else {
            assert_eq!(damaged(&report), [META]);
            assert_eq!(read(&ward.store, META), damage);
        }
    }
}

/// RocksDB's engine had deleted the backup that the facts are about, and given its id to another one.
#[test]
fn a_backup_of_another_engine_under_the_same_id_stays_as_it_is() {
    let ward = Ward::new(memory());
    let text = read(&ward.store, META);
    // A second later, with another content.
    let mut other = String::from_utf8(text).unwrap();
    let (time, _) = other.split_once('\n').unwrap();
    let later = time.parse::<u64>().unwrap() + 1;
    other.replace_range(..time.len(), &later.to_string());
    put(&ward.store, META, other.as_bytes());
    let before = ward.state();
    assert!(ward.repair(&[ward.database()]).repaired.is_empty());
    assert_eq!(ward.state(), before);
    // The same, if it cannot be read.
    let manifest = ward.files(2).into_iter().find(|path| path.contains("MANIFEST"));
    put(&ward.store, &manifest.unwrap(), b"another one");
    put(&ward.store, META, b"");
    let before = ward.state();
    assert_eq!(damaged(&ward.repair(&[ward.database()])), [META]);
    assert_eq!(ward.state(), before);
}

#[test]
fn a_newer_schema_is_no_damage() {
    let ward = Ward::new(memory());
    put(&ward.store, META, b"schema_version 3\n1\n2\n0\n");
    let before = ward.state();
    assert_eq!(damaged(&ward.repair(&[])), [META]);
    assert_eq!(ward.state(), before);
}
