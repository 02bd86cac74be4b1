//! What stays at the target by the restore's mode, and what the WALs' options do.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use stonekeep::engine::restore::RestoreReport;
use stonekeep::engine::{RestoreMode, RestoreOptions};

use crate::restore::scene::{TwoStates, copy, tree};

fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}

fn kept(report: &RestoreReport) -> Vec<&str> {
    use stonekeep::engine::restore::RestoreAction::Keep;
    let kept = report.files.iter().filter(|file| file.action == Keep);
    let mut names: Vec<&str> = kept.map(|file| file.name.as_str()).collect();
    names.sort_unstable();
    names
}

#[test]
fn files_of_the_same_session_and_size_stay() {
    let two = TwoStates::new();
    copy(two.scene.database.path(), &two.target());
    let at = |name: &str| two.target().join(name);
    fs::write(at("000005.sst"), &two.states[1]["000005.sst"][1..]).unwrap();
    fs::copy(at("000006.sst"), at("000004.sst")).unwrap();
    let mut other = two.states[1]["000006.sst"].clone();
    other[10] ^= 1;
    fs::write(at("000006.sst"), &other).unwrap();
    let same = inode(&at("000008.sst"));
    let options = RestoreOptions::default().with_mode(RestoreMode::KeepLatestDbSessionIdFiles);
    let report = two.restore(1, &options).unwrap();
    // 4 is of the same session and has the size of 6, 6 has a wrong byte: this mode does not see that, as RocksDB's
    // does not.
    assert_eq!(kept(&report), ["000004.sst", "000006.sst", "000008.sst"]);
    assert_eq!(report.files_kept, 3);
    assert_eq!(inode(&at("000008.sst")), same);
    assert_eq!(fs::read(at("000006.sst")).unwrap(), other);
    assert_eq!(fs::read(at("000005.sst")).unwrap(), two.states[0]["000005.sst"]);
}

#[test]
fn files_of_another_session_do_not_stay() {
    let two = TwoStates::new();
    copy(two.scene.database.path(), &two.target());
    // Written after a reopening, with the length of another table.
    let mut other = TwoStates::new();
    other.scene.database.reopen();
    let number = other.scene.database.add_tables(1, 3_000)[0];
    let table = other.scene.database.table_path(number, 0);
    fs::copy(table, two.target().join("000004.sst")).unwrap();
    let options = RestoreOptions::default().with_mode(RestoreMode::KeepLatestDbSessionIdFiles);
    let report = two.restore(1, &options).unwrap();
    assert_eq!(kept(&report), ["000005.sst", "000006.sst", "000008.sst"]);
    two.assert_restored(1, "with kept files");
}

#[test]
fn files_with_the_right_checksum_stay() {
    let two = TwoStates::new();
    copy(two.scene.database.path(), &two.target());
    let at = |name: &str| two.target().join(name);
    let mut wrong = two.states[1]["000006.sst"].clone();
    wrong[10] ^= 1;
    fs::write(at("000006.sst"), wrong).unwrap();
    let same = inode(&at("000007.blob"));
    let options = RestoreOptions::default().with_mode(RestoreMode::VerifyChecksum);
    let report = two.restore(1, &options).unwrap();
    assert_eq!(
        kept(&report),
        ["000004.sst", "000005.sst", "000007.blob", "000008.sst"]
    );
    assert_eq!(inode(&at("000007.blob")), same);
    two.assert_restored(1, "with kept files");
}

#[test]
fn the_mode_purge_all_files_keeps_nothing() {
    let two = TwoStates::new();
    copy(two.scene.database.path(), &two.target());
    let same = inode(&two.target().join("000004.sst"));
    let report = two.restore(1, &RestoreOptions::default()).unwrap();
    assert_eq!(report.files_kept, 0);
    assert_ne!(inode(&two.target().join("000004.sst")), same);
}

#[test]
fn wals_at_the_target_stay_and_win() {
    for has_wal_dir in [false, true] {
        let two = TwoStates::new();
        let wals = if has_wal_dir {
            two.scene.path("wals")
        } else {
            two.target()
        };
        fs::create_dir_all(wals.join("archive")).unwrap();
        for name in [
            "000002.log",
            "000088.log",
            "archive/000077.log",
            "archive/000088.log",
        ] {
            fs::write(wals.join(name), name).unwrap();
        }
        let options = RestoreOptions::default()
            .with_keep_log_files(true)
            .with_wal_dir(has_wal_dir.then(|| wals.clone()));
        let report = two.restore(1, &options).unwrap();
        assert_eq!(report.wal_files_kept, ["000002.log"]);
        assert!(
            report
                .warnings
                .iter()
                .any(|warning| warning.to_string().contains("archive/000088.log"))
        );
        for (name, content) in [
            ("000002.log", "000002.log"),
            ("000088.log", "000088.log"),
            ("000077.log", "archive/000077.log"),
            ("archive/000088.log", "archive/000088.log"),
        ] {
            assert_eq!(fs::read_to_string(wals.join(name)).unwrap(), content, "{name}");
        }
        assert!(!wals.join("archive/000077.log").exists());
        assert!(!report.files.iter().any(|file| file.name == "000002.log"));
    }
}

#[test]
fn wals_at_the_target_go_otherwise() {
    let two = TwoStates::new();
    let wals = two.scene.path("wals");
    fs::create_dir_all(wals.join("archive")).unwrap();
    for name in ["000088.log", "000099.log.trash", "LOG", "archive/000077.log"] {
        fs::write(wals.join(name), name).unwrap();
    }
    let options = RestoreOptions::default().with_wal_dir(Some(wals.clone()));
    two.restore(1, &options).unwrap();
    let names: Vec<String> = tree(&wals).into_keys().collect();
    assert_eq!(names, ["000002.log", "LOG", "archive/"]);
}

#[test]
fn a_wal_dir_with_other_files_is_refused() {
    for name in ["letters.txt", "CURRENT", "000004.sst"] {
        let two = TwoStates::new();
        let wals = two.scene.path("wals");
        fs::create_dir_all(&wals).unwrap();
        fs::write(wals.join(name), "somebody's").unwrap();
        let options = RestoreOptions::default().with_wal_dir(Some(wals.clone()));
        let error = two.restore(1, &options).unwrap_err();
        assert_eq!(error.kind(), stonekeep::ErrorKind::Refused);
        assert_eq!(tree(&wals).len(), 1);
        assert!(!two.target().exists());
    }
}
