//! What RocksDB's engine calls corrupt in a damaged repository, Stonekeep calls corrupt, and names the same backups.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use stonekeep::engine::RestoreOptions;
use stonekeep::engine::info::{BackupState, InfoDetail, WhichBackup};
use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
use stonekeep::{ErrorKind, Quiet};

use crate::damaging::{DAMAGES, Damage, Repository, three_backups};
use crate::judge::{self, Recorded};
use crate::ours;
use crate::restoring::restores_all;

type Ids = BTreeSet<u32>;

fn listed_by_rocksdb(repository: &Path) -> Ids {
    judge::rocksdb(repository).corrupted().into_iter().collect()
}

fn found_by_rocksdb(repository: &Path) -> Ids {
    let engine = judge::rocksdb(repository);
    let level = stonekeep_proof::engine::VerifyLevel::Checksums;
    (1..=3).filter(|id| engine.verify(*id, level).is_err()).collect()
}

fn listed_by_us(repository: &Path) -> Ids {
    let all = ours::engine(repository)
        .get_all_backup_info(InfoDetail::Sizes)
        .unwrap();
    let wrong = all
        .backups
        .into_iter()
        .filter(|backup| backup.state != BackupState::Valid);
    wrong.map(|backup| backup.id.get()).collect()
}

fn found_by_us(repository: &Path) -> Ids {
    let report = ours::engine(repository)
        .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)
        .unwrap();
    let wrong = report
        .backups
        .into_iter()
        .filter(|backup| backup.state != BackupState::Valid);
    wrong.map(|backup| backup.id.get()).collect()
}

/// A fresh copy of the repository with this damage.
fn damaged(intact: &Path, damage: &Damage) -> PathBuf {
    let copy = intact.with_file_name("damaged");
    let _ = fs::remove_dir_all(&copy);
    judge::copy(intact, &copy);
    (damage.inflict)(&Repository(copy.clone()));
    copy
}

#[test]
fn both_engines_call_the_same_backups_corrupt() {
    let root = tempfile::tempdir().unwrap();
    let (intact, _) = three_backups(root.path());
    assert!(found_by_rocksdb(&intact).is_empty() && found_by_us(&intact).is_empty());
    for damage in DAMAGES {
        let repository = damaged(&intact, damage);
        let name = damage.name;
        assert_eq!(
            found_by_rocksdb(&repository),
            Ids::from_iter(damage.theirs.iter().copied()),
            "{name}"
        );
        assert_eq!(
            found_by_us(&repository),
            Ids::from_iter(damage.ours.iter().copied()),
            "{name}"
        );
        let (theirs, ours) = (listed_by_rocksdb(&repository), listed_by_us(&repository));
        assert!(
            theirs.is_subset(&ours) || damage.shows_when_read,
            "{name}: {theirs:?} {ours:?}"
        );
    }
}

#[test]
fn corrupt_backups_are_not_restored_and_the_others_are() {
    let root = tempfile::tempdir().unwrap();
    let (intact, recorded) = three_backups(root.path());
    for damage in DAMAGES {
        let repository = damaged(&intact, damage);
        let (corrupt, whole): (Vec<Recorded>, Vec<Recorded>) = recorded
            .iter()
            .cloned()
            .partition(|backup| damage.ours.contains(&backup.id));
        for backup in corrupt {
            is_not_restored(&repository, backup.id, damage.name);
        }
        restores_all(&repository, &whole[..whole.len().min(1)], damage.name);
    }
}

fn is_not_restored(repository: &Path, id: u32, what: &str) {
    let target = tempfile::tempdir().unwrap();
    let db = target.path().join("db");
    let which = WhichBackup::Id(stonekeep::format::BackupId::new(id).unwrap());
    let error = ours::engine(repository)
        .restore_db_from_backup(which, &db, &RestoreOptions::default(), &Quiet)
        .unwrap_err();
    let kinds = [ErrorKind::Corrupt, ErrorKind::Unsupported];
    assert!(kinds.contains(&error.kind()), "{what}: {error:?}");
    assert!(!db.join("CURRENT").exists(), "{what}");
}

#[test]
fn every_flipped_file_of_ours_is_found_by_both() {
    let root = tempfile::tempdir().unwrap();
    let (intact, _) = three_backups(root.path());
    let copy = root.path().join("flipped");
    judge::copy(&intact, &copy);
    for file in judge::stored_files(&intact) {
        if file.size == 0 {
            continue;
        }
        let repository = Repository(copy.clone());
        repository.flip(&file.name);
        let (theirs, ours) = (found_by_rocksdb(&copy), found_by_us(&copy));
        assert!(!ours.is_empty(), "{}", file.name);
        assert_eq!(theirs, ours, "{}", file.name);
        fs::copy(intact.join(&file.name), copy.join(&file.name)).unwrap();
    }
    assert!(found_by_us(&copy).is_empty());
}

#[test]
fn the_latest_valid_backup_is_the_newest_undamaged_one() {
    let root = tempfile::tempdir().unwrap();
    let (intact, recorded) = three_backups(root.path());
    let repository = Repository(intact.clone());
    repository.flip("private/3/CURRENT");
    repository.remove("private/2/CURRENT");
    let db = root.path().join("restored");
    let engine = ours::engine(&intact);
    let restore = |which| engine.restore_db_from_backup(which, &db, &RestoreOptions::default(), &Quiet);
    // Latest goes by sizes, latest valid by checksums too.
    assert_eq!(
        restore(WhichBackup::Latest).unwrap_err().kind(),
        ErrorKind::Corrupt
    );
    let report = restore(WhichBackup::LatestValid).unwrap();
    assert_eq!(report.backup_id.get(), 1);
    let passed_over: Vec<u32> = report.passed_over.iter().map(|backup| backup.id.get()).collect();
    assert_eq!(passed_over, [3, 2]);
    assert!(
        report
            .passed_over
            .iter()
            .all(|backup| !backup.findings.is_empty())
    );
    judge::holds(
        &db,
        &stonekeep_proof::oracle::OpenOptions::default(),
        &recorded[0],
        "latest valid",
    );
}
