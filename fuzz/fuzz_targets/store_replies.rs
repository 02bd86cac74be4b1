//! The replies of an object store: S3, Google Cloud Storage and Azure, through their clients, without a network.
//!
//! An honest server in memory (`honest.rs`) has a valid repository. The input says to which requests it lies, and how: another
//! status, other headers, another body. So replies of every kind are reached in their order: tokens of credentials (JSON),
//! listings, objects and their ranges, puts, bulk deletions, uploads, errors (XML). Repetitions wait by a clock that does not wait.
//!
//! HDFS is not here: its client opens its connections itself, and speaks a protocol with several messages on each.

#![no_main]

mod files;
mod honest;
mod reply;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant, SystemTime};

use libfuzzer_sys::fuzz_target;
use object_store::RetryConfig;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::HttpClient;
use object_store::gcp::GoogleCloudStorageBuilder;
use stonekeep::store::memory::MemoryStore;
use stonekeep::store::remote::{RemoteStore, SignedRequests};
use stonekeep::store::{Durability, Machine, Repeat, Repeating, Store};
use stonekeep::{
    BackupEngine, BackupEngineOptions, BackupEngineReadOnly, BackupId, Clock, Components,
    CreateBackupOptions, Directory, InfoDetail, Quiet, RestoreOptions, SourceKind, VerifyLevel, VerifyWhat,
    WhichBackup,
};
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use self::files::{Files, files_of};
use self::honest::{BUCKET, Honest, Kind, PREFIX};

const MEMORY: &str = "/dev/shm";

/// A database, and a repository with two backups of it.
struct Valid {
    database: Mutex<FakeDatabase>,
    files: Files,
    _directory: tempfile::TempDir,
}

static VALID: LazyLock<Valid> = LazyLock::new(|| {
    let directory = tempfile::tempdir_in(MEMORY).unwrap();
    let mut database = DatabaseBuilder::new().create(&directory.path().join("db"));
    let store = Store::from(MemoryStore::with_named_uploads());
    store.create_root(Durability::Buffered).unwrap();
    let engine = BackupEngine::open(options(), store.clone()).unwrap();
    for _ in 0..2 {
        database.add_tables(1, 2_500);
        database.write(5);
        let source = Directory::new(database.path(), SourceKind::Closed);
        engine
            .create_new_backup(&source, &CreateBackupOptions::default(), &Quiet)
            .unwrap();
    }
    database.add_tables(1, 2_500);
    Valid {
        database: Mutex::new(database),
        files: files_of(&store),
        _directory: directory,
    }
});

fn options() -> BackupEngineOptions {
    BackupEngineOptions::default()
        .with_max_background_operations(std::num::NonZeroUsize::new(1))
        .with_sync(false)
}

/// Where nobody waits: time passes because somebody would have waited.
#[derive(Debug)]
struct Impatient {
    begun: Instant,
    waited_ms: AtomicU64,
}

impl Impatient {
    fn waited(&self) -> Duration {
        Duration::from_millis(self.waited_ms.load(Ordering::Relaxed))
    }
}

impl Clock for Impatient {
    fn now(&self) -> SystemTime {
        honest::begin() + self.waited()
    }

    fn instant(&self) -> Instant {
        self.begun + self.waited()
    }

    fn sleep(&self, duration: Duration) {
        let waited = duration.as_millis().max(1) as u64;
        self.waited_ms.fetch_add(waited, Ordering::Relaxed);
    }
}

/// Nothing is repeated: a lease is not renewed.
#[derive(Debug)]
struct Never;

impl Repeating for Never {}

impl Machine for Impatient {
    fn repeat(&self, _: &str, _: Duration, _: Repeat) -> std::io::Result<Box<dyn Repeating>> {
        Ok(Box::new(Never))
    }
}

fn once() -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    }
}

