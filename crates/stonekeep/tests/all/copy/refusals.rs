//! Backups that are not copied, and why.

use stonekeep::engine::collect::DEFAULT_MIN_AGE;
use stonekeep::engine::copy::{CopyOptions, CopyReport, CopyState, CopyWhat};
use stonekeep::engine::{BackupEngine, BackupEngineOptions};
use stonekeep::store::local::LocalStore;
use stonekeep::store::{Durability, Operation, Store};
use stonekeep::{ErrorKind, Quiet};
use stonekeep_testkit::record_store::RecordStore;

use super::basics::{content, copy, copy_with, states, three_backups};
use crate::support::scene::{Scene, assert_valid, files, id, ids, key, memory, options, put, reader};

fn writer(store: &Store) -> BackupEngine {
    BackupEngine::open(options(), store.clone()).unwrap()
}

/// The reason and the hint of the only backup in this state.
fn only(report: &CopyReport, state: CopyState) -> (u32, String, String) {
    let backups: Vec<_> = report.in_state(state).collect();
    assert_eq!(backups.len(), 1, "{report:?}");
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    (
        backups[0].id.get(),
        text(&backups[0].reason),
        text(&backups[0].hint),
    )
}

#[test]
fn another_backup_under_the_same_id_is_refused_and_the_others_are_copied() {
    let ((mut scene, from), to) = (three_backups(), memory());
    scene.change();
    scene.create(&to).unwrap();
    let before = content(&to);
    let report = copy(&from, &to, CopyWhat::All).unwrap();
    let (refused, reason, hint) = only(&report, CopyState::Refused);
    assert!(
        refused == 1 && reason.contains("another backup has the id 1"),
        "{reason}"
    );
    assert!(hint.contains("--new-ids"), "{hint}");
    assert_valid(&to, &[1, 2, 3], "the others");
    let after = content(&to);
    assert!(before.iter().all(|(path, bytes)| after.get(path) == Some(bytes)));
    let new_ids = CopyOptions::default().with_new_ids(true);
    let report = copy_with(&from, &to, id(1), new_ids).unwrap();
    assert_eq!(states(&report), [(1, CopyState::Copied, Some(4))]);
    assert_valid(&to, &[1, 2, 3, 4], "under a new id");
}

#[test]
fn purged_backups_are_skipped_unless_they_are_named() {
    for collected in [false, true] {
        let ((_scene, from), to) = (three_backups(), memory());
        copy(&from, &to, CopyWhat::All).unwrap();
        writer(&to).purge_old_backups(1, &Quiet).unwrap();
        if collected {
            writer(&to).garbage_collect(DEFAULT_MIN_AGE, &Quiet).unwrap();
        }
        let report = copy(&from, &to, CopyWhat::All).unwrap();
        let purged = |id| (id, CopyState::Purged, None);
        assert_eq!(
            states(&report),
            [purged(1), purged(2), (3, CopyState::AlreadyThere, Some(3))]
        );
        let named = copy(&from, &to, id(2)).unwrap();
        let (refused, reason, hint) = only(&named, CopyState::Refused);
        assert!(refused == 2 && reason.contains("was deleted there") && hint.contains("--new-ids"));
        assert_eq!(ids(&to), [3]);
        // The last one is deleted, too: its claim stays, and it does not come back.
        writer(&to).delete_backup(id(3), &Quiet).unwrap();
        let report = copy(&from, &to, CopyWhat::All).unwrap();
        assert_eq!(states(&report), [1, 2, 3].map(purged));
        let new_ids = CopyOptions::default().with_new_ids(true);
        copy_with(&from, &to, CopyWhat::All, new_ids).unwrap();
        assert_valid(&to, &[4, 5, 6], "under new ids");
    }
}

