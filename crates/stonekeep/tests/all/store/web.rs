//! Repositories at a web server that can neither be listed nor be changed.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use stonekeep::engine::{BackupEngine, BackupEngineReadOnly};
use stonekeep::repo::latest_hint;
use stonekeep::store::remote::WebStore;
use stonekeep::store::{Durability, Key, LockWait, Persist, PutContent, PutMode, Store, Upload, UploadSweep};
use stonekeep::{
    BackupId, ErrorKind, InfoDetail, LocalStore, Quiet, RestoreOptions, VerifyLevel, VerifyWhat, WarningName,
    WhichBackup,
};
use stonekeep_testkit::http_server::{self, HttpServer, Response, Serves};

use crate::support::scene::{Scene, id, options};

const HINT: &str = "stonekeep/latest";

/// Two backups in a directory.
struct World {
    scene: Scene,
}

impl World {
    fn new() -> Self {
        let mut scene = Scene::new();
        let local: Store = LocalStore::new(scene.path("repository")).into();
        scene.create(&local).unwrap();
        scene.change();
        scene.create(&local).unwrap();
        World { scene }
    }

    fn root(&self) -> std::path::PathBuf {
        self.scene.path("repository")
    }

    fn hint(&self, backup: u32) {
        let hint = format!("{{\"stonekeep_latest\":1,\"backup_id\":{backup},\"meta_crc32c\":1}}\n");
        fs::write(self.root().join(HINT), hint).unwrap();
    }

    fn serve(&self, serves: Serves) -> (HttpServer, BackupEngineReadOnly) {
        let server = HttpServer::of_directory(&self.root(), serves).unwrap();
        let engine = engine(&server.url());
        (server, engine)
    }

    fn local(&self) -> BackupEngineReadOnly {
        BackupEngineReadOnly::open(options(), LocalStore::new(self.root())).unwrap()
    }
}

fn web(url: &str) -> stonekeep::Result<WebStore> {
    WebStore::open(url, &[("allow_http".to_owned(), "true".to_owned())])
}

fn engine(url: &str) -> BackupEngineReadOnly {
    BackupEngineReadOnly::open(options(), web(url).unwrap()).unwrap()
}

fn same_files(a: &Path, b: &Path) -> bool {
    let files = |at: &Path| {
        let entries = fs::read_dir(at).unwrap().map(Result::unwrap);
        let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
        let mut files: Vec<_> = files
            .map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap()))
            .collect();
        files.sort();
        files
    };
    !files(a).is_empty() && files(a) == files(b)
}

#[test]
fn a_backup_at_a_web_server_is_shown_verified_and_restored_by_its_id() {
    let world = World::new();
    let local = world.scene.path("from-local");
    let restore = |engine: &BackupEngineReadOnly, which, to: &Path| {
        engine.restore_db_from_backup(which, to, &RestoreOptions::default(), &Quiet)
    };
    restore(&world.local(), WhichBackup::Id(id(1)), &local).unwrap();
    for (number, serves) in [Serves::Ranges, Serves::WeakRanges, Serves::WholeFiles]
        .into_iter()
        .enumerate()
    {
        let (_server, engine) = world.serve(serves);
        let to = world.scene.path(&format!("from-web-{number}"));
        let report = restore(&engine, WhichBackup::Id(id(1)), &to).unwrap();
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
        assert!(same_files(&to, &local), "{serves:?}");
        for level in [VerifyLevel::Size, VerifyLevel::Checksum] {
            let report = engine
                .verify_backups(VerifyWhat::from(id(2)), level, &Quiet)
                .unwrap();
            assert!(report.is_clean(), "{report:?}");
            assert_eq!(report.backups.len(), 1);
        }
        for detail in [InfoDetail::Head, InfoDetail::Sizes, InfoDetail::Files] {
            let here = engine.get_backup_info(id(2), detail).unwrap();
            let there = world.local().get_backup_info(id(2), detail).unwrap();
            assert_eq!(
                (&here.state, here.size_bytes),
                (&there.state, there.size_bytes),
                "{detail:?}"
            );
            assert_eq!(
                (here.number_files, &here.database_id),
                (there.number_files, &there.database_id)
            );
            let paths = |info: &stonekeep::BackupInfo| {
                let files = info.files.iter().flatten();
                files
                    .map(|file| (file.path.clone(), file.size_bytes))
                    .collect::<Vec<_>>()
            };
            assert_eq!(paths(&here), paths(&there));
            assert_eq!(here.unique_bytes, None, "others are not known");
        }
        assert_eq!(
            engine
                .get_backup_info(id(9), InfoDetail::Sizes)
                .unwrap_err()
                .kind(),
            ErrorKind::NotFound
        );
        let absent = restore(&engine, WhichBackup::Id(id(9)), &world.scene.path("absent")).unwrap_err();
        assert_eq!(absent.kind(), ErrorKind::NotFound, "{absent:?}");
    }
}

