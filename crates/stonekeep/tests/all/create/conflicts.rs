//! A name that is taken: by damage, by a leftover, by somebody else's file.

use stonekeep::engine::{BackupEngine, CreateBackupOptions};
use stonekeep::format::SequenceNumber;
use stonekeep::image::{DatabaseImage, ImageSource};
use stonekeep::store::local::LocalStore;
use stonekeep::store::memory::MemoryStore;
use stonekeep::store::{Durability, ObjectReader, PutMode, Store};
use stonekeep::{Error, ErrorKind, Quiet, Result};
use stonekeep_testkit::database::DatabaseBuilder;
use stonekeep_testkit::fault_store::FaultStore;
use stonekeep_testkit::store_conformance::{runs, uploads};

use crate::hot::meddler::{Deed, Meddler};
use crate::image::tweaked::{Tweaked, file, replace};
use crate::support::scene::{Scene, assert_valid, files, id, ids, key, memory, named, options, put, verify};

/// A scene with one backup, and the path of a table in it.
pub(crate) fn backed_up(builder: DatabaseBuilder) -> (Scene, Store, String) {
    let scene = Scene::with(builder);
    let store = memory();
    scene.create(&store).unwrap();
    let path = named(&store, 1)
        .into_iter()
        .find(|path| path.ends_with(".sst"))
        .unwrap();
    (scene, store, path)
}

pub(crate) fn read(store: &Store, path: &str) -> Vec<u8> {
    store.read(&key(path), 1 << 20).unwrap()
}

pub(crate) fn flipped(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[7] ^= 0x40;
    bytes
}

pub(crate) fn assert_harmed(outcome: Result<impl std::fmt::Debug>, path: &str, backups: &str) -> Error {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().starts_with(path), "{error}");
    let word = if backups.contains(',') {
        "backups"
    } else {
        "backup"
    };
    assert!(
        error
            .to_string()
            .ends_with(&format!("it belongs to {word} {backups}")),
        "{error}"
    );
    error
}

#[test]
fn a_recorded_checksum_that_the_manifest_contradicts_makes_the_backup_read_the_stored_file() {
    let (scene, store, path) = backed_up(DatabaseBuilder::new().file_checksums());
    let text = String::from_utf8(read(&store, "meta/1")).unwrap();
    let line = text.lines().find(|line| line.starts_with(&path)).unwrap();
    let lie = text.replace(line, &format!("{path} crc32 12345"));
    put(&store, "meta/1", lie.as_bytes());
    let before = read(&store, &path);
    // The stored file is the database's: the meta file lies.
    let made = scene.create(&store).unwrap();
    assert_eq!((made.backup_id, made.files_reused), (id(2), 5));
    assert_eq!(read(&store, &path), before);
    // The stored file is another one, too.
    let text = String::from_utf8(read(&store, "meta/2")).unwrap();
    put(
        &store,
        "meta/2",
        text.replace(line, &format!("{path} crc32 12345")).as_bytes(),
    );
    put(&store, &path, &flipped(&before));
    assert_harmed(scene.create(&store), &path, "1, 2");
    assert_eq!(read(&store, &path), flipped(&before));
}