#[test]
fn a_damaged_backup_is_named_and_the_others_are_copied() {
    // What happens to which file; whether its length stays.
    for (prefix, damage) in [
        ("shared_checksum/", "flipped"),
        ("shared_checksum/", "short"),
        ("private/3/MANIFEST", "flipped"),
        ("private/3/CURRENT", "gone"),
        ("stonekeep/files/3/app", "flipped"),
        ("stonekeep/files/3/empty", "gone"),
        ("meta/3", "short"),
    ] {
        let (_scene, from) = three_backups();
        let only_in_last = |path: &&String| {
            let named = |backup| crate::support::scene::named(&from, backup).contains(*path);
            path.starts_with(prefix) && (!path.starts_with("shared") || !(named(1) || named(2)))
        };
        let stored = files(&from);
        let path = stored.iter().find(only_in_last).unwrap();
        let mut bytes = from.read(&key(path), 1 << 30).unwrap();
        match damage {
            "flipped" => {
                let last = bytes.len() - 1;
                bytes[last] ^= 1;
                put(&from, path, &bytes);
            }
            "short" => put(&from, path, &bytes[..bytes.len() - 1]),
            _ => from.delete_one(&key(path)).unwrap(),
        }
        for to in [
            memory(),
            stonekeep::store::memory::MemoryStore::with_named_uploads().into(),
        ] {
            let report = copy(&from, &to, CopyWhat::All).unwrap();
            let (damaged, reason, _) = only(&report, CopyState::Damaged);
            assert_eq!(damaged, 3, "{path}");
            let findings = &report.backups[2].findings;
            assert!(
                findings.iter().any(|finding| finding.file == *path),
                "{path}: {reason} {findings:?}"
            );
            assert_valid(&to, &[1, 2], path);
            // Nothing wrong got a name that another copy would trust.
            assert!(!files(&to).contains(path), "{path}");
        }
    }
}

#[test]
fn a_healed_backup_is_copied_under_its_id() {
    let ((_scene, from), to) = (three_backups(), memory());
    let path = "private/3/CURRENT";
    let bytes = from.read(&key(path), 100).unwrap();
    put(&from, path, b"MANIFEST-999999\n");
    let report = copy(&from, &to, CopyWhat::All).unwrap();
    assert_eq!(only(&report, CopyState::Damaged).0, 3);
    put(&from, path, &bytes);
    copy(&from, &to, CopyWhat::All).unwrap();
    assert_eq!(content(&to), content(&from));
}

#[test]
fn another_file_under_a_shared_name_is_not_replaced() {
    let by_number = || options().with_share_files_with_checksum(false);
    let made = |store: &Store, change: bool| {
        let mut scene = Scene::new();
        if change {
            scene.change();
        }
        scene.create_with(store, by_number()).unwrap();
        scene
    };
    let (from, to) = (memory(), memory());
    let (_a, b) = (made(&from, false), made(&to, false));
    let legacy: Vec<String> = files(&to)
        .into_iter()
        .filter(|path| path.starts_with("shared/"))
        .collect();
    assert!(!legacy.is_empty());
    // Another table under the same number, and a backup that names it.
    std::fs::remove_dir_all(b.database.path()).unwrap();
    let mut other = Scene::new();
    other.change();
    let to = memory();
    other.create_with(&to, by_number()).unwrap();
    for path in &legacy {
        let mut bytes = to.read(&key(path), 1 << 30).unwrap();
        bytes[3] ^= 1;
        put(&from, path, &bytes);
    }
    let from_meta = String::from_utf8(from.read(&key("meta/1"), 1 << 20).unwrap()).unwrap();
    let rewritten: String = from_meta
        .lines()
        .map(|line| match line.split_once(" crc32 ") {
            Some((path, _)) => {
                let bytes = from.read(&key(path), 1 << 30).unwrap();
                format!("{path} crc32 {}\n", crc32c::crc32c(&bytes))
            }
            None => format!("{line}\n"),
        })
        .collect();
    put(&from, "meta/1", rewritten.as_bytes());
    from.delete_one(&key("stonekeep/backups/1")).unwrap();
    let before = content(&to);
    let how = CopyOptions::default()
        .with_new_ids(true)
        .with_allow_other_database(true);
    let report = copy_with(&from, &to, id(1), how).unwrap();
    let (_, reason, hint) = only(&report, CopyState::Refused);
    assert!(reason.contains("belongs to backup 1 there"), "{reason}");
    assert!(hint.contains("another repository"), "{hint}");
    assert_eq!(content(&to), before);
}

