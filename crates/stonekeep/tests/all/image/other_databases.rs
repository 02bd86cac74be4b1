//! Databases of RocksDB's relatives, parts of databases, and directories above them: each is called what it is.

use std::fs;
use std::path::{Path, PathBuf};

use stonekeep::engine::info::{InfoDetail, WhichBackup};
use stonekeep::engine::{BackupEngine, CreateBackupOptions, RestoreOptions};
use stonekeep::format::sst;
use stonekeep::image::{Directory, ImageSource, NoHost, SourceKind};
use stonekeep::{Error, ErrorKind, Quiet, WarningName};
use stonekeep_testkit::database::DatabaseBuilder;
use tempfile::TempDir;

use crate::restore::scene::{Tree, copy, database_files, tree};
use crate::support::scene::{Scene, id, memory, options, reader};

/// Why neither way of capturing takes this directory.
fn refusals(directory: &Path) -> [Error; 2] {
    let sources: [&dyn ImageSource; 2] = [
        &Directory::new(directory, SourceKind::Closed),
        &Directory::new(directory, SourceKind::Hot),
    ];
    sources.map(|source| match source.capture(&mut NoHost, &Quiet) {
        Ok(capture) => panic!("it was captured: {:?}", capture.image()),
        Err(error) => error,
    })
}

fn is_refused_as(directory: &Path, what: &str) {
    for error in refusals(directory) {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
        assert!(error.to_string().contains(what), "{error}");
        assert!(error.hint().is_some(), "{error:?}");
    }
}

#[test]
fn a_pebble_database_is_called_so() {
    let pebble = "is a Pebble database, which is not supported";
    // With markers CURRENT may be absent, or name a MANIFEST that is not there, or one of before.
    for current in [
        None,
        Some("MANIFEST-000099\n"),
        Some("MANIFEST-000001\n"),
        Some(""),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| fs::write(directory.path().join(name), content).unwrap();
        write("marker.format-version.000015.016", "");
        write("marker.manifest.000001.MANIFEST-000001", "");
        write("MANIFEST-000001", "not looked at");
        write(
            "OPTIONS-000003",
            "[Version]\n  pebble_version=0.1\n\n[Options]\n  bytes_per_sync=524288\n",
        );
        if let Some(current) = current {
            write("CURRENT", current);
        }
        is_refused_as(directory.path(), pebble);
    }
    // Before it had markers, everything but its OPTIONS is as RocksDB's.
    let scene = Scene::new();
    for (name, _) in tree(scene.database.path()) {
        if name.starts_with("OPTIONS-") {
            fs::write(
                scene.database.path().join(name),
                "[Version]\n  pebble_version=0.1\n\n[Options]\n",
            )
            .unwrap();
        }
    }
    is_refused_as(scene.database.path(), pebble);
}

#[test]
fn an_unzipped_state_of_spark_is_called_so() {
    let scene = Scene::new();
    for (name, _) in tree(scene.database.path()) {
        if name.ends_with(".sst") {
            fs::remove_file(scene.database.path().join(name)).unwrap();
        }
    }
    for error in refusals(scene.database.path()) {
        assert_eq!(
            error.kind(),
            ErrorKind::Corrupt,
            "without its metadata it is a damaged database"
        );
    }
    let metadata = "v1\n{\"sstFiles\":[{\"localFileName\":\"000008.sst\",\"dfsSstFileName\":\"000008-1f2e.sst\"}],\"numKeys\":3}";
    fs::write(scene.database.path().join("metadata"), metadata).unwrap();
    is_refused_as(
        scene.database.path(),
        "one unzipped state of Spark's RocksDB state store",
    );
    // With its tables it is a database, whatever else stands there.
    let whole = Scene::new();
    fs::write(whole.database.path().join("metadata"), metadata).unwrap();
    whole.create(&memory()).unwrap();
}

/// The database in `tests/data/goleveldb`, in a directory of its own.
fn goleveldb() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("db");
    copy(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/goleveldb"),
        &database,
    );
    fs::remove_file(database.join("make.go")).unwrap();
    (directory, database)
}

