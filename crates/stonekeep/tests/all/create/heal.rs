//! Stored files of a wrong size: the next backup replaces them, if that harms no other backup.

use stonekeep::repo::catalog;
use stonekeep::repo::verified::{self, Outcome, Recorder, Wanted};
use stonekeep::store::{Durability, Store};
use stonekeep::{BackupEngineReadOnly, Clock, Quiet, SystemClock, VerifyLevel, VerifyOptions, VerifyWhat};
use stonekeep_testkit::database::DatabaseBuilder;
use stonekeep_testkit::fault_store::FaultStore;

use crate::create::conflicts::{assert_harmed, backed_up, flipped, read, scene_bytes, scene_path};
use crate::support::scene::{assert_valid, id, ids, key, options, put};

#[test]
fn a_stored_file_of_a_wrong_size_is_healed() {
    let (scene, store, path) = backed_up(DatabaseBuilder::new());
    scene.create(&store).unwrap();
    let right = read(&store, &path);
    let long = [&*right, b"more"].concat();
    for (backup, bytes) in [(3, &b""[..]), (4, b"short"), (5, &long)] {
        put(&store, &path, bytes);
        let report = scene.create(&store).unwrap();
        assert_eq!(report.healed_files, [&*path]);
        let older: Vec<_> = (1..backup).map(id).collect();
        assert_eq!(report.healed_backups, older);
        assert_eq!((report.files_copied, read(&store, &path)), (1 + 4, right.clone()));
    }
    assert_valid(&store, &[1, 2, 3, 4, 5], "healed");
    assert_eq!(scene.create(&store).unwrap().healed_files, [""; 0]);
}

#[test]
fn a_file_that_was_found_damaged_is_not_known_as_such_when_it_is_healed() {
    let (scene, store, path) = backed_up(DatabaseBuilder::new());
    let loaded = catalog::load(&store, id(1)).unwrap().into_result().unwrap();
    let file = loaded
        .meta
        .files
        .iter()
        .find(|file| file.path.to_string() == path);
    let wanted = Wanted {
        size_bytes: file.unwrap().recorded_size_bytes(),
        crc32c: file.unwrap().recorded_crc32c(),
    };
    let recorder = Recorder::begin(&store, &SystemClock, Durability::Durable).unwrap();
    recorder.record(&path, wanted, Outcome::Damaged("its checksum is wrong".into()));
    recorder.finish().unwrap();
    let findings = || {
        verified::read(&store, SystemClock.now())
            .unwrap()
            .damaged_files(&loaded, &[])
    };
    assert_eq!(findings().len(), 1);
    assert_eq!(findings()[0].finding.file, path);
    store.delete_one(&key(&path)).unwrap();
    assert_eq!(scene.create(&store).unwrap().healed_files, [&*path]);
    assert_eq!(findings(), []);
}

/// Verifies all backups, which leaves stamps; how much is found.
fn found_by_verify(store: &Store) -> usize {
    let engine = BackupEngineReadOnly::open(options(), store.clone()).unwrap();
    let verified = engine.verify(VerifyWhat::All, &VerifyOptions::default(), &Quiet);
    verified.unwrap().findings.len()
}

#[test]
fn a_file_that_a_verification_found_damaged_is_healed() {
    let (scene, store, path) = backed_up(DatabaseBuilder::new());
    scene.create(&store).unwrap();
    let right = read(&store, &path);
    put(&store, &path, &flipped(&right));
    // Nobody knows yet: the name and the size are right.
    assert_eq!(scene.create(&store).unwrap().healed_files, [""; 0]);
    assert_eq!(found_by_verify(&store), 1);
    let report = scene.create(&store).unwrap();
    assert_eq!(report.healed_files, [&*path]);
    assert_eq!(report.healed_backups, [id(1), id(2), id(3)]);
    assert!(read(&store, &path) == right);
    assert_eq!(found_by_verify(&store), 0);
    assert_valid(&store, &[1, 2, 3, 4], "healed");
}

#[test]
fn a_stamp_of_damage_that_is_gone_copies_nothing() {
    let (scene, store, path) = backed_up(DatabaseBuilder::new());
    let right = read(&store, &path);
    put(&store, &path, &flipped(&right));
    assert_eq!(found_by_verify(&store), 1);
    put(&store, &path, &right);
    let report = scene.create(&store).unwrap();
    assert_eq!((report.healed_files.len(), report.files_copied), (0, 4));
}