#[test]
fn damage_at_a_web_server_is_found_and_not_restored() {
    let world = World::new();
    let shared = world.root().join("shared_checksum");
    let names = fs::read_dir(&shared).unwrap().map(|entry| entry.unwrap().path());
    let table = names
        .filter(|path| path.extension().is_some_and(|end| end == "sst"))
        .min()
        .unwrap();
    let bytes = fs::read(&table).unwrap();
    let (_server, engine) = world.serve(Serves::Ranges);
    let findings = |level| {
        engine
            .verify_backups(VerifyWhat::from(id(2)), level, &Quiet)
            .unwrap()
            .findings
            .len()
    };
    let restore = |name: &str| {
        let to = world.scene.path(name);
        let restored =
            engine.restore_db_from_backup(WhichBackup::Id(id(2)), &to, &RestoreOptions::default(), &Quiet);
        assert!(!to.join("CURRENT").exists());
        restored.unwrap_err()
    };
    fs::write(&table, vec![0; bytes.len()]).unwrap();
    assert_eq!(findings(VerifyLevel::Checksum), 1);
    assert_eq!(restore("damaged").kind(), ErrorKind::Corrupt);
    fs::remove_file(&table).unwrap();
    assert_eq!(
        (findings(VerifyLevel::Size), findings(VerifyLevel::Checksum)),
        (1, 1)
    );
    assert_eq!(restore("missing").kind(), ErrorKind::Corrupt);
}

#[test]
fn the_latest_is_found_from_the_hint_on_and_may_not_be_the_newest() {
    let world = World::new();
    let (_server, engine) = world.serve(Serves::WholeFiles);
    let none = engine.resolve(WhichBackup::Latest).unwrap_err();
    assert!(
        none.to_string().contains(HINT) && none.hint().unwrap().contains("by its id"),
        "{none:?}"
    );
    // One that an earlier run has left serves as well.
    for hinted in [1, 2] {
        world.hint(hinted);
        let (newest, warnings) = engine.resolve_with_warnings(WhichBackup::Latest).unwrap();
        assert_eq!(newest, id(2));
        assert_eq!(
            warnings.iter().map(|it| it.name).collect::<Vec<_>>(),
            [WarningName::NotListed]
        );
    }
    let to = world.scene.path("latest");
    let report = engine
        .restore_db_from_backup(WhichBackup::Latest, &to, &RestoreOptions::default(), &Quiet)
        .unwrap();
    assert_eq!(report.backup_id, id(2));
    assert!(
        report.warnings.iter().any(|it| it.name == WarningName::NotListed),
        "{report:?}"
    );
    world.hint(3 + latest_hint::LOOK_AHEAD);
    let gone = engine.resolve(WhichBackup::Latest).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound, "{gone:?}");
}

#[test]
fn what_needs_a_listing_or_a_change_says_so() {
    let world = World::new();
    let (_server, engine) = world.serve(Serves::Ranges);
    let verified = engine
        .verify_backups(VerifyWhat::All, VerifyLevel::Size, &Quiet)
        .map(drop);
    let listed = engine.get_all_backup_info(InfoDetail::Head).map(drop);
    let chosen = engine.resolve(WhichBackup::LatestValid).map(drop);
    for needs_listing in [verified, listed, chosen] {
        let error = needs_listing.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
        assert!(error.to_string().contains("cannot be listed"), "{error:?}");
        assert!(error.hint().unwrap().contains("by its id"), "{error:?}");
    }
    assert_eq!(
        engine.diff(id(1), id(2)).unwrap(),
        world.local().diff(id(1), id(2)).unwrap()
    );
    for opened in [
        BackupEngine::open(options(), engine.store().clone()),
        BackupEngine::open_existing(options(), engine.store().clone()),
    ] {
        let error = opened.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
        assert!(error.to_string().contains("can only be read"), "{error}");
    }
}

#[test]
fn every_change_is_refused_and_nothing_is_left_to_clean_up() {
    let world = World::new();
    let (server, engine) = world.serve(Serves::Ranges);
    let store = engine.store();
    let (key, uploaded) = (Key::new("meta/3").unwrap(), || Upload {
        run: "7".to_owned(),
        key: Key::new("meta/3").unwrap(),
        size_bytes: 4,
    });
    let content = || &b"text"[..];
    let (durable, new) = (Durability::Durable, PutMode::IfAbsent);
    let put = store.put("7", &key, PutContent::Bytes(b"text"), PutMode::Replace, durable);
    let finished = store.finish(vec![(uploaded(), key.clone())], new, durable);
    let changes = [
        store.create_root(durable),
        put.map(drop),
        store.upload("7", &key, &mut content(), 4, new).map(drop),
        store.record("7", &key, &mut content()).map(drop),
        store.resume(&uploaded(), "8", &mut content(), 4).map(drop),
        store.open_upload(&uploaded()).map(drop),
        finished.map(drop),
        store.persist(Persist::Files(std::slice::from_ref(&key)), durable),
        store.discard("7"),
        store.delete_one(&Key::new("meta/1").unwrap()),
        store.lease(LockWait::Fail, "a test", &|| false).map(drop),
        store.pin(&key, b"text").map(drop),
        store.sweep_pin(&key, &|| false).map(drop),
    ];
    for change in changes {
        let error = change.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
        assert!(error.to_string().contains("can only be read"), "{error}");
        assert!(
            error.hint().is_some_and(|hint| hint.contains("back up into")),
            "{error:?}"
        );
    }
    assert!(store.leftovers().unwrap().is_empty() && store.warnings().is_empty());
    let swept = store.sweep_uploads(Duration::ZERO, UploadSweep::Abort).unwrap();
    assert_eq!(swept, Default::default());
    let asked = server.requests();
    assert!(
        asked
            .iter()
            .all(|request| matches!(&*request.method, "GET" | "HEAD")),
        "{asked:?}"
    );
    assert!(world.root().join("meta/1").exists() && !world.root().join("meta/3").exists());
}