#[test]
fn a_leveldb_database_is_backed_up_with_a_warning() {
    let (directory, database) = goleveldb();
    let store = memory();
    let engine = BackupEngine::open(options(), store.clone()).unwrap();
    let back_up = |source: &dyn ImageSource| {
        let how = CreateBackupOptions::default();
        engine.create_new_backup(source, &how, &Quiet).unwrap()
    };
    let report = back_up(&Directory::new(&database, SourceKind::Closed));
    let names: Vec<WarningName> = report.warnings.iter().map(|warning| warning.name).collect();
    assert_eq!(names, [WarningName::LevelDb], "{:?}", report.warnings);
    assert_eq!(report.sequence_number.0, 20);
    let info = reader(&store).get_backup_info(id(1), InfoDetail::Head).unwrap();
    assert_eq!(info.engine.as_deref(), Some("LevelDB"));
    let target = directory.path().join("target");
    let restored = reader(&store);
    restored
        .restore_db_from_backup(WhichBackup::Latest, &target, &RestoreOptions::default(), &Quiet)
        .unwrap();
    // RocksDB and LevelDB read a `.ldb` where no `.sst` is, and the other way round.
    let renamed = |tree: Tree| -> Tree {
        let files = tree.into_iter();
        files
            .map(|(name, content)| (name.replace(".ldb", ".sst"), content))
            .collect()
    };
    assert_eq!(renamed(database_files(&target)), renamed(tree(&database)));
    let again = back_up(&Directory::new(&target, SourceKind::Closed));
    assert_eq!(again.files_reused, 1, "{again:?}");
}

#[test]
fn a_table_of_goleveldb_has_no_properties() {
    let (_directory, database) = goleveldb();
    let table = fs::read(database.join("000004.ldb")).unwrap();
    let mut read = |offset: u64, length: usize| Ok(table[offset as usize..][..length].to_vec());
    let tail = sst::read_tail(table.len() as u64, &mut read).unwrap();
    assert_eq!(
        (tail.footer.format_version, tail.properties.db_session_id),
        (0, None)
    );
    let mut damaged = table.clone();
    let metaindex = tail.footer.metaindex.offset as usize;
    damaged[metaindex + 3] ^= 1;
    let mut read = |offset: u64, length: usize| Ok(damaged[offset as usize..][..length].to_vec());
    assert!(
        sst::read_tail(table.len() as u64, &mut read).is_err(),
        "its checksum is wrong"
    );
}

#[test]
fn no_database_of_rocksdb_is_taken_for_one_of_leveldb() {
    let scene = Scene::new();
    for (name, _) in tree(scene.database.path()) {
        if name.starts_with("OPTIONS-") {
            fs::remove_file(scene.database.path().join(name)).unwrap();
        }
    }
    let capture = scene.source().capture(&mut NoHost, &Quiet).unwrap();
    assert_eq!(capture.image().engine, None);
}

#[test]
fn a_speedb_database_is_called_so() {
    let scene = Scene::with(DatabaseBuilder::new().rocksdb_version("8.6.7"));
    for (name, content) in tree(scene.database.path()) {
        if name.starts_with("OPTIONS-") {
            let text = String::from_utf8(content).unwrap();
            let text = format!("# This is a Speedb option file.\n#\n\n{text}");
            fs::write(scene.database.path().join(name), text).unwrap();
        }
    }
    let store = memory();
    let report = scene.create(&store).unwrap();
    assert_eq!(report.warnings, []);
    let info = reader(&store).get_backup_info(id(1), InfoDetail::Head).unwrap();
    assert_eq!(
        (info.engine.as_deref(), info.rocksdb_version.as_deref()),
        (Some("Speedb"), Some("8.6.7"))
    );
}

#[test]
fn a_directory_above_databases_names_them() {
    let scene = Scene::empty(DatabaseBuilder::new());
    let above = scene.path("above");
    let hint = |directory: &Path| {
        refusals(directory).map(|error| {
            assert_eq!(error.kind(), ErrorKind::NotFound);
            error.hint().unwrap().to_owned()
        })
    };
    let database = |name: &str| {
        fs::create_dir_all(above.join(name)).unwrap();
        fs::write(above.join(name).join("CURRENT"), "MANIFEST-000005\n").unwrap();
        above.join(name).display().to_string()
    };
    fs::create_dir_all(above.join("a/b/too-deep")).unwrap();
    fs::write(above.join("a/b/too-deep/CURRENT"), "MANIFEST-000005\n").unwrap();
    assert_eq!(
        hint(&above)[0],
        "give the directory that holds CURRENT and MANIFEST-*"
    );
    let first = database("a/db");
    assert_eq!(
        hint(&above),
        [format!("did you mean {first}?"), format!("did you mean {first}?")]
    );
    let second = database("other");
    assert_eq!(
        hint(&above)[0],
        format!("give one of the databases below it: {first}, {second}")
    );
    for number in 0..5 {
        database(&format!("shards/{number}"));
    }
    let many = hint(&above)[0].clone();
    assert!(
        many.starts_with(&format!(
            "give one of the databases below it: {first}, {second}, "
        )),
        "{many}"
    );
    assert!(many.ends_with(" and 2 more"), "{many}");
}
