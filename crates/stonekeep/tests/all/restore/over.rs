//! Restores over a database: what goes, what stays, and what is refused.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{FlockOperation, fcntl_lock};
use stonekeep::engine::RestoreOptions;
use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::restore::abort_restore;
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep::{Error, ErrorKind, Quiet};
use stonekeep_testkit::database::DatabaseBuilder;

use crate::restore::scene::{TwoStates, assert_same, copy, database_files, over, tree};
use crate::support::scene::{self, Scene};
use crate::support::second_process::{self, Holder};

fn refused(two: &TwoStates, options: &RestoreOptions) -> Error {
    let before = database_files(&two.target());
    let error = two.restore(1, options).unwrap_err();
    assert_same(&database_files(&two.target()), &before, "after a refusal");
    error
}

#[test]
fn the_old_database_goes_and_nothing_else() {
    let two = over();
    let target = two.target();
    let old = tree(&target).len() as u64 - 1; // LOCK stays
    fs::create_dir_all(target.join("archive")).unwrap();
    for name in [
        "000002.sst.trash",
        "000099.dbtmp",
        "LOG.old.17",
        "archive/000001.log",
    ] {
        fs::write(target.join(name), "RocksDB's").unwrap();
    }
    let strangers = [
        "CURRENT.bak",
        "README",
        "archive/notes",
        "backups/meta/1",
        "lost+found/x",
    ];
    for name in strangers {
        fs::create_dir_all(target.join(name).parent().unwrap()).unwrap();
        fs::write(target.join(name), "somebody's").unwrap();
    }
    let report = two.restore(1, &RestoreOptions::default()).unwrap();
    assert_eq!(report.files_moved_away, old + 4);
    assert_eq!(
        report.left_alone,
        ["CURRENT.bak", "README", "backups", "archive/notes"]
    );
    for name in strangers {
        assert_eq!(fs::read(target.join(name)).unwrap(), b"somebody's", "{name}");
        fs::remove_file(target.join(name)).unwrap();
    }
    for name in ["archive", "backups/meta", "backups", "lost+found"] {
        fs::remove_dir(target.join(name)).unwrap();
    }
    two.assert_restored(1, "without what was left alone");
}

#[test]
fn a_repository_below_the_database_stays() {
    let mut scene = Scene::new();
    let root = scene.database.path().join("backups");
    let store: Store = Store::from(LocalStore::new(&root));
    scene.create(&store).unwrap();
    scene.change();
    let (database, reader) = (scene.database.path(), scene::reader(&store));
    let options = RestoreOptions::default();
    let which = WhichBackup::Latest;
    fs::create_dir_all(root.join("stonekeep/pins")).unwrap();
    let repository = tree(&root);
    reader
        .restore_db_from_backup(which, database, &options, &Quiet)
        .unwrap();
    assert_same(&tree(&root), &repository, "the repository");
    // The usual disaster: everything but the repository is lost.
    for (name, _) in tree(database) {
        if !name.starts_with("backups") {
            fs::remove_file(database.join(name)).unwrap();
        }
    }
    fs::write(database.join("LOG"), "RocksDB tried to open it").unwrap();
    fs::create_dir(database.join("lost+found")).unwrap();
    let report = reader
        .restore_db_from_backup(which, database, &options, &Quiet)
        .unwrap();
    assert_eq!((report.files_moved_away, report.files_written), (1, 9));
    assert_same(&tree(&root), &repository, "the repository");
}

#[test]
fn what_is_no_database_is_not_restored_over() {
    for name in ["thesis.tex", "000004.sst", "photos/1.jpg"] {
        let two = TwoStates::new();
        let path = two.target().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "somebody's").unwrap();
        let error = refused(&two, &RestoreOptions::default());
        assert_eq!(error.kind(), ErrorKind::Refused);
        let part = name.split('/').next().unwrap();
        assert!(error.to_string().contains(&format!("it has {part:?}")), "{error}");
        assert!(!two.target().join("LOCK").exists(), "no trace");
    }
}

#[test]
fn another_database_is_restored_over_on_request_only() {
    let builder = |id| DatabaseBuilder::new().database_id(id);
    for other in [builder("another"), builder("another").id_in_identity_only()] {
        let two = TwoStates::new();
        let elsewhere = Scene::with(other);
        copy(elsewhere.database.path(), &two.target());
        let error = refused(&two, &RestoreOptions::default());
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("the database another"), "{error}");
        two.restore(1, &RestoreOptions::default().with_allow_other_database(true))
            .unwrap();
        two.assert_restored(1, "over another database");
    }
}

