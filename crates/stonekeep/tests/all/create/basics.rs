//! What the options of a backup do.

use std::sync::{Arc, Mutex};

use stonekeep::engine::info::InfoDetail;
use stonekeep::engine::{
    BackupEngine, BackupEngineOptions, BackupEngineReadOnly, Components, CreateBackupOptions, MaybeExclude,
    MetaSchema,
};
use stonekeep::format::Temperature;
use stonekeep::format::backup_name::{NamingScheme, ShareFilesNaming};
use stonekeep::image::DatabaseImage;
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep::{ErrorKind, Quiet};
use stonekeep_testkit::database::DatabaseBuilder;
use stonekeep_testkit::fake_clock::FakeClock;

use crate::image::tweaked::{Tweaked, file};
use crate::support::scene::{Scene, assert_valid, files, id, ids, key, memory, named, options, put, reader};

fn engine(options: BackupEngineOptions, store: &Store) -> BackupEngine {
    BackupEngine::open(options, store.clone()).unwrap()
}

fn plain() -> CreateBackupOptions {
    CreateBackupOptions::default()
}

fn schema_two() -> BackupEngineOptions {
    options().with_schema_version(MetaSchema::Two)
}

#[test]
fn app_metadata_is_kept_byte_by_byte_up_to_a_mebibyte() {
    let scene = Scene::new();
    let store = memory();
    let every_byte: Vec<u8> = (0..=255).collect();
    for bytes in [every_byte.clone(), every_byte.repeat(4096), Vec::new()] {
        let told = plain().with_app_metadata(bytes.clone());
        let report = engine(options(), &store)
            .create_new_backup(&scene.source(), &told, &Quiet)
            .unwrap();
        let info = reader(&store)
            .get_backup_info(report.backup_id, InfoDetail::Head)
            .unwrap();
        assert!(info.app_metadata == bytes);
    }
    let more = plain().with_app_metadata(vec![0; (1 << 20) + 1]);
    let error = engine(options(), &store)
        .create_new_backup(&scene.source(), &more, &Quiet)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(ids(&store), [1, 2, 3]);
}

#[test]
fn the_time_comes_from_the_clock() {
    let scene = Scene::new();
    let store = memory();
    let clock = Arc::new(FakeClock::at_unix_seconds(1_700_000_000));
    let engine = engine(options(), &store).with_components(Components::default().with_clock(clock));
    engine
        .create_new_backup(&scene.source(), &plain(), &Quiet)
        .unwrap();
    let info = reader(&store).get_backup_info(id(1), InfoDetail::Head).unwrap();
    assert_eq!(info.timestamp_seconds, 1_700_000_000);
}

/// Excludes tables, and records what it was offered.
fn excluding(offered: Arc<Mutex<Vec<MaybeExclude>>>) -> Components {
    Components::default().with_exclude_files_callback(move |files| {
        offered.lock().unwrap().extend(files.iter().cloned());
        Ok(files.iter().map(|file| file.path.ends_with(".sst")).collect())
    })
}

#[test]
fn the_exclude_callback_is_offered_what_is_not_stored_yet() {
    let mut scene = Scene::new();
    let store = memory();
    scene.create_with(&store, schema_two()).unwrap();
    scene.change();
    scene.database.add_blob(500);
    let offered = Arc::new(Mutex::new(Vec::new()));
    let report = engine(schema_two(), &store)
        .with_components(excluding(offered.clone()))
        .create_new_backup(&scene.source(), &plain(), &Quiet)
        .unwrap();
    let offered: Vec<MaybeExclude> = offered.lock().unwrap().clone();
    // Three tables and, by the name that its checksum gives it, a blob.
    assert_eq!(offered.len(), 4, "{offered:?}");
    assert!(
        offered
            .iter()
            .all(|file| file.path.starts_with("shared_checksum/") && file.size_bytes > 0)
    );
    assert_eq!(
        offered.iter().filter(|file| file.path.ends_with(".blob")).count(),
        1
    );
    assert_eq!((report.files_excluded, report.files_reused), (3, 5));
    let info = reader(&store).get_backup_info(id(2), InfoDetail::Files).unwrap();
    assert_eq!((info.excluded_files, info.number_files), (3, report.files_total));
    assert!(
        info.files
            .unwrap()
            .iter()
            .filter(|file| file.excluded)
            .all(|file| file.path.ends_with(".sst"))
    );
    assert_valid(&store, &[1, 2], "with excluded files");
    // Who does not exclude them stores them.
    let third = scene.create_with(&store, schema_two()).unwrap();
    assert_eq!(third.files_reused, 6);
    assert_valid(&store, &[1, 2, 3], "without excluded files");
}