#[test]
fn a_wrong_checksum_in_a_meta_file_is_not_copied_into_the_next_backup() {
    // The newest backup, which has facts, and an older one that is read since the newest does not name the file.
    for others in [0, 1] {
        let (scene, store, path) = backed_up(DatabaseBuilder::new());
        let text = String::from_utf8(read(&store, "meta/1")).unwrap();
        let line = text.lines().find(|line| line.starts_with(&path)).unwrap();
        let (start, digits) = line.rsplit_once(' ').unwrap();
        let wrong = digits.parse::<u32>().unwrap() ^ 1;
        put(
            &store,
            "meta/1",
            text.replace(line, &format!("{start} {wrong}")).as_bytes(),
        );
        for other in 0..others {
            put(&store, &format!("meta/{}", 2 + other), b"1000\n5\n0\n");
        }
        let made = scene.create(&store).unwrap();
        assert_eq!((made.backup_id, made.files_reused), (id(2 + others), 5));
        let engine = BackupEngineReadOnly::open(options(), store.clone()).unwrap();
        let findings_of = |backup| {
            let verified = engine.verify_backups(backup, VerifyLevel::Checksum, &Quiet);
            verified.unwrap().findings.len()
        };
        assert_eq!((findings_of(id(1)), findings_of(made.backup_id)), (1, 0));
    }
}

#[test]
fn a_healed_file_does_not_complete_a_backup_that_lacks_another_file() {
    let (scene, store, path) = backed_up(DatabaseBuilder::new());
    scene.create(&store).unwrap();
    put(&store, &path, b"short");
    store.delete_one(&key("private/1/CURRENT")).unwrap();
    let report = scene.create(&store).unwrap();
    assert_eq!(report.healed_files, [&*path]);
    assert_eq!(report.healed_backups, [id(2)]);
}

#[test]
fn a_file_of_a_wrong_size_is_not_replaced_unless_every_backup_means_the_same() {
    let bytes = b"short";
    for lying in [1, 2] {
        let (scene, store, path) = backed_up(DatabaseBuilder::new());
        scene.create(&store).unwrap();
        let meta = format!("meta/{lying}");
        let text = String::from_utf8(read(&store, &meta)).unwrap();
        let line = text.lines().find(|line| line.starts_with(&path)).unwrap();
        put(
            &store,
            &meta,
            text.replace(line, &format!("{path} crc32 12345")).as_bytes(),
        );
        put(&store, &path, bytes);
        assert_harmed(scene.create(&store), &path, "1, 2");
        assert_eq!((read(&store, &path), ids(&store)), (bytes.to_vec(), vec![1, 2]));
    }
    // Nor by a database's file that is another.
    let (scene, store, path) = backed_up(DatabaseBuilder::new());
    let file = scene_path(&scene, &path);
    std::fs::write(&file, flipped(&read(&store, &path))).unwrap();
    put(&store, &path, bytes);
    assert_harmed(scene.create(&store), &path, "1");
    assert_eq!(read(&store, &path), bytes);
}

#[test]
fn a_file_of_a_wrong_size_is_not_replaced_while_a_backup_cannot_be_read() {
    let (scene, store, path) = backed_up(DatabaseBuilder::new());
    put(&store, "meta/2", b"no meta file");
    put(&store, &path, b"short");
    let error = assert_harmed(scene.create(&store), &path, "1");
    assert!(
        error
            .hint()
            .unwrap()
            .contains("cannot be read that may name it: 2"),
        "{error:?}"
    );
    assert_eq!(read(&store, &path), b"short");
    store.delete_one(&key("meta/2")).unwrap();
    assert_eq!(scene.create(&store).unwrap().healed_backups, [id(1)]);
}

#[test]
fn healing_that_is_killed_at_any_step_harms_nothing() {
    for sync in [true, false] {
        let damaged = || {
            let (scene, store, path) = backed_up(DatabaseBuilder::new());
            put(&store, &path, b"short");
            (scene, store, path)
        };
        let (scene, store, path) = damaged();
        let counting = FaultStore::counting(store);
        let counted: Store = counting.clone().into();
        scene.create_with(&counted, options().with_sync(sync)).unwrap();
        let steps = counting.step_names();
        assert!(steps.contains(&format!("replace {path}")), "{steps:?}");
        for (index, step) in steps.iter().enumerate() {
            let (scene, store, path) = damaged();
            let right = scene_bytes(&scene, &path);
            let dying: Store = Store::from(FaultStore::kill_at(store.clone(), index + 1));
            // Who dies while cleaning up has made the backup.
            let _ = scene.create_with(&dying, options().with_sync(sync));
            let now = read(&store, &path);
            assert!(now == right || now == b"short", "killed before {step}");
            scene
                .create(&store)
                .unwrap_or_else(|error| panic!("killed before {step}: {}", error.one_line()));
            assert_valid(&store, &ids(&store), step);
        }
    }
}