/// The client of a kind of store.
fn client(kind: Kind, server: &Honest, machine: Arc<Impatient>) -> Option<Store> {
    let connector = server.clone();
    let store = match kind {
        Kind::S3 | Kind::S3OfInstance => {
            let mut builder = AmazonS3Builder::new()
                .with_bucket_name(BUCKET)
                .with_region("eu-west-1");
            if kind == Kind::S3 {
                builder = builder.with_access_key_id("id").with_secret_access_key("key");
            }
            let client = Arc::new(
                builder
                    .with_http_connector(connector)
                    .with_retry(once())
                    .build()
                    .ok()?,
            );
            let http = HttpClient::new(server.clone());
            RemoteStore::new_on(machine, client.clone(), PREFIX, "s3")
                .ok()?
                .with_multipart(client.clone())
                .with_signer(client, SignedRequests::S3, http)
        }
        Kind::Google => {
            let builder = GoogleCloudStorageBuilder::new().with_bucket_name(BUCKET);
            let client = Arc::new(
                builder
                    .with_http_connector(connector)
                    .with_retry(once())
                    .build()
                    .ok()?,
            );
            RemoteStore::new_on(machine, client.clone(), PREFIX, "google")
                .ok()?
                .with_multipart(client)
                .used_by_one_process()
        }
        Kind::Azure => {
            let builder = MicrosoftAzureBuilder::new()
                .with_account("account")
                .with_container_name(BUCKET);
            let builder = builder.with_access_key("a2V5a2V5a2V5a2V5");
            let client = Arc::new(
                builder
                    .with_http_connector(connector)
                    .with_retry(once())
                    .build()
                    .ok()?,
            );
            let http = HttpClient::new(server.clone());
            RemoteStore::new_on(machine, client.clone(), PREFIX, "azure")
                .ok()?
                .with_signer(client, SignedRequests::Azure, http)
        }
    };
    Some(store.into())
}

/// What is asked of the store; each bit of the input's second byte is one of them.
fn verbs(store: &Store, clock: &Arc<Impatient>, verbs: u8) {
    let components = || Components::default().with_clock(Arc::clone(clock) as Arc<dyn Clock>);
    let asked = |bit: u8| verbs & bit != 0;
    if asked(1)
        && let Ok(reader) = BackupEngineReadOnly::open(options(), store.clone())
    {
        let reader = reader.with_components(components());
        let _ = reader.get_all_backup_info(InfoDetail::Sizes);
        let _ = reader.verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet);
    }
    if asked(2)
        && let Ok(reader) = BackupEngineReadOnly::open(options(), store.clone())
    {
        let reader = reader.with_components(components());
        let target = tempfile::tempdir_in(MEMORY).unwrap();
        let to = target.path().join("target");
        let _ =
            reader.restore_db_from_backup(WhichBackup::LatestValid, &to, &RestoreOptions::default(), &Quiet);
    }
    let Ok(engine) = BackupEngine::open(options(), store.clone()) else {
        return;
    };
    let engine = engine.with_components(components());
    if asked(4) {
        let database = VALID.database.lock().unwrap();
        let source = Directory::new(database.path(), SourceKind::Closed);
        let _ = engine.create_new_backup(&source, &CreateBackupOptions::default(), &Quiet);
    }
    if asked(8) {
        let _ = engine.delete_backup(BackupId::FIRST, &Quiet);
    }
    if asked(16) {
        let _ = engine.purge_old_backups(1, &Quiet);
    }
    if asked(32) {
        let _ = engine.garbage_collect(Duration::ZERO, &Quiet);
    }
}

fuzz_target!(|input: &[u8]| {
    let [kind, asked, script @ ..] = input else { return };
    let kind = [Kind::S3, Kind::S3OfInstance, Kind::Google, Kind::Azure][usize::from(kind & 3)];
    let server = Honest::new(kind, &VALID.files, script);
    let machine = Arc::new(Impatient {
        begun: Instant::now(),
        waited_ms: AtomicU64::new(0),
    });
    if let Some(store) = client(kind, &server, Arc::clone(&machine)) {
        verbs(&store, &machine, *asked);
    }
});