#[test]
fn a_database_that_cannot_be_read_is_restored_over() {
    let two = over();
    fs::write(two.target().join("MANIFEST-000013"), "damaged").unwrap();
    fs::write(two.target().join("CURRENT"), "MANIFEST-000013").unwrap();
    fs::remove_file(two.target().join("IDENTITY")).unwrap();
    two.restore(2, &RestoreOptions::default()).unwrap();
    two.assert_restored(2, "over a damaged database");
}

#[test]
fn an_open_database_is_not_restored_over() {
    const TEST: &str = "restore::over::an_open_database_is_not_restored_over";
    let lock = |database: &Path| {
        let file = fs::File::options()
            .write(true)
            .open(database.join("LOCK"))
            .unwrap();
        fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
        file
    };
    if let Some(target) = std::env::var_os(second_process::REPOSITORY) {
        second_process::hold("LOCK", lock(Path::new(&target)));
    }
    let two = over();
    let (holder, _) = Holder::start(TEST, &two.target());
    let error = refused(&two, &RestoreOptions::default());
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains("is open in process"), "{error}");
    holder.kill();
    let held = lock(&two.target());
    let error = refused(&two, &RestoreOptions::default());
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains("this process"), "{error}");
    drop(held);
    two.restore(1, &RestoreOptions::default()).unwrap();
}

#[test]
fn places_that_cannot_be_meant_are_refused() {
    let scene = Scene::new();
    let root = scene.path("repository");
    let store: Store = Store::from(LocalStore::new(&root));
    scene.create(&store).unwrap();
    symlink(&root, scene.path("link")).unwrap();
    let before = tree(&root);
    let restore = |target: &Path, options: &RestoreOptions| {
        let outcome =
            scene::reader(&store).restore_db_from_backup(WhichBackup::Latest, target, options, &Quiet);
        outcome.unwrap_err().kind()
    };
    for inside in ["repository", "repository/private/9", "link/x"] {
        let kind = restore(&scene.path(inside), &RestoreOptions::default());
        assert_eq!(kind, ErrorKind::Refused, "{inside}");
        let wal_dir = RestoreOptions::default().with_wal_dir(Some(scene.path(inside)));
        assert_eq!(
            restore(&scene.path("target"), &wal_dir),
            ErrorKind::Refused,
            "{inside}"
        );
    }
    let staging = scene.path("target/.stonekeep-restore/new");
    assert_eq!(
        restore(&staging, &RestoreOptions::default()),
        ErrorKind::InvalidArgument
    );
    assert_same(&tree(&root), &before, "the repository");
}

#[test]
fn links_at_the_target_are_never_followed() {
    let two = over();
    let victim = two.scene.path("victim");
    fs::write(&victim, "somebody's").unwrap();
    for name in ["000004.sst", "OPTIONS-000003", "LOG"] {
        fs::remove_file(two.target().join(name)).unwrap();
        symlink(&victim, two.target().join(name)).unwrap();
    }
    two.restore(1, &RestoreOptions::default()).unwrap();
    two.assert_restored(1, "over links");
    assert_eq!(fs::read(&victim).unwrap(), b"somebody's");

    let elsewhere = two.scene.path("elsewhere");
    fs::create_dir_all(elsewhere.join("new")).unwrap();
    fs::write(elsewhere.join("new/000004.sst"), "somebody's").unwrap();
    symlink(&elsewhere, two.target().join(".stonekeep-restore")).unwrap();
    let before = tree(&elsewhere);
    two.restore(2, &RestoreOptions::default()).unwrap_err();
    abort_restore(&two.target(), None).unwrap_err();
    assert_same(&tree(&elsewhere), &before, "behind a link");
    two.assert_restored_with(1, ".stonekeep-restore", "nothing has changed");
}

#[test]
fn a_directory_in_the_way_is_refused() {
    for name in ["000005.sst", "CURRENT"] {
        let two = over();
        fs::remove_file(two.target().join(name)).unwrap();
        fs::create_dir(two.target().join(name)).unwrap();
        let error = two.restore(1, &RestoreOptions::default()).unwrap_err();
        assert!(error.one_line().contains(name), "{}", error.one_line());
        assert!(two.target().join(name).is_dir());
        assert!(two.target().join("000004.sst").exists());
    }
}

#[test]
fn a_lock_that_was_made_stays() {
    let two = TwoStates::new();
    two.restore(1, &RestoreOptions::default()).unwrap();
    assert_eq!(fs::read(two.target().join("LOCK")).unwrap(), b"");
    assert!(!two.target().join(".stonekeep-restore").exists());
}
