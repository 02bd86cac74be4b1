//! Meta files and names as other engines, tools or accidents may leave them.

use std::fs;

use stonekeep::engine::collect::DeleteOptions;
use stonekeep::engine::info::{BackupState, InfoDetail, WhichBackup};
use stonekeep::engine::{MetaSchema, RestoreOptions};
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep::{ErrorKind, Quiet};
use stonekeep_testkit::database::DatabaseBuilder;

use crate::collect::scene::engine;
use crate::restore::scene::TwoStates;
use crate::support::scene::{Scene, assert_valid, id, key, memory, named, names, options, put, reader};

fn text(store: &Store, path: &str) -> String {
    String::from_utf8(store.read(&key(path), 64 << 20).unwrap()).unwrap()
}

fn state(store: &Store, backup: u32) -> BackupState {
    let info = reader(store).get_backup_info(id(backup), InfoDetail::Files);
    info.unwrap().state
}

fn is_corrupt(store: &Store, backup: u32) -> bool {
    matches!(state(store, backup), BackupState::Corrupt(_))
}

/// Gives the tables of both backups other names, as another engine would have, and takes our facts away.
fn rename_tables(store: &Store, name: impl Fn(&str, &str) -> String) {
    for backup in [1, 2] {
        let (meta, facts) = (format!("meta/{backup}"), format!("stonekeep/backups/{backup}"));
        let mut lines = text(store, &meta);
        let tables = named(store, backup).into_iter();
        for path in tables.filter(|path| path.ends_with(".sst")) {
            let (number, rest) = path["shared_checksum/".len()..].split_once("_s").unwrap();
            let renamed = format!(
                "shared_checksum/{}",
                name(number, rest.split_once('_').unwrap().0)
            );
            lines = lines.replace(&path, &renamed);
            put(store, &renamed, &store.read(&key(&path), 1 << 20).unwrap());
        }
        put(store, &meta, lines.as_bytes());
        store.delete_one(&key(&facts)).unwrap();
    }
    for own in names(store, "shared_checksum") {
        if own.ends_with(".sst") && own.contains("_s") {
            store.delete_one(&key(&format!("shared_checksum/{own}"))).unwrap();
        }
    }
}

#[test]
fn names_of_development_versions_are_read_restored_and_deleted() {
    type Name = fn(&str, &str) -> String;
    let forms: [Name; 3] = [
        |number, session| format!("{number}_{session}.sst"),
        |number, session| format!("{number}_0A1B2C3D_{session}.sst"),
        |number, _| format!("{number}_whatever.sst"),
    ];
    for form in forms {
        let two = TwoStates::new();
        rename_tables(&two.store, form);
        let when = form("000004", "ID");
        assert_eq!(state(&two.store, 2), BackupState::Valid, "{when}");
        assert_valid(&two.store, &[1, 2], &when);
        two.restore(1, &RestoreOptions::default()).unwrap();
        two.assert_restored(1, &when);
        two.scene.create(&two.store).unwrap();
        assert_valid(&two.store, &[1, 2, 3], &when);
        engine(&two.store)
            .delete_backups(&[id(1), id(2)], &DeleteOptions::default(), &Quiet)
            .unwrap();
        assert_valid(&two.store, &[3], &when);
        let kept = named(&two.store, 3);
        for name in names(&two.store, "shared_checksum") {
            assert!(
                kept.contains(&format!("shared_checksum/{name}")),
                "{when}: {name}"
            );
        }
    }
}

#[test]
fn a_size_that_a_meta_file_has_is_compared() {
    let scene = Scene::new();
    let store = memory();
    let two = options().with_schema_version(MetaSchema::Two);
    scene.create_with(&store, two).unwrap();
    store.delete_one(&key("stonekeep/backups/1")).unwrap();
    let original = text(&store, "meta/1");
    for path in named(&store, 1) {
        let size = store.stat(&key(&path)).unwrap().unwrap().size_bytes;
        for (told, corrupt) in [(size, false), (size + 1, true)] {
            let lines = original.lines().map(|line| match line.split_once(' ') {
                Some((file, _)) if file == path => format!("{line} size {told}\n"),
                _ => format!("{line}\n"),
            });
            put(&store, "meta/1", lines.collect::<String>().as_bytes());
            assert_eq!(is_corrupt(&store, 1), corrupt, "{path} with {told} of {size}");
        }
    }
}

#[test]
fn two_files_that_come_back_under_one_name_are_not_restored() {
    let two = TwoStates::new();
    let original = text(&two.store, "meta/1");
    let count = named(&two.store, 1).len();
    let more = original.replace(&format!("\n{count}\n"), &format!("\n{}\n", count + 1));
    put(&two.store, "shared/000004.sst", b"another table");
    let crc = stonekeep::format::checksum::crc32c(b"another table");
    let line = format!("shared/000004.sst crc32 {crc}\n");
    put(&two.store, "meta/1", format!("{more}{line}").as_bytes());
    let error = two.restore(1, &RestoreOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.one_line().contains("000004.sst"), "{}", error.one_line());
    assert!(!two.target().exists());
}

#[test]
fn a_meta_file_of_many_megabytes_is_read() {
    const FILES: usize = 160_000;
    let store = memory();
    Scene::new().create(&store).unwrap();
    let mut meta = format!("1\n2\n{FILES}\n");
    for number in 0..FILES {
        meta +=
            &format!("shared_checksum/{number:06}_s0123456789ABCDEFGHIJ_{number:08}.sst crc32 4294967295\n");
    }
    assert!(meta.len() > 10 << 20);
    put(&store, "meta/2", meta.as_bytes());
    let info = reader(&store).get_backup_info(id(2), InfoDetail::Head).unwrap();
    assert_eq!(info.number_files, FILES as u64);
}

#[test]
fn what_is_no_file_concerns_its_own_backup_only() {
    let mut scene = Scene::with(DatabaseBuilder::new());
    let root = scene.path("repository");
    let store: Store = Store::from(LocalStore::new(&root));
    scene.create(&store).unwrap();
    scene.change();
    scene.create(&store).unwrap();
    // Without facts, listing reads the backup's own MANIFEST and OPTIONS.
    store.delete_one(&key("stonekeep/backups/2")).unwrap();
    let private = named(&store, 2).into_iter();
    let mut victims: Vec<String> = private.filter(|path| path.starts_with("private/")).collect();
    victims.push("meta/2".into());
    for victim in victims {
        let (path, aside) = (root.join(&victim), scene.path("aside"));
        fs::rename(&path, &aside).unwrap();
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &path, fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        let all = reader(&store).get_all_backup_info(InfoDetail::Files).unwrap();
        assert_eq!(all.backups[0].state, BackupState::Valid, "{victim}");
        assert!(
            matches!(all.backups[1].state, BackupState::Corrupt(_)),
            "{victim}: {:?}",
            all.backups[1].state
        );
        let target = scene.path("target");
        let report = reader(&store).restore_db_from_backup(
            WhichBackup::LatestValid,
            &target,
            &RestoreOptions::default(),
            &Quiet,
        );
        assert_eq!(report.unwrap().backup_id, id(1), "{victim}");
        fs::remove_dir_all(&target).unwrap();
        fs::remove_file(&path).unwrap();
        fs::rename(&aside, &path).unwrap();
    }
    assert_valid(&store, &[1, 2], "as before");
}
