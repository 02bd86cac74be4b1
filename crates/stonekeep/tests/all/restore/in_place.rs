//! Backups opened in place: what is linked, what is copied, and that closing removes nothing else.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use stonekeep::engine::in_place::{MARKER, close_in_place};
use stonekeep::engine::info::WhichBackup;
use stonekeep::format::file_name::DbFileName;
use stonekeep::store::Store;
use stonekeep::{ErrorKind, Quiet};
use stonekeep_testkit::database::DatabaseBuilder;

use crate::restore::scene::{Tree, TwoStates, assert_same, backed_up, tree};
use crate::support::scene::{self, Scene};

/// A repository on disk with one backup, and what opens from it.
fn on_disk(builder: DatabaseBuilder) -> (Scene, Store) {
    let scene = Scene::with(builder);
    let store: Store = scene::directory(&scene);
    scene.create(&store).unwrap();
    (scene, store)
}

fn opened(at: &Path) -> Tree {
    let mut files = tree(at);
    assert!(files.remove(MARKER).is_some());
    files
}

#[test]
fn tables_are_links_and_the_rest_is_copied() {
    let (scene, store) = on_disk(DatabaseBuilder::new());
    let at = scene.path("opened");
    let report = scene::reader(&store)
        .open_in_place(WhichBackup::Latest, &at, &Quiet)
        .unwrap();
    let (mut linked, mut copied) = (0, 0);
    for name in opened(&at).keys() {
        let links = fs::metadata(at.join(name)).unwrap().nlink();
        match DbFileName::parse(name) {
            Some(DbFileName::Table { .. } | DbFileName::Blob(_)) => {
                assert_eq!(links, 2, "{name}");
                linked += 1;
            }
            _ => {
                assert_eq!(links, 1, "{name}");
                copied += 1;
            }
        }
    }
    assert!(linked > 0 && copied > 0);
    assert_eq!((report.files_linked, report.files_copied), (linked, copied));
    let before = scene::files(&store);
    close_in_place(&at).unwrap();
    assert!(!at.exists());
    assert_eq!(scene::files(&store), before);
    scene::assert_valid(&store, &[1], "closed");
}

#[test]
fn what_opens_is_the_backup_also_without_links() {
    let (mut scene, store) = on_disk(DatabaseBuilder::new());
    let first = backed_up(&scene);
    scene.change();
    scene.create(&store).unwrap();
    let states = [first, backed_up(&scene)];
    let device = |path: &Path| fs::metadata(path).unwrap().dev();
    // Another file system has no links to the repository, where the machine has one.
    let memory = Path::new("/dev/shm");
    let elsewhere = memory.is_dir().then(|| tempfile::tempdir_in(memory).unwrap());
    let elsewhere = elsewhere.filter(|at| device(at.path()) != device(&scene.path("repository")));
    let places = [
        Some(scene.path("opened")),
        elsewhere.as_ref().map(|at| at.path().join("opened")),
    ];
    for (number, at) in places.into_iter().flatten().enumerate() {
        for (state, id) in states.iter().zip(1..) {
            let which = WhichBackup::Id(scene::id(id));
            let report = scene::reader(&store).open_in_place(which, &at, &Quiet).unwrap();
            assert_eq!(report.files_linked > 0, number == 0, "{}", at.display());
            assert_same(&opened(&at), state, "opened");
            close_in_place(&at).unwrap();
        }
    }
}

#[test]
fn a_repository_that_is_no_directory_is_not_copied() {
    let states = TwoStates::new();
    let at = states.scene.path("opened");
    for which in [WhichBackup::Latest, WhichBackup::LatestValid] {
        let reader = states.reader();
        let opened = reader.open_in_place(which, &at, &Quiet).unwrap_err();
        let planned = reader.plan_open_in_place(which, &at, &Quiet).unwrap_err();
        for error in [opened, planned] {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(
                error.to_string().contains("only in a local repository"),
                "{error}"
            );
            assert!(error.hint().unwrap().contains("restore"), "{error:?}");
        }
    }
    assert!(!at.exists());
}

#[test]
fn an_opened_backup_never_points_at_the_wals_of_the_original() {
    let directory = tempfile::tempdir().unwrap();
    let (scene, store) = on_disk(DatabaseBuilder::new().wal_dir(&directory.path().join("wals")));
    let at = scene.path("opened");
    scene::reader(&store)
        .open_in_place(WhichBackup::Latest, &at, &Quiet)
        .unwrap();
    let files = opened(&at);
    let options: Vec<_> = files
        .iter()
        .filter(|(name, _)| name.starts_with("OPTIONS-"))
        .collect();
    assert!(!options.is_empty());
    for (name, content) in options {
        assert!(!String::from_utf8_lossy(content).contains("/wals"), "{name}");
    }
    assert!(
        files.keys().any(|name| name.ends_with(".log")),
        "the WALs come along"
    );
}

