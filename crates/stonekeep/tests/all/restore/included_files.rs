//! Files of the application in a restore: what they replace, and what they never touch.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::{BackupEngine, CreateBackupOptions, RestoreOptions};
use stonekeep::store::Store;
use stonekeep::{ErrorKind, Quiet, WarningName};

use crate::create::included_files::backed_up;
use crate::restore::scene::{TwoStates, tree};
use crate::support::scene::{Scene, files, id, key, options, put, reader, verify};

fn restore(store: &Store, target: &Path) -> stonekeep::Result<stonekeep::engine::restore::RestoreReport> {
    reader(store).restore_db_from_backup(WhichBackup::Id(id(1)), target, &RestoreOptions::default(), &Quiet)
}

#[test]
fn included_files_are_restored() {
    let (scene, store) = backed_up();
    let target = scene.path("target");
    let report = restore(&store, &target).unwrap();
    let restored = tree(&target);
    assert_eq!(restored["app.json"], b"content of app.json");
    assert_eq!(restored["conf/a/b/c"], b"content of conf/a/b/c");
    assert!(!restored.contains_key(".env"));
    assert!(report.files.iter().any(|file| file.name == "conf/a/b/c"));

    // Over another state: its files are replaced, others stay.
    fs::write(target.join("app.json"), "newer").unwrap();
    fs::write(target.join("conf/a/mine"), "mine").unwrap();
    let report = restore(&store, &target).unwrap();
    assert_eq!(tree(&target)["app.json"], b"content of app.json");
    assert_eq!(tree(&target)["conf/a/mine"], b"mine");
    assert_eq!(report.left_alone, ["conf"]);
}

#[test]
fn directories_that_a_restore_makes_belong_to_the_owner_of_the_target() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (scene, store) = backed_up();
    let target = scene.path("target");
    fs::create_dir(&target).unwrap();
    std::os::unix::fs::chown(&target, Some(1234), Some(1235)).unwrap();
    restore(&store, &target).unwrap();
    for path in ["app.json", "conf", "conf/a/b", "conf/a/b/c"] {
        let metadata = fs::metadata(target.join(path)).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (1234, 1235), "{path}");
    }
}

#[test]
fn a_restore_follows_no_link_and_replaces_nothing_but_files() {
    let (scene, store) = backed_up();
    let outside = scene.path("outside");
    fs::create_dir_all(outside.join("a/b")).unwrap();
    let target = scene.path("target");
    for (name, prepare) in [("conf", 0), ("conf/a/b/c", 1), ("app.json", 2)] {
        let _ = fs::remove_dir_all(&target);
        restore(&store, &target).unwrap();
        match prepare {
            0 => {
                fs::remove_dir_all(target.join(name)).unwrap();
                symlink(&outside, target.join(name)).unwrap();
            }
            1 => {
                fs::remove_file(target.join(name)).unwrap();
                fs::create_dir(target.join(name)).unwrap();
            }
            _ => {
                fs::remove_file(target.join(name)).unwrap();
                symlink("/etc/passwd", target.join(name)).unwrap();
            }
        }
        let before = tree(&target);
        let error = restore(&store, &target).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{name}: {error}");
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(tree(&target), before, "{name}");
        assert_eq!(fs::read_dir(outside.join("a/b")).unwrap().count(), 0);
    }
}

#[test]
fn a_damaged_included_file_stops_the_restore_before_anything_changes() {
    let (scene, store) = backed_up();
    let target = scene.path("target");
    restore(&store, &target).unwrap();
    let before = tree(&target);
    put(&store, "stonekeep/files/1/app.json", b"CONTENT of app.json");
    let error = restore(&store, &target).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(error.findings()[0].file, "stonekeep/files/1/app.json");
    assert_eq!(tree(&target), before);
}