#[test]
fn a_link_under_the_name_of_a_shared_file_stops_the_backup() {
    let scene = Scene::new();
    let root = scene.path("repository");
    let store: Store = Store::from(LocalStore::new(&root));
    scene.create(&store).unwrap();
    let path = named(&store, 1)
        .into_iter()
        .find(|path| path.ends_with(".sst"))
        .unwrap();
    std::fs::remove_file(root.join(&path)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", root.join(&path)).unwrap();
    assert_harmed(scene.create(&store), &path, "1");
    assert!(root.join(&path).is_symlink());
}

/// Leaves the files of a backup without meta file, facts and private files, as a foreign engine's killed run would.
fn orphan(store: &Store) {
    for path in files(store) {
        if !path.starts_with("shared") {
            store.delete_one(&key(&path)).unwrap();
        }
    }
}

#[test]
fn an_orphan_with_the_right_bytes_is_used() {
    let (scene, store, _) = backed_up(DatabaseBuilder::new());
    orphan(&store);
    let report = scene.create(&store).unwrap();
    assert_eq!(report.files_reused, 5);
    assert_valid(&store, &[1], "orphans");
}

#[test]
fn a_file_that_another_program_stored_meanwhile_is_durable_before_a_backup_names_it() {
    let (scene, reference, path) = backed_up(DatabaseBuilder::new());
    let disk = MemoryStore::new();
    let store: Store = disk.clone().into();
    let (bytes, to, other) = (read(&reference, &path), key(&path), store.clone());
    let without_sync = Deed::Do(Box::new(move || {
        let staged = other.upload(
            "other",
            &key("x"),
            &mut &*bytes,
            bytes.len() as u64,
            PutMode::IfAbsent,
        );
        let batch = vec![(staged.unwrap(), to)];
        other
            .finish(batch, PutMode::IfAbsent, Durability::Buffered)
            .unwrap();
    }));
    scene
        .create(&Meddler::store(&store, &path, false, without_sync))
        .unwrap();
    disk.crash();
    assert_valid(&store, &[1], "after a power failure");
}

#[test]
fn an_orphan_with_wrong_bytes_is_replaced() {
    for cut in [false, true] {
        let (scene, store, path) = backed_up(DatabaseBuilder::new());
        let right = read(&store, &path);
        orphan(&store);
        let wrong = flipped(&right);
        put(&store, &path, if cut { &wrong[..100] } else { &wrong });
        let report = scene.create(&store).unwrap();
        assert_eq!(report.files_reused, 4);
        assert_eq!(read(&store, &path), right);
        assert_valid(&store, &[1], "a replaced orphan");
    }
}

#[test]
fn an_orphan_with_wrong_bytes_may_belong_to_a_backup_that_cannot_be_read() {
    let (scene, store, path) = backed_up(DatabaseBuilder::new());
    let wrong = flipped(&read(&store, &path));
    put(&store, &path, &wrong);
    for unreadable in ["no meta file", "schema_version 3\n"] {
        orphan(&store);
        put(&store, "meta/1", unreadable.as_bytes());
        let error = scene.create(&store).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.to_string().ends_with("cannot be read: 1"), "{error}");
        assert_eq!(read(&store, &path), wrong);
    }
    // Files with the right bytes are used all the same.
    let right = scene_bytes(&scene, &path);
    put(&store, &path, &right);
    scene.create(&store).unwrap();
    assert!(
        verify(&store)
            .findings
            .iter()
            .all(|finding| finding.file == "meta/1")
    );
}

/// The database's file that is stored under this path.
pub(crate) fn scene_bytes(scene: &Scene, path: &str) -> Vec<u8> {
    std::fs::read(scene_path(scene, path)).unwrap()
}

pub(crate) fn scene_path(scene: &Scene, path: &str) -> std::path::PathBuf {
    let name = path.rsplit('/').next().unwrap();
    scene.database.path().join(format!("{}.sst", &name[..6]))
}

#[test]
fn a_missing_file_of_an_older_backup_is_stored_again() {
    let (mut scene, store, path) = backed_up(DatabaseBuilder::new());
    scene.change();
    scene.create(&store).unwrap();
    store.delete_one(&key(&path)).unwrap();
    assert!(!verify(&store).is_clean());
    scene.create(&store).unwrap();
    assert_valid(&store, &[1, 2, 3], "healed");
}

#[test]
fn a_missing_file_of_an_older_backup_is_not_replaced_by_another() {
    for database_changes in [false, true] {
        let (scene, store, path) = backed_up(DatabaseBuilder::new());
        if database_changes {
            // The same name and size, other bytes: a database that was damaged since.
            let name = path.rsplit('/').next().unwrap();
            let file = scene.database.path().join(format!("{}.sst", &name[..6]));
            std::fs::write(&file, flipped(&read(&store, &path))).unwrap();
        } else {
            let text = String::from_utf8(read(&store, "meta/1")).unwrap();
            let line = text.lines().find(|line| line.starts_with(&path)).unwrap();
            let lie = text.replace(line, &format!("{path} crc32 12345"));
            put(&store, "meta/1", lie.as_bytes());
        }
        store.delete_one(&key(&path)).unwrap();
        assert_harmed(scene.create(&store), &path, "1");
        assert!(!files(&store).contains(&path));
    }
}

#[test]
fn unchecked_sharing_never_takes_one_file_for_another() {
    let unchecked = || options().with_share_files_with_checksum(false);
    let (one, other) = (
        Scene::new(),
        Scene::with(DatabaseBuilder::new().database_id("another")),
    );
    let store = memory();
    one.create_with(&store, unchecked()).unwrap();
    let before = read(&store, "shared/000004.sst");
    let engine = BackupEngine::open(unchecked(), store.clone()).unwrap();
    let any = CreateBackupOptions::default().with_allow_other_database(true);
    let outcome = engine.create_new_backup(&other.source(), &any, &Quiet);
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert_eq!(read(&store, "shared/000004.sst"), before);
    assert_valid(&store, &[1], "after a refusal");
}