#[test]
fn a_database_id_that_only_identity_has_is_in_the_opened_directory() {
    let (scene, store) = on_disk(DatabaseBuilder::new().database_id("the-id").id_in_identity_only());
    let at = scene.path("opened");
    scene::reader(&store)
        .open_in_place(WhichBackup::Latest, &at, &Quiet)
        .unwrap();
    assert_eq!(opened(&at)["IDENTITY"], b"the-id");
}

#[test]
fn files_in_the_directory_are_not_changed() {
    let (scene, store) = on_disk(DatabaseBuilder::new());
    let at = scene.path("opened");
    fs::create_dir(&at).unwrap();
    fs::write(at.join("mine"), "mine").unwrap();
    let reader = scene::reader(&store);
    let error = reader
        .open_in_place(WhichBackup::Latest, &at, &Quiet)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(tree(&at).into_keys().collect::<Vec<_>>(), ["mine"]);
    assert_eq!(close_in_place(&at).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(
        close_in_place(&scene.path("nowhere")).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let inside = scene.path("repository/opened");
    let error = reader
        .open_in_place(WhichBackup::Latest, &inside, &Quiet)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(!inside.exists());
}

#[test]
fn closing_removes_what_rocksdb_adds_and_stops_at_anything_else() {
    let (scene, store) = on_disk(DatabaseBuilder::new());
    let at = scene.path("opened");
    scene::reader(&store)
        .open_in_place(WhichBackup::Latest, &at, &Quiet)
        .unwrap();
    let again = scene::reader(&store)
        .open_in_place(WhichBackup::Latest, &at, &Quiet)
        .unwrap_err();
    assert!(again.hint().unwrap().contains("close"), "{again:?}");
    for name in ["LOG", "LOG.old.123", "LOCK"] {
        fs::write(at.join(name), "").unwrap();
    }
    fs::write(
        at.join("MANIFEST-000999"),
        "written by a database that was opened for writing",
    )
    .unwrap();
    let before = tree(&at);
    let error = close_in_place(&at).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("MANIFEST-000999"), "{error}");
    assert_same(&tree(&at), &before, "a refused close");
    fs::remove_file(at.join("MANIFEST-000999")).unwrap();
    close_in_place(&at).unwrap();
    assert!(!at.exists());
}

#[test]
fn a_forged_marker_removes_no_file_outside() {
    let (scene, store) = on_disk(DatabaseBuilder::new());
    let at = scene.path("opened");
    scene::reader(&store)
        .open_in_place(WhichBackup::Latest, &at, &Quiet)
        .unwrap();
    let victim = scene.path("victim");
    fs::write(&victim, "stays").unwrap();
    let text = fs::read_to_string(at.join(MARKER)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let content = format!("{}\n\"../victim\"\n", lines[0]);
    let crc = crc32c::crc32c(content.as_bytes());
    let forged = format!("{content}{{\"end\":{{\"lines\":2,\"crc32c\":{crc}}}}}\n");
    fs::write(at.join(MARKER), forged).unwrap();
    for name in tree(&at).into_keys().filter(|name| name != MARKER) {
        fs::remove_file(at.join(name)).unwrap();
    }
    let _ = close_in_place(&at);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "stays");
}

#[test]
fn a_damaged_backup_leaves_no_directory() {
    let (mut scene, store) = on_disk(DatabaseBuilder::new());
    scene.change();
    scene.create(&store).unwrap();
    let manifest = scene::named(&store, 2)
        .into_iter()
        .find(|path| path.contains("MANIFEST"))
        .unwrap();
    let path = scene.path("repository").join(manifest);
    let mut bytes = fs::read(&path).unwrap();
    bytes[20] ^= 1;
    fs::write(&path, bytes).unwrap();
    let at = scene.path("opened");
    let reader = scene::reader(&store);
    let error = reader
        .open_in_place(WhichBackup::Latest, &at, &Quiet)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(!at.exists());
    let report = reader
        .open_in_place(WhichBackup::LatestValid, &at, &Quiet)
        .unwrap();
    assert_eq!(report.backup_id.get(), 1);
}