#[test]
fn backups_of_another_database_are_refused_unless_that_is_allowed() {
    let ((_scene, from), to) = (three_backups(), memory());
    let builder = stonekeep_testkit::database::DatabaseBuilder::new();
    let mut other = Scene::empty(builder.database_id("another"));
    other.database.write(3);
    other.create(&to).unwrap();
    let new_ids = CopyOptions::default().with_new_ids(true);
    let report = copy_with(&from, &to, id(1), new_ids.clone()).unwrap();
    let (_, reason, hint) = only(&report, CopyState::Refused);
    assert!(
        reason.contains("holds backups of the database another"),
        "{reason}"
    );
    assert!(hint.contains("--allow-other-database"), "{hint}");
    let report = copy_with(&from, &to, id(1), new_ids.with_allow_other_database(true)).unwrap();
    assert_eq!(states(&report), [(1, CopyState::Copied, Some(2))]);
}

#[test]
fn one_repository_is_not_copied_into_itself() {
    let scene = Scene::new();
    let at = |path: &str| Store::from(LocalStore::new(scene.path(path)));
    scene.create(&at("a")).unwrap();
    std::os::unix::fs::symlink(scene.path("a"), scene.path("link")).unwrap();
    for to in ["a", "link", "a/inside"] {
        let error = BackupEngine::open(options(), at(to))
            .unwrap()
            .copy_backups_from(&reader(&at("a")), CopyWhat::All, &CopyOptions::default(), &Quiet)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{to}: {error:?}");
    }
    std::fs::rename(scene.path("a"), scene.path("moved")).unwrap();
    scene.create(&at("a")).unwrap();
    std::fs::rename(scene.path("moved"), scene.path("a/inner")).unwrap();
    let error = copy(&at("a/inner"), &at("a"), CopyWhat::All).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    let memory = memory();
    scene.create(&memory).unwrap();
    assert_eq!(
        copy(&memory, &memory, CopyWhat::All).unwrap_err().kind(),
        ErrorKind::Refused
    );
}

#[test]
fn what_is_not_there_is_said_before_anything_changes() {
    let ((_scene, from), to) = (three_backups(), memory());
    let error = copy(&from, &to, [id(1), id(7)].as_slice()).unwrap_err();
    assert_eq!((error.kind(), to.exists().unwrap()), (ErrorKind::NotFound, false));
    let error = copy(&from, &to, [].as_slice()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let empty = memory();
    empty.create_root(Durability::Durable).unwrap();
    put(&empty, "stonekeep/lock", b"");
    assert_eq!(
        copy(&empty, &to, CopyWhat::All).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    // A new repository of which nothing comes is taken back.
    from.delete_one(&key("private/1/CURRENT")).unwrap();
    let report = copy(&from, &to, id(1)).unwrap();
    assert_eq!(only(&report, CopyState::Damaged).0, 1);
    assert_eq!(files(&to).len(), 0, "{:?}", files(&to));
}

#[test]
fn the_lock_of_the_target_is_respected_and_that_of_the_source_is_not_needed() {
    let ((_scene, from), to) = (three_backups(), memory());
    let _theirs = from
        .lease(stonekeep::store::LockWait::Fail, "somebody", &|| false)
        .unwrap();
    copy(&from, &to, id(1)).unwrap();
    let _ours = to
        .lease(stonekeep::store::LockWait::Fail, "somebody", &|| false)
        .unwrap();
    assert_eq!(copy(&from, &to, id(2)).unwrap_err().kind(), ErrorKind::Locked);
}

#[test]
fn nothing_is_written_into_the_source_but_pins() {
    let ((_scene, from), to) = (three_backups(), memory());
    let before = content(&from);
    let recorded = RecordStore::new(from.clone());
    copy(&recorded.clone().into(), &to, CopyWhat::All).unwrap();
    let changes: Vec<Operation> = recorded.requests();
    let changes = changes.iter().filter(|request| request.is_change());
    let changes: Vec<String> = changes.map(ToString::to_string).collect();
    assert_eq!(changes, ["pin stonekeep/pins"; 3]);
    assert_eq!(content(&from), before);
}

#[test]
fn without_sync_the_facts_do_not_promise_durability() {
    let ((_scene, from), to) = (three_backups(), memory());
    let without: BackupEngineOptions = options().with_sync(false);
    let engine = BackupEngine::open(without, to.clone()).unwrap();
    engine
        .copy_backups_from(&reader(&from), CopyWhat::All, &CopyOptions::default(), &Quiet)
        .unwrap();
    assert_valid(&to, &[1, 2, 3], "without sync");
    for backup in 1..=3 {
        let text = to
            .read(&key(&format!("stonekeep/backups/{backup}")), 1 << 20)
            .unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("\"durable\":false"), "{text}");
    }
}
