//! What the engine does for a source that cannot hold all its files: early copies, stored files, further attempts.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use stonekeep::engine::create::FileAction;
use stonekeep::engine::{BackupEngine, BackupEngineOptions, CreateBackupOptions};
use stonekeep::image::{Capture, CaptureHost, Content, DatabaseImage, Directory, ImageFile, ImageSource};
use stonekeep::repo::index::RepositoryIndex;
use stonekeep::repo::{RootState, root_state};
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;
use stonekeep::{Error, ErrorKind, Observer, Quiet, Result};
use stonekeep_testkit::database::DatabaseBuilder;
use stonekeep_testkit::fault_store::FaultStore;
use stonekeep_testkit::store_conformance::runs;

use crate::image::tweaked::poison;
use crate::support::scene::{Scene, assert_valid, id, ids, memory, named, options, reader};

/// A database at rest that behaves as one that is being written.
struct Live<F> {
    inner: Directory,
    /// Called with the host and the image; the answer of `confirm`.
    script: F,
}

struct LiveCapture {
    image: DatabaseImage,
    changed: bool,
}

impl Capture for LiveCapture {
    fn image(&self) -> &DatabaseImage {
        &self.image
    }

    fn confirm(&self) -> Result<()> {
        if self.changed {
            Err(Error::source_changed("a table became shorter"))
        } else {
            Ok(())
        }
    }
}

impl<F> ImageSource for Live<F>
where
    F: Fn(&mut dyn CaptureHost, &mut DatabaseImage) -> Result<bool> + Send + Sync,
{
    fn describe(&self) -> String {
        "a live database".to_owned()
    }

    fn directories(&self) -> Vec<PathBuf> {
        self.inner.directories()
    }

    fn capture(&self, host: &mut dyn CaptureHost, _: &dyn Observer) -> Result<Box<dyn Capture>> {
        let mut image = self.inner.capture(host, &Quiet)?.image().clone();
        let changed = (self.script)(host, &mut image)?;
        Ok(Box::new(LiveCapture { image, changed }))
    }
}

fn live<F>(scene: &Scene, script: F) -> Live<F>
where
    F: Fn(&mut dyn CaptureHost, &mut DatabaseImage) -> Result<bool> + Send + Sync,
{
    let inner = scene.source();
    Live { inner, script }
}

fn create(store: &Store, source: &dyn ImageSource) -> Result<stonekeep::engine::create::CreateReport> {
    create_with(store, options(), source)
}

fn create_with(
    store: &Store,
    options: BackupEngineOptions,
    source: &dyn ImageSource,
) -> Result<stonekeep::engine::create::CreateReport> {
    let engine = BackupEngine::open(options, store.clone())?;
    engine.create_new_backup(source, &CreateBackupOptions::default(), &Quiet)
}

/// Tables and blobs.
fn shared_files(image: &DatabaseImage) -> Vec<ImageFile> {
    let files = image.files.iter();
    files.filter(|file| is_shared(file)).cloned().collect()
}

fn is_shared(file: &ImageFile) -> bool {
    let name = file.name.to_string();
    name.ends_with(".sst") || name.ends_with(".blob")
}

/// The files may be gone from now on: whoever opens one fails.
fn forget(image: &mut DatabaseImage) {
    for file in image.files.iter_mut().filter(|file| is_shared(file)) {
        poison(file);
    }
}

#[test]
fn what_was_taken_early_is_never_read_again() {
    let scene = Scene::new();
    let store = memory();
    let source = live(&scene, |host, image| {
        assert!(host.takes_early());
        let files = shared_files(image);
        assert_eq!(host.needed(&files)?, [true; 5]);
        let (first, second) = files.split_at(1);
        assert_eq!(host.take(first)?, []);
        assert_eq!(host.needed(&files)?, [false, true, true, true, true]);
        assert_eq!(host.take(second)?, []);
        forget(image);
        Ok(false)
    });
    let report = create(&store, &source).unwrap();
    assert_eq!(report.files_copied, report.files_total);
    assert_eq!(report.bytes_copied, report.bytes_total);
    assert_valid(&store, &[1], "taken early");
    let plain = memory();
    scene.create(&plain).unwrap();
    assert_eq!(named(&store, 1), named(&plain, 1));
}