#[test]
fn without_facts_that_match_nothing_is_restored_and_a_warning_says_so() {
    let (scene, store) = backed_up();
    store.delete_one(&key("stonekeep/backups/1")).unwrap();
    let target = scene.path("target");
    let report = restore(&store, &target).unwrap();
    assert!(
        report
            .warnings
            .iter()
            .any(|warning| warning.name == WarningName::NotIncluded),
        "{report:?}"
    );
    assert!(!target.join("app.json").exists());
    assert!(
        verify(&store)
            .warnings
            .iter()
            .any(|warning| warning.name == WarningName::NotIncluded)
    );
    // They may still be wanted: a collection leaves them.
    let engine = BackupEngine::open(options(), store.clone()).unwrap();
    engine.garbage_collect(std::time::Duration::ZERO, &Quiet).unwrap();
    assert!(files(&store).contains("stonekeep/files/1/app.json"));
}

#[test]
fn forged_facts_lead_to_no_other_directory() {
    let (scene, store) = backed_up();
    let text = store.read(&key("stonekeep/backups/1"), u64::MAX).unwrap();
    let text = String::from_utf8(text).unwrap();
    let body: Vec<&str> = text.lines().filter(|line| !line.contains("\"end\"")).collect();
    let body = body.join("\n").replace("\"conf/a/b/c\"", "\"../../outside\"") + "\n";
    let lines = body.lines().count();
    let crc = crc32c::crc32c(body.as_bytes());
    let forged = format!("{body}{{\"end\":{{\"lines\":{lines},\"crc32c\":{crc}}}}}\n");
    put(&store, "stonekeep/backups/1", forged.as_bytes());
    let target = scene.path("deep/target");
    restore(&store, &target).unwrap();
    assert!(!scene.path("outside").exists() && !target.join("app.json").exists());
    assert!(target.join("CURRENT").is_file());
}

#[test]
fn files_of_a_backup_whose_id_was_given_again_are_not_taken_for_the_new_ones() {
    let (scene, store) = backed_up();
    // As RocksDB's engine deletes, and as it then makes another backup with the same id.
    let facts = store.read(&key("stonekeep/backups/1"), u64::MAX).unwrap();
    let included = store.read(&key("stonekeep/files/1/app.json"), u64::MAX).unwrap();
    let engine = BackupEngine::open(options(), store.clone()).unwrap();
    engine.delete_backup(id(1), &Quiet).unwrap();
    let mut other = Scene::new();
    other.change();
    let how = CreateBackupOptions::default().with_allow_other_database(true);
    let again = engine.create_new_backup(&other.source(), &how, &Quiet).unwrap();
    let again = again.backup_id.get();
    put(&store, &format!("stonekeep/backups/{again}"), &facts);
    put(&store, &format!("stonekeep/files/{again}/app.json"), &included);
    let target = scene.path("target");
    reader(&store)
        .restore_db_from_backup(WhichBackup::Latest, &target, &RestoreOptions::default(), &Quiet)
        .unwrap();
    assert!(!target.join("app.json").exists());
}

#[test]
fn an_included_file_is_of_its_own_backup() {
    let mut scene = Scene::new();
    scene.include("app.json", "first");
    let two = TwoStates::of(scene, |scene| scene.include("app.json", "second"));
    for (backup, content) in [(1, "first"), (2, "second")] {
        two.restore(backup, &RestoreOptions::default()).unwrap();
        assert_eq!(
            fs::read_to_string(two.target().join("app.json")).unwrap(),
            content
        );
    }
}

#[test]
fn what_included_files_replace_is_kept_with_keep_old() {
    let (scene, store) = backed_up();
    let (target, kept) = (scene.path("target"), scene.path("kept"));
    restore(&store, &target).unwrap();
    fs::write(target.join("app.json"), "newer").unwrap();
    fs::write(target.join("conf/a/b/c"), "newer, too").unwrap();
    let how = RestoreOptions::default().with_keep_old(Some(kept.clone()));
    reader(&store)
        .restore_db_from_backup(WhichBackup::Id(id(1)), &target, &how, &Quiet)
        .unwrap();
    let (target, kept) = (tree(&target), tree(&kept));
    assert_eq!(target["app.json"], b"content of app.json");
    assert_eq!(
        (&kept["app.json"][..], &kept["conf/a/b/c"][..]),
        (&b"newer"[..], &b"newer, too"[..])
    );
    assert_eq!(kept["CURRENT"], target["CURRENT"]);
}
