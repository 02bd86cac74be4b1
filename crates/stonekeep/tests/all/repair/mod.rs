//! Damaged files are made again from whatever has the right bytes.

mod crash;
mod meta;
mod scene;

use std::fs;

use stonekeep::engine::BackupEngine;
use stonekeep::engine::repair::RepairSource;
use stonekeep::engine::verify::VerifyWhat;
use stonekeep::{ErrorKind, Quiet};
use stonekeep_testkit::fault_store::FaultStore;

use self::scene::{Ward, damaged, flip, ids_of, paths};
use crate::support::scene::{assert_valid, id, key, memory, names, options, put, reader, verify};

#[test]
fn every_kind_of_file_is_made_again_from_the_database() {
    for of in 0..Ward::new(memory()).files(2).len() {
        let ward = Ward::new(memory());
        let path = ward.files(2)[of].clone();
        for lost in [false, true] {
            let before = ward.state();
            if lost {
                ward.store.delete_one(&key(&path)).unwrap();
            } else {
                flip(&ward.store, &path);
                ward.verify();
            }
            let planned = ward.plan(&[ward.database()]);
            assert_eq!(paths(&planned), [&*path]);
            let report = ward.repair(&[ward.database()]);
            assert_eq!(paths(&report), [&*path], "{report:?}");
            assert!(report.is_clean());
            assert_eq!(ward.state(), before, "{path}");
            assert!(ids_of(&report.repaired_backups).contains(&2));
            // Nothing is left to do, whatever verifications have said.
            assert!(ward.repair(&[]).repaired.is_empty());
        }
        assert_valid(&ward.store, &[1, 2], &path);
    }
}

/// The MANIFEST and the WALs have grown; CURRENT and OPTIONS are still those of the backup.
#[test]
fn of_files_that_have_grown_the_first_bytes_count() {
    let mut ward = Ward::new(memory());
    ward.scene.change();
    let before = ward.state();
    for path in ward.files(2) {
        ward.store.delete_one(&key(&path)).unwrap();
    }
    let report = ward.repair(&[ward.database()]);
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(ward.state(), before);
    assert_eq!(ids_of(&report.repaired_backups), [1, 2]);
    assert_valid(&ward.store, &[1, 2], "repaired");
}

/// A later backup has the same MANIFEST, with more edits.
#[test]
fn a_manifest_is_made_again_from_that_of_a_later_backup() {
    let mut ward = Ward::new(memory());
    ward.scene.change();
    ward.scene.create(&ward.store).unwrap();
    let manifest = |backup| {
        let mut files = ward.files(backup).into_iter();
        files.find(|path| path.contains("MANIFEST")).unwrap()
    };
    let (old, new) = (manifest(2), manifest(3));
    assert_eq!(scene::restored(&old), scene::restored(&new));
    let before = ward.state();
    assert!(before[&old].len() < before[&new].len());
    ward.store.delete_one(&key(&old)).unwrap();
    let report = ward.repair(&[]);
    assert_eq!(paths(&report), [&*old], "{report:?}");
    assert!(report.repaired[0].from.contains(&new), "{report:?}");
    assert_eq!(ward.state(), before);
    // An older one does not have all of it.
    ward.store.delete_one(&key(&new)).unwrap();
    let report = ward.repair(&[]);
    assert_eq!(damaged(&report), [&*new]);
    assert!(
        report.not_repaired[0].rejected[0].contains("bytes instead of"),
        "{report:?}"
    );
}

#[test]
fn files_come_from_another_repository_whatever_its_ids_are() {
    let ward = Ward::new(memory());
    let other = memory();
    for _ in 0..3 {
        ward.scene.create(&other).unwrap();
    }
    fs::remove_dir_all(ward.scene.database.path()).unwrap();
    let before = ward.state();
    let lost = ward.files(2);
    for path in &lost {
        ward.store.delete_one(&key(path)).unwrap();
    }
    let source = RepairSource::Repository(reader(&other));
    let report = ward.repair(&[ward.database(), source]);
    assert_eq!(
        (report.is_clean(), paths(&report).len()),
        (true, lost.len()),
        "{report:?}"
    );
    assert_eq!(ward.state(), before);
    assert_valid(&ward.store, &[1, 2], "repaired");
}

/// Two backups of one state have the same private files.
#[test]
fn the_repository_itself_is_the_first_source() {
    let ward = Ward::new(memory());
    ward.scene.create(&ward.store).unwrap();
    let private: Vec<String> = ward.files(3);
    let private: Vec<&String> = private
        .iter()
        .filter(|path| path.starts_with("private/"))
        .collect();
    for path in &private {
        flip(&ward.store, path);
    }
    ward.verify();
    let report = ward.repair(&[]);
    assert_eq!(paths(&report).len(), private.len());
    assert!(
        report
            .repaired
            .iter()
            .all(|file| !file.from.contains("private/3")),
        "{report:?}"
    );
    assert_valid(&ward.store, &[1, 2, 3], "repaired");
}