#[test]
fn stored_files_are_not_needed_and_may_vanish() {
    let mut scene = Scene::new();
    let store = memory();
    scene.create(&store).unwrap();
    scene.change();
    let source = live(&scene, |host, image| {
        let files = shared_files(image);
        let needed = host.needed(&files)?;
        assert_eq!(needed.iter().filter(|needed| **needed).count(), 2);
        for (file, needed) in files.iter().zip(needed) {
            if !needed {
                poison(
                    image
                        .files
                        .iter_mut()
                        .find(|other| other.name == file.name)
                        .unwrap(),
                );
            }
        }
        Ok(false)
    });
    let report = create(&store, &source).unwrap();
    assert_eq!((report.files_reused, report.tables_opened), (5, 0));
    assert_valid(&store, &[1, 2], "stored");
}

/// Nothing but the file itself tells which session wrote it, if our facts are gone and its session is unknown.
#[test]
fn a_table_that_must_be_opened_for_its_name_is_needed() {
    let mut scene = Scene::with(DatabaseBuilder::new().without_unique_ids());
    let store = memory();
    scene.create(&store).unwrap();
    scene.change();
    store
        .delete_one(&crate::support::scene::key("stonekeep/backups/1"))
        .unwrap();
    let source = live(&scene, |host, image| {
        let tables = shared_files(image);
        assert!(host.needed(&tables)?.iter().all(|needed| *needed));
        Ok(false)
    });
    create(&store, &source).unwrap();
    assert_valid(&store, &[1, 2], "without facts");
}

#[test]
fn a_file_that_is_gone_before_it_was_looked_at_is_needed() {
    let scene = Scene::new();
    let store = memory();
    let source = live(&scene, |host, image| {
        let mut files = shared_files(image);
        files.iter_mut().for_each(poison);
        assert_eq!(host.needed(&files)?, [true; 5]);
        Ok(false)
    });
    create(&store, &source).unwrap();
}

#[test]
fn a_changed_source_is_captured_again_with_what_was_copied() {
    let scene = Scene::new();
    let store = memory();
    let attempts = AtomicU32::new(0);
    let source = live(&scene, |host, image| {
        let attempt = attempts.fetch_add(1, Ordering::Relaxed) + 1;
        assert_eq!((host.attempt(), host.is_last_attempt()), (attempt, attempt == 10));
        if attempt > 1 {
            assert_eq!(host.needed(&shared_files(image))?, [false; 5]);
            forget(image);
        }
        Ok(attempt < 10)
    });
    let report = create(&store, &source).unwrap();
    assert_eq!(attempts.load(Ordering::Relaxed), 10);
    assert_eq!(report.files_copied, report.files_total);
    assert_valid(&store, &[1], "last attempt");
}

#[test]
fn a_source_that_keeps_changing_is_refused() {
    let scene = Scene::new();
    let store = memory();
    let error = create(&store, &live(&scene, |_, _| Ok(true))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("became shorter"), "{error}");
    assert_eq!(ids(&store), Vec::<u32>::new());
}

#[test]
fn a_file_that_is_shorter_than_it_should_be_is_named_and_not_taken() {
    let scene = Scene::new();
    let store = memory();
    let source = live(&scene, |host, image| {
        let mut files = shared_files(image);
        let number = files[1].name.number().unwrap();
        let path = files[1].path().unwrap().into_owned();
        let short = path.with_extension("short");
        fs::write(&short, &fs::read(path).unwrap()[..1_000]).unwrap();
        files[1].content = Content::Path(short);
        assert_eq!(host.take(&files)?, [number]);
        assert_eq!(host.needed(&files)?, [false, true, false, false, false]);
        Ok(false)
    });
    create(&store, &source).unwrap();
    assert_valid(&store, &[1], "one was short");
}

#[test]
fn a_dry_run_takes_nothing() {
    let scene = Scene::new();
    let root = scene.path("repository");
    let store: Store = Store::from(LocalStore::new(&root));
    let source = live(&scene, |host, image| {
        assert_eq!(host.take(&shared_files(image))?, []);
        forget(image);
        Ok(false)
    });
    let engine = BackupEngine::open(options(), store.clone()).unwrap();
    let report = engine
        .plan_new_backup(&source, &CreateBackupOptions::default(), &Quiet)
        .unwrap();
    assert!(report.files.iter().all(|file| file.action == FileAction::Copy));
    assert!(!root.exists());
}

