//! Files that a verification could not read: they are no damage, and all others are looked at.

use std::io::ErrorKind as IoKind;

use rustix::io::Errno;
use stonekeep::engine::in_place::MARKER;
use stonekeep::engine::info::{BackupState, InfoDetail, WhichBackup};
use stonekeep::engine::verify::{
    FindingKind, UncheckedCause, VerifyLevel, VerifyOptions, VerifyReport, VerifyWhat,
};
use stonekeep::store::Store;
use stonekeep::{ErrorKind, Quiet};

use crate::support::failing_reads::FailingReads;
use crate::support::scene::{Scene, directory, key, memory, put, reader};
use crate::verify::basics::{findings, flip, two_backups};

const LEVELS: [VerifyLevel; 2] = [VerifyLevel::Size, VerifyLevel::Checksum];

fn verify(store: impl Into<Store>, level: VerifyLevel) -> VerifyReport {
    let store: Store = store.into();
    reader(&store)
        .verify_backups(VerifyWhat::All, level, &Quiet)
        .unwrap()
}

fn unchecked(report: &VerifyReport) -> Vec<(&str, UncheckedCause, Vec<u32>)> {
    let files = report.unchecked.iter();
    files
        .map(|file| {
            let backups = file.backups.iter().map(|backup| backup.get()).collect();
            (file.file.as_str(), file.cause, backups)
        })
        .collect()
}

#[test]
fn what_could_not_be_opened_is_no_damage() {
    let inner = memory();
    let (shared, own) = two_backups(&inner);
    let causes = [
        (Errno::ACCESS, UncheckedCause::Permission),
        (Errno::PERM, UncheckedCause::Permission),
        (Errno::MFILE, UncheckedCause::Resources),
        (Errno::NFILE, UncheckedCause::Resources),
        (Errno::NOMEM, UncheckedCause::Resources),
        (Errno::IO, UncheckedCause::Io),
    ];
    for is_damaged in [false, true] {
        if is_damaged {
            flip(&inner, &own);
        }
        for (errno, cause) in causes {
            for (path, ids) in [(&*shared, vec![1, 2]), ("private/2/CURRENT", vec![2])] {
                let failing = FailingReads::opening(inner.clone(), path, errno.raw_os_error(), u32::MAX);
                let report = verify(failing, VerifyLevel::Checksum);
                assert_eq!(unchecked(&report), [(path, cause, ids.clone())]);
                let damage = (FindingKind::WrongChecksum, &*own, vec![2]);
                assert_eq!(findings(&report), vec![damage; usize::from(is_damaged)]);
                assert!(!report.is_clean());
                let first = if path == shared {
                    BackupState::Unchecked
                } else {
                    BackupState::Valid
                };
                assert_eq!(report.backups[0].state, first, "{path}");
                let second = &report.backups[1].state;
                assert_eq!(
                    matches!(second, BackupState::Corrupt(_)),
                    is_damaged,
                    "{second:?}"
                );
                assert!(is_damaged || *second == BackupState::Unchecked, "{second:?}");
            }
        }
    }
}

#[test]
fn what_could_not_be_read_to_its_end_is_no_damage() {
    let inner = memory();
    let (shared, own) = two_backups(&inner);
    flip(&inner, &own);
    for kind in [IoKind::TimedOut, IoKind::PermissionDenied, IoKind::OutOfMemory] {
        for path in [&*shared, "private/2/CURRENT"] {
            let report = verify(
                FailingReads::new(inner.clone(), path, kind),
                VerifyLevel::Checksum,
            );
            let found = unchecked(&report);
            assert_eq!((found.len(), found[0].0), (1, path), "{found:?}");
            assert_eq!(findings(&report), [(FindingKind::WrongChecksum, &*own, vec![2])]);
        }
    }
    // A file that ended early was read, and has another length than when it was opened.
    let short = FailingReads::new(inner.clone(), &shared, IoKind::UnexpectedEof);
    let report = verify(short, VerifyLevel::Checksum);
    assert!(findings(&report).contains(&(FindingKind::WrongSize, &*shared, vec![1, 2])));
    assert!(report.unchecked.is_empty());
}

#[test]
fn a_meta_file_that_could_not_be_read_does_not_end_the_verification() {
    let inner = memory();
    let (_, own) = two_backups(&inner);
    inner.delete_one(&crate::support::scene::key(&own)).unwrap();
    for level in LEVELS {
        let report = verify(
            FailingReads::new(inner.clone(), "meta/1", IoKind::TimedOut),
            level,
        );
        assert_eq!(unchecked(&report), [("meta/1", UncheckedCause::Io, vec![1])]);
        assert_eq!(findings(&report), [(FindingKind::Missing, &*own, vec![2])]);
        assert_eq!(report.backups[0].state, BackupState::Unchecked);
    }
}