#[test]
fn a_damaged_file_of_the_database_is_not_stored() {
    let scene = Scene::with(DatabaseBuilder::new().file_checksums());
    let store = memory();
    let number = scene.database.state().live_tables().next().unwrap().file.number;
    let path = scene.database.table_path(number, 0);
    std::fs::write(&path, flipped(&std::fs::read(&path).unwrap())).unwrap();
    let error = scene.create(&store).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("the MANIFEST has"), "{error}");
    assert_eq!(ids(&store), Vec::<u32>::new());
}

/// A first backup that dies before the first step of this name.
fn killed(store: &Store, source: &dyn ImageSource, sync: bool, step: &str) {
    let options = || options().with_sync(sync);
    let told = CreateBackupOptions::default();
    let run = |store: Store| {
        BackupEngine::open(options(), store)
            .unwrap()
            .create_new_backup(source, &told, &Quiet)
    };
    let counting = FaultStore::counting(memory());
    run(counting.clone().into()).unwrap();
    let at = counting
        .step_names()
        .iter()
        .position(|name| name.starts_with(step))
        .unwrap();
    run(Store::from(FaultStore::kill_at(store.clone(), at + 1))).unwrap_err();
}

#[test]
fn an_area_of_a_killed_run_never_vouches_for_what_another_run_wrote() {
    let scene = Scene::new();
    let store = memory();
    killed(&store, &scene.source(), true, "finish shared");
    // The second run takes what the first one staged, but for one table: it is another file, of the same name and size.
    let number = scene.database.state().live_tables().next().unwrap().file.number;
    let bytes = flipped(&std::fs::read(scene.database.table_path(number, 0)).unwrap());
    let other = Tweaked {
        inner: scene.source(),
        tweak: |image: &mut DatabaseImage| {
            let table = file(image, &format!("{:06}.sst", number.0));
            table.table.as_mut().unwrap().largest_seqno = SequenceNumber(999);
            replace(table, &bytes);
        },
    };
    let fault = FaultStore::kill_at(store.clone(), second_run_syncs(&store, &other));
    let dying: Store = fault.into();
    let engine = BackupEngine::open(options(), dying).unwrap();
    engine
        .create_new_backup(&other, &CreateBackupOptions::default(), &Quiet)
        .unwrap_err();
    let report = scene.create(&store).unwrap();
    assert_eq!(report.files_resumed, 5, "{:?}", report.files);
    assert_valid(&store, &[1], "after two killed runs");
}

/// The step at which a run on such a store has staged all its files, and syncs them.
fn second_run_syncs(store: &Store, source: &dyn ImageSource) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let copy: Store = Store::from(LocalStore::new(directory.path().join("copy")));
    copy.create_root(Durability::Buffered).unwrap();
    for area in runs(store) {
        for staged in uploads(store, &area) {
            let object = store.open_upload(&staged).unwrap();
            let mut reader = ObjectReader::new(object.as_ref());
            copy.upload(
                &area,
                &staged.key,
                &mut reader,
                staged.size_bytes,
                PutMode::IfAbsent,
            )
            .unwrap();
        }
    }
    let counting = FaultStore::counting(copy);
    let counted: Store = counting.clone().into();
    let engine = BackupEngine::open(options(), counted).unwrap();
    engine
        .create_new_backup(source, &CreateBackupOptions::default(), &Quiet)
        .unwrap();
    counting
        .step_names()
        .iter()
        .position(|name| name.starts_with("persist uploads "))
        .unwrap()
        + 1
}

#[test]
fn what_was_staged_without_sync_is_read_before_it_is_used() {
    let scene = Scene::new();
    let store = memory();
    killed(&store, &scene.source(), false, "finish shared");
    // The power failed: one file has its length, and other bytes.
    let staged = uploads(&store, "1");
    let table = staged
        .iter()
        .find(|staged| staged.key.as_str().ends_with(".sst"))
        .unwrap();
    let zeros = vec![0; usize::try_from(table.size_bytes).unwrap()];
    store
        .upload("1", &table.key, &mut &*zeros, table.size_bytes, PutMode::IfAbsent)
        .unwrap();
    let report = scene.create(&store).unwrap();
    assert_eq!(report.files_resumed, 4);
    assert_valid(&store, &[1], "after a power failure");
}