#[test]
fn a_failing_exclude_callback_aborts() {
    let scene = Scene::new();
    let store = memory();
    for answer in [Err("no idea".to_owned()), Ok(vec![true])] {
        let callback = move |_: &[MaybeExclude]| answer.clone();
        let error = engine(schema_two(), &store)
            .with_components(Components::default().with_exclude_files_callback(callback))
            .create_new_backup(&scene.source(), &plain(), &Quiet)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Aborted, "{error}");
        assert_eq!(ids(&store), Vec::<u32>::new());
    }
}

#[test]
fn excluding_needs_schema_two_and_names_by_content() {
    let scene = Scene::new();
    for options in [
        options(),
        schema_two().with_share_table_files(false),
        schema_two().with_share_files_with_checksum(false),
    ] {
        let error = engine(options, &memory())
            .with_components(excluding(Arc::default()))
            .create_new_backup(&scene.source(), &plain(), &Quiet)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
}

#[test]
fn temperatures_are_kept_in_schema_two() {
    let scene = Scene::new();
    let number = scene.database.state().live_tables().next().unwrap().file.number;
    let name = format!("{:06}.sst", number.0);
    let source = Tweaked {
        inner: scene.source(),
        tweak: move |image: &mut DatabaseImage| file(image, &name).temperature = Temperature::Cold,
    };
    for (options, kept) in [(schema_two(), 1), (options(), 0)] {
        let store = memory();
        engine(options, &store)
            .create_new_backup(&source, &plain(), &Quiet)
            .unwrap();
        let info = reader(&store).get_backup_info(id(1), InfoDetail::Files).unwrap();
        let cold = info
            .files
            .unwrap()
            .into_iter()
            .filter(|file| file.temperature == Temperature::Cold);
        assert_eq!(cold.count(), kept);
        assert_valid(&store, &[1], "temperatures");
    }
}

#[test]
fn a_backup_without_wals_warns_of_the_missing_writes() {
    let scene = Scene::new();
    let store = memory();
    let report = scene
        .create_with(&store, options().with_backup_log_files(false))
        .unwrap();
    assert!(named(&store, 1).iter().all(|path| !path.ends_with(".log")));
    assert!(
        report
            .warnings
            .iter()
            .any(|warning| warning.message.contains("WALs are left out"))
    );
    assert_valid(&store, &[1], "without WALs");
}

#[test]
fn another_database_is_refused_unless_asked_for() {
    let (one, other) = (
        Scene::new(),
        Scene::with(DatabaseBuilder::new().database_id("another")),
    );
    let store = memory();
    one.create(&store).unwrap();
    for facts in [true, false] {
        if !facts {
            store.delete_one(&key("stonekeep/backups/1")).unwrap();
        }
        let error = other.create(&store).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("another"), "{error}");
        assert!(
            error
                .hint()
                .is_some_and(|hint| hint.contains("--allow-other-database"))
        );
    }
    let asked = plain().with_allow_other_database(true);
    engine(options(), &store)
        .create_new_backup(&other.source(), &asked, &Quiet)
        .unwrap();
    assert_valid(&store, &[1, 2], "two databases");
}