#[test]
fn facts_and_manifests_that_could_not_be_read_do_not_end_it_either() {
    let inner = memory();
    two_backups(&inner);
    for level in LEVELS {
        let facts = "stonekeep/backups/2";
        let report = verify(
            FailingReads::new(inner.clone(), facts, IoKind::PermissionDenied),
            level,
        );
        assert_eq!(unchecked(&report), [(facts, UncheckedCause::Permission, vec![2])]);
        assert!(report.findings.is_empty(), "{:?}", report.findings);
    }
    let manifest = crate::support::scene::named(&inner, 2);
    let manifest = manifest.iter().find(|path| path.contains("MANIFEST")).unwrap();
    inner
        .delete_one(&crate::support::scene::key("stonekeep/backups/2"))
        .unwrap();
    let failing = FailingReads::new(inner.clone(), manifest, IoKind::PermissionDenied);
    let report = verify(failing, VerifyLevel::Checksum);
    assert_eq!(
        unchecked(&report),
        [(&**manifest, UncheckedCause::Permission, vec![2])]
    );
}

#[test]
fn a_file_without_a_descriptor_is_tried_once_more() {
    let inner = memory();
    let (shared, _) = two_backups(&inner);
    for (errno, times, is_clean) in [
        (Errno::MFILE, 1, true),
        (Errno::NOMEM, 1, true),
        (Errno::MFILE, 2, false),
        (Errno::ACCESS, 1, false),
    ] {
        let failing = FailingReads::opening(inner.clone(), &shared, errno.raw_os_error(), times);
        let report = verify(failing, VerifyLevel::Checksum);
        assert_eq!(report.is_clean(), is_clean, "{errno}: {:?}", report.unchecked);
    }
}

/// Passing over a backup that may be whole would open an older state without need.
#[test]
fn a_backup_that_could_not_be_read_is_not_passed_over_as_damaged() {
    let scene = Scene::new();
    let inner = directory(&scene);
    let (_, own) = two_backups(&inner);
    let at = scene.path("opened");
    let open = |store: Store| reader(&store).open_in_place(WhichBackup::LatestValid, &at, &Quiet);
    let failing = FailingReads::opening(inner.clone(), &own, Errno::MFILE.raw_os_error(), u32::MAX);
    let error = open(failing.into()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error:?}");
    assert!(!at.join(MARKER).exists());
    put(&inner, &own, b"damaged");
    assert_eq!(open(inner).unwrap().backup_id.get(), 1);
}

#[test]
fn what_could_not_be_read_counts_as_it_did_before() {
    let inner = memory();
    let (shared, _) = two_backups(&inner);
    let bytes = inner.stat(&key(&shared)).unwrap().unwrap().size_bytes;
    let run = |store: &Store| {
        let verified = reader(store).verify(VerifyWhat::All, &VerifyOptions::default(), &Quiet);
        verified.unwrap()
    };
    let failing = || -> Store {
        FailingReads::opening(inner.clone(), &shared, Errno::IO.raw_os_error(), u32::MAX).into()
    };
    let report = run(&failing());
    assert_eq!(
        (report.never_verified_bytes, report.oldest_verified_seconds),
        (Some(bytes), None)
    );
    let info = reader(&inner).get_all_backup_info(InfoDetail::Sizes).unwrap();
    assert_eq!(info.never_verified_bytes, report.never_verified_bytes);
    // What an earlier verification has found is not forgotten.
    flip(&inner, &shared);
    assert_eq!(
        findings(&run(&inner)),
        [(FindingKind::WrongChecksum, &*shared, vec![1, 2])]
    );
    let report = run(&failing());
    assert_eq!(
        findings(&report),
        [(FindingKind::WrongChecksum, &*shared, vec![1, 2])]
    );
    assert_eq!(report.never_verified_bytes, Some(0));
}

#[test]
fn sizes_that_are_impossible_together_are_no_reason_to_end() {
    let store = memory();
    two_backups(&store);
    let name = |number: u64| format!("shared_checksum/{number:06}_7_{}.sst", u64::MAX);
    let text = format!("1800000000\n1\n2\n{} crc32 7\n{} crc32 7\n", name(1), name(2));
    put(&store, "meta/3", text.as_bytes());
    let report = verify(store, VerifyLevel::Checksum);
    assert!(matches!(report.backups[2].state, BackupState::Corrupt(_)));
}