#[test]
fn a_refused_first_backup_leaves_no_repository() {
    let scene = Scene::new();
    let root = scene.path("repository");
    let store: Store = Store::from(LocalStore::new(&root));
    let refuse = || Err(Error::refused("the database cannot be captured"));
    create(&store, &live(&scene, |_, _| refuse())).unwrap_err();
    assert!(!root.exists());
    let source = live(&scene, |host, image| {
        host.take(&shared_files(image))?;
        refuse()
    });
    create(&store, &source).unwrap_err();
    assert_eq!(
        root_state(&RepositoryIndex::new(&store)).unwrap(),
        RootState::Empty
    );
    // One that may succeed the next time leaves what it has copied.
    let source = live(&scene, |host, image| {
        host.take(&shared_files(image))?;
        Err(Error::source_changed("the database changes all the time"))
    });
    create(&store, &source).unwrap_err();
    assert_eq!(
        root_state(&RepositoryIndex::new(&store)).unwrap(),
        RootState::Repository
    );
    let report = scene.create(&store).unwrap();
    assert_eq!(report.files_resumed, 5, "what was taken serves the next run");
    assert_valid(&store, &[1], "resumed");
    // Nothing of a repository that has backups is removed.
    create(&store, &live(&scene, |_, _| refuse())).unwrap_err();
    assert_valid(&store, &[1], "after a refusal");
}

#[test]
fn a_full_disk_while_files_are_taken_frees_them() {
    let scene = Scene::new();
    for operation in 1.. {
        let store = memory();
        let full = FaultStore::fail_once_at(store.clone(), operation, std::io::ErrorKind::StorageFull);
        let full: Store = full.into();
        let source = live(&scene, |host, image| {
            host.take(&shared_files(image))?;
            Ok(false)
        });
        match create(&full, &source) {
            Ok(_) => {
                assert!(operation > 10, "no operation failed");
                break;
            }
            Err(error) if error.to_string().contains("is full") => {
                assert!(
                    !error.to_string().contains("needs 0 bytes"),
                    "{operation}: {error}"
                );
                assert_eq!(runs(&store), Vec::<String>::new(), "{operation}");
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Io, "{operation}: {error}"),
        }
    }
}

#[test]
fn another_database_is_refused_before_anything_is_taken() {
    let scene = Scene::new();
    let store = memory();
    scene.create(&store).unwrap();
    let source = live(&scene, |host, _| {
        let error = host.check_database(Some("another")).unwrap_err();
        assert!(error.to_string().contains("a live database"), "{error}");
        Err(error)
    });
    assert_eq!(create(&store, &source).unwrap_err().kind(), ErrorKind::Refused);
    assert_valid(&store, &[1], "untouched");
}

/// Two attempts may see two databases, if somebody replaces the directory.
#[test]
fn what_was_taken_of_another_database_is_forgotten() {
    let scene = Scene::new();
    let store = memory();
    let source = live(&scene, |host, image| {
        let files = shared_files(image);
        host.take(&files)?;
        host.check_database(Some("another"))?;
        assert_eq!(host.needed(&files[..3])?, [true; 3]);
        host.check_database(image.database_id.as_deref())?;
        Ok(false)
    });
    create(&store, &source).unwrap();
    assert_valid(&store, &[1], "taken twice");
}

#[test]
fn files_that_are_not_shared_are_not_taken_early() {
    let scene = Scene::new();
    let store = memory();
    let source = live(&scene, |host, image| {
        assert!(!host.takes_early());
        assert!(host.take(&shared_files(image)).is_err());
        Ok(host.attempt() == 1)
    });
    create_with(&store, options().with_share_table_files(false), &source).unwrap();
    assert_valid(&store, &[1], "private");
    let info = reader(&store).get_backup_info(id(1), stonekeep::engine::info::InfoDetail::Head);
    assert!(info.unwrap().number_files > 4);
}