#[test]
fn a_database_that_changes_while_it_is_copied_is_refused() {
    let scene = Scene::new();
    let store = memory();
    let number = scene.database.state().live_tables().next().unwrap().file.number;
    let path = scene.database.table_path(number, 0);
    let shrunk = Tweaked {
        inner: scene.source(),
        tweak: move |_: &mut DatabaseImage| {
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_len(2_500).unwrap();
        },
    };
    let error = engine(options(), &store)
        .create_new_backup(&shrunk, &plain(), &Quiet)
        .unwrap_err();
    // The next look finds it that short from the beginning.
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.one_line());
    assert!(error.to_string().contains("2500 bytes"), "{error}");
    assert_eq!(ids(&store), Vec::<u32>::new());
}

#[test]
fn a_dry_run_changes_nothing_and_reports_what_would_be_done() {
    let mut scene = Scene::new();
    let store: Store = Store::from(LocalStore::new(scene.path("repository")));
    let plan = |scene: &Scene| {
        let engine = engine(options(), &store);
        engine.plan_new_backup(&scene.source(), &plain(), &Quiet).unwrap()
    };
    let first = plan(&scene);
    assert!(!first.committed && !scene.path("repository").exists());
    assert_eq!((first.backup_id, first.bytes_copied), (id(1), first.bytes_total));
    scene.create(&store).unwrap();
    scene.change();
    let before = files(&store);
    let second = plan(&scene);
    assert_eq!(files(&store), before);
    let done = scene.create(&store).unwrap();
    assert!(done.committed && !second.committed);
    assert_eq!(second.files, done.files);
    assert_eq!(
        (second.backup_id, second.bytes_reused),
        (done.backup_id, done.bytes_reused)
    );
}

#[test]
fn a_repository_in_the_place_of_the_database_is_refused() {
    let scene = Scene::new();
    let below: Store = Store::from(LocalStore::new(scene.database.path().join("backups")));
    scene.create(&below).unwrap();
    assert_valid(&below, &[1], "below the database");
    scene.create(&below).unwrap();
    for path in [scene.database.path(), scene.directory.path()] {
        let store: Store = Store::from(LocalStore::new(path));
        assert_eq!(scene.create(&store).unwrap_err().kind(), ErrorKind::Refused);
    }
    let repository: Store = Store::from(LocalStore::new(scene.path("no/parent")));
    assert_eq!(scene.create(&repository).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_database_that_cannot_be_read_leaves_no_repository_behind() {
    let scene = Scene::new();
    std::fs::remove_file(scene.database.path().join("CURRENT")).unwrap();
    let store: Store = Store::from(LocalStore::new(scene.path("repository")));
    scene.create(&store).unwrap_err();
    assert!(!scene.path("repository").exists());
}

#[test]
fn the_lock_of_another_engine_is_reported() {
    let scene = Scene::new();
    let store = memory();
    scene.create(&store).unwrap();
    let held = store
        .lease(stonekeep::store::LockWait::Fail, "somebody else", &|| false)
        .unwrap();
    let error = scene.create(&store).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains("somebody else"), "{error}");
    // Readers do not need it.
    assert_valid(&store, &[1], "while it is held");
    drop(held);
    scene.create(&store).unwrap();
}

#[test]
fn options_that_do_not_fit_are_refused_when_opening() {
    let limited = options().with_max_valid_backups_to_open(Some(1));
    assert_eq!(
        BackupEngine::open(limited, memory()).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
    let destroying = options().with_destroy_old_data(true);
    let error = BackupEngineReadOnly::open(destroying, memory()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(
        BackupEngineReadOnly::open(options(), memory())
            .unwrap_err()
            .kind(),
        ErrorKind::NotFound
    );
}

#[test]
fn a_backup_over_a_corrupt_newest_one_gets_a_larger_id() {
    let scene = Scene::new();
    let store = memory();
    scene.create(&store).unwrap();
    put(&store, "meta/5", b"nothing of use");
    let legacy = ShareFilesNaming {
        scheme: NamingScheme::LegacyCrc32cAndFileSize,
        include_file_size: true,
    };
    let naming = options().with_share_files_with_checksum_naming(legacy);
    let report = scene.create_with(&store, naming).unwrap();
    assert_eq!(report.backup_id, id(6));
}