#[test]
fn wrong_bytes_are_never_taken() {
    let ward = Ward::new(memory());
    let path = ward.table();
    let at = ward.scene.database.path().join(scene::restored(&path));
    let right = fs::read(&at).unwrap();
    let mut wrong = right.clone();
    wrong[9] ^= 1;
    flip(&ward.store, &path);
    ward.verify();
    let before = ward.state();
    for (content, reason) in [
        (&wrong[..], "its checksum is"),
        (&right[1..], "bytes instead of"),
        (&[], "bytes instead of"),
    ] {
        fs::write(&at, content).unwrap();
        let report = ward.repair(&[ward.database()]);
        assert_eq!((report.repaired.len(), damaged(&report)), (0, vec![&*path]));
        assert!(report.not_repaired[0].rejected[0].contains(reason), "{report:?}");
        assert_eq!(ward.state(), before);
    }
    fs::remove_file(&at).unwrap();
    fs::create_dir(&at).unwrap();
    let report = ward.repair(&[ward.database()]);
    assert!(
        report.not_repaired[0].rejected[0].contains("no regular file"),
        "{report:?}"
    );
    // The next source is asked.
    let copy = ward.scene.path("copy");
    fs::create_dir(&copy).unwrap();
    fs::write(copy.join(scene::restored(&path)), &right).unwrap();
    let report = ward.repair(&[ward.database(), RepairSource::Directory(copy)]);
    assert_eq!(paths(&report), [&*path]);
    assert_valid(&ward.store, &[1, 2], "repaired");
}

#[test]
fn what_somebody_else_has_repaired_is_only_read() {
    let ward = Ward::new(memory());
    let path = ward.table();
    flip(&ward.store, &path);
    ward.verify();
    flip(&ward.store, &path);
    let report = ward.repair(&[]);
    assert_eq!((report.right, report.repaired.len()), (vec![path], 0));
    assert!(ward.repair(&[]).right.is_empty());
}

#[test]
fn a_repaired_file_counts_as_never_verified() {
    let ward = Ward::new(memory());
    let path = ward.table();
    ward.verify();
    assert_eq!(ward.never_verified_bytes(), 0);
    let bytes = ward.store.stat(&key(&path)).unwrap().unwrap().size_bytes;
    flip(&ward.store, &path);
    ward.verify();
    ward.repair(&[ward.database()]);
    assert_eq!(ward.never_verified_bytes(), bytes);
    ward.verify();
    assert_eq!(ward.never_verified_bytes(), 0);
}

#[test]
fn only_the_backups_that_are_named_are_looked_at() {
    let ward = Ward::new(memory());
    for path in ["private/1/CURRENT", "private/2/CURRENT"] {
        ward.store.delete_one(&key(path)).unwrap();
    }
    let engine = ward.engine();
    let report = engine.repair(VerifyWhat::Backups(vec![id(2)]), &[], &Quiet);
    assert_eq!(paths(&report.unwrap()), ["private/2/CURRENT"]);
    assert!(ward.store.stat(&key("private/1/CURRENT")).unwrap().is_none());
    let missing = engine.repair(VerifyWhat::Backups(vec![id(7)]), &[], &Quiet);
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_damaged_meta_file_is_named_and_no_reason_to_stop() {
    let ward = Ward::new(memory());
    put(&ward.store, "meta/1", b"1\n2\n");
    ward.store.delete_one(&key("stonekeep/backups/1")).unwrap();
    ward.store.delete_one(&key("private/2/CURRENT")).unwrap();
    let report = ward.repair(&[]);
    assert_eq!(
        (paths(&report), damaged(&report)),
        (vec!["private/2/CURRENT"], vec!["meta/1"])
    );
    assert_eq!(
        (ids_of(&report.repaired_backups), ids_of(&report.damaged_backups)),
        (vec![2], vec![1])
    );
}

#[test]
fn verification_agrees_with_repair() {
    let ward = Ward::new(memory());
    flip(&ward.store, &ward.table());
    // Nobody has read it yet.
    assert!(ward.repair(&[ward.database()]).repaired.is_empty());
    let plain = verify(&ward.store);
    assert!(!plain.is_clean());
    assert!(
        ward.repair(&[ward.database()]).repaired.is_empty(),
        "without stamps nothing is known"
    );
    ward.verify();
    assert_eq!(ward.repair(&[ward.database()]).repaired.len(), 1);
    assert!(verify(&ward.store).is_clean());
}

#[test]
fn without_stamps_that_can_be_read_it_is_not_known_what_is_damaged() {
    let ward = Ward::new(memory());
    ward.verify();
    let [stamps] = &names(&ward.store, "stonekeep/verified")
        .into_iter()
        .collect::<Vec<_>>()[..]
    else {
        panic!("one file of stamps");
    };
    let stamps = key(&format!("stonekeep/verified/{stamps}"));
    let failing = FaultStore::unreadable(ward.store.clone(), stamps.clone());
    let engine = BackupEngine::open(options(), failing).unwrap();
    let error = engine.repair(VerifyWhat::All, &[], &Quiet).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains(stamps.as_str()), "{error}");
}