#[test]
fn a_server_without_the_repository_has_no_backup() {
    let server = HttpServer::start(|_| Response::new(404, "nothing is here")).unwrap();
    let engine = engine(&format!("{}/backups/app?signature=secret", server.url()));
    let error = engine.get_backup_info(id(1), InfoDetail::Sizes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let expected = format!("there is no backup 1 in {}/backups/app", server.url());
    assert_eq!(error.to_string(), expected);
    assert!(!format!("{error:?}").contains("secret"));
    let targets: Vec<String> = server
        .requests()
        .into_iter()
        .map(|request| request.target)
        .collect();
    assert_eq!(targets, ["/backups/app/meta/1?signature=secret"]);
}

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    let world = World::new();
    let path = world.root().join("meta/1");
    let (_server, engine) = world.serve(Serves::Ranges);
    let object = engine.store().open(&Key::new("meta/1").unwrap()).unwrap();
    let bytes = fs::read(&path).unwrap();
    let mut buffer = [0; 4];
    object.read_at(&mut buffer, 3).unwrap();
    assert_eq!(buffer, bytes[3..7]);
    fs::write(&path, vec![b'x'; bytes.len()]).unwrap();
    object.read_at(&mut buffer, 1).unwrap_err();
}

#[test]
fn urls_that_expose_something_are_refused() {
    for (url, reason) in [
        ("http://host/backups", "over http"),
        ("https://me:secret@host/backups", "user and a password"),
    ] {
        let error = WebStore::open(url, &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.to_string().contains(reason), "{error}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
    let store: Store = WebStore::open("https://host:8443/backups/?sig=secret", &[])
        .unwrap()
        .into();
    assert_eq!(store.location(), "https://host:8443/backups");
    assert_eq!(BackupId::FIRST, id(1));
}

/// How many requests a server had to answer at a time.
#[derive(Default)]
struct Together {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Together {
    fn count<T>(&self, work: impl FnOnce() -> T) -> T {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(2));
        let done = work();
        self.now.fetch_sub(1, Ordering::SeqCst);
        done
    }
}

#[test]
fn no_more_requests_are_on_their_way_than_the_limit_and_refused_ones_are_repeated() {
    let world = World::new();
    let (root, together) = (world.root(), Arc::new(Together::default()));
    let (seen, number) = (Arc::clone(&together), AtomicUsize::new(0));
    let server = HttpServer::start(move |request| {
        // A few of the first round.
        let refused = [3, 7].contains(&number.fetch_add(1, Ordering::SeqCst));
        seen.count(|| {
            if refused {
                Response::new(503, "slow down")
            } else {
                http_server::file(&root, Serves::Ranges, request)
            }
        })
    })
    .unwrap();
    let options_of = |most: &str| {
        [("allow_http", "true"), ("max_requests", most)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    for most in [1, 2] {
        together.most.store(0, Ordering::SeqCst);
        let store = WebStore::open(&server.url(), &options_of(&most.to_string())).unwrap();
        // More workers than requests.
        let engine = BackupEngineReadOnly::open(
            options().with_max_background_operations(std::num::NonZeroUsize::new(8)),
            store,
        )
        .unwrap();
        let report = engine
            .verify_backups(VerifyWhat::from(id(2)), VerifyLevel::Checksum, &Quiet)
            .unwrap();
        assert!(report.is_clean(), "{report:?}");
        assert!(together.most.load(Ordering::SeqCst) <= most);
    }
    assert!(WebStore::open(&server.url(), &options_of("none")).is_err());
}

#[test]
fn a_web_server_knows_nothing_but_files() {
    let world = World::new();
    let server = HttpServer::of_directory(&world.root(), Serves::Ranges).unwrap();
    let store: Store = web(&server.url()).unwrap().into();
    assert!(store.exists().unwrap() && store.warnings().is_empty());
    assert_eq!(store.list(None).unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(store.create_root(Durability::Durable).is_err());
}
