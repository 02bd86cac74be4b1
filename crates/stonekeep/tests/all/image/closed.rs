//! The image of a database at rest: what is in it, what is left out, and that nothing is touched.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;

use rustix::fs::{FlockOperation, fcntl_lock};
use stonekeep::image::{CaptureKind, Content, Directory, ImageSource, NoHost, SourceKind};
use stonekeep::{ErrorKind, Quiet, StopSwitch};
use stonekeep_testkit::database::DatabaseBuilder;

use crate::image::capture::{
    append, bytes, capture, cut, database, file, image, names, refusal, state_of, surplus, warnings,
    write_out,
};

#[test]
fn files_come_in_order_with_their_bytes() {
    let (_directory, mut database) = database(DatabaseBuilder::new().file_checksums());
    database.add_tables(2, 3_000);
    let blob = database.add_blob(500);
    database.write(10);
    let older = database.wal_number();
    database.switch_wal();
    let image = image(database.path());

    let newest = database.wal_number();
    let expected = [
        "000004.sst".to_owned(),
        "000005.sst".to_owned(),
        "000007.sst".to_owned(),
        format!("{:06}.blob", blob.0),
        "MANIFEST-000001".to_owned(),
        "CURRENT".to_owned(),
        "OPTIONS-000003".to_owned(),
        format!("{:06}.log", older.0),
        format!("{:06}.log", newest.0),
    ];
    assert_eq!(names(&image), expected);
    for file in &image.files {
        let on_disk = fs::read(database.path().join(file.name.to_string())).unwrap();
        assert_eq!(bytes(file), on_disk, "{}", file.name);
    }
    assert_eq!(file(&image, "CURRENT").size_bytes, 16);
    assert!(image.warnings.is_empty(), "{:?}", image.warnings);
    assert!(image.surplus.is_empty(), "{:?}", image.surplus);
}

#[test]
fn facts_are_those_of_the_database() {
    let builder = DatabaseBuilder::new()
        .column_family("meta")
        .rocksdb_version("11.8.1");
    let (_directory, mut database) = database(builder);
    database.add_tables(1, 3_000);
    database.write(7);
    let image = image(database.path());
    assert_eq!(image.database_id.as_deref(), Some(database.database_id()));
    assert!(image.database_id_in_manifest);
    assert_eq!(image.sequence_number, database.sequence_number());
    assert_eq!(image.rocksdb_version.as_deref(), Some("11.8.1"));
    assert_eq!(image.kind, CaptureKind::Closed);
    assert_eq!(
        (image.wal_dir, image.directory.as_path()),
        (None, database.path())
    );
    let families: Vec<_> = image
        .column_families
        .iter()
        .map(|family| (family.id, family.name.as_str()))
        .collect();
    assert_eq!(families, [(0, "default"), (1, "meta")]);
    let comparators = image
        .column_families
        .iter()
        .map(|family| family.comparator.as_deref());
    assert!(comparators.eq([Some("leveldb.BytewiseComparator"); 2]));
}

#[test]
fn tables_carry_what_the_manifest_says_of_them() {
    let (_directory, mut database) = database(DatabaseBuilder::new().file_checksums());
    database.add_tables(2, 3_000);
    database.add_blob(100);
    let image = image(database.path());
    for table in database.state().live_tables() {
        let listed = file(&image, &format!("{:06}.sst", table.file.number.0));
        let identity = listed.table.unwrap();
        assert_eq!(identity.number, table.file.number);
        assert_eq!(identity.unique_id, table.file.unique_id);
        assert_eq!(identity.smallest_seqno, table.file.smallest_seqno);
        assert_eq!(identity.largest_seqno, table.file.largest_seqno);
    }
    for listed in image
        .files
        .iter()
        .filter(|file| matches!(file.content, Content::In(_)))
    {
        assert_eq!(
            listed.crc32c.unwrap().0,
            crc32c::crc32c(&bytes(listed)),
            "{}",
            listed.name
        );
    }
    assert_eq!(file(&image, "CURRENT").crc32c, None);
}

#[test]
fn an_older_database_has_fewer_facts() {
    let builder = DatabaseBuilder::new().id_in_identity_only().without_unique_ids();
    let (_directory, mut database) = database(builder);
    database.add_tables(1, 3_000);
    let options = database.path().join("OPTIONS-000003");
    fs::remove_file(options).unwrap();
    let first = image(database.path());
    assert_eq!(first.database_id.as_deref(), Some(database.database_id()));
    assert!(!first.database_id_in_manifest);
    assert_eq!(first.rocksdb_version, None);
    let table = file(&first, "000004.sst");
    assert_eq!(
        (table.table.as_ref().unwrap().unique_id, table.crc32c),
        (None, None)
    );

    append(&database.path().join("IDENTITY"), b"\n");
    assert_eq!(
        image(database.path()).database_id.as_deref(),
        Some(database.database_id())
    );
    fs::remove_file(database.path().join("IDENTITY")).unwrap();
    assert_eq!(image(database.path()).database_id, None);
    fs::write(database.path().join("IDENTITY"), b"\xff\xfe").unwrap();
    let odd = image(database.path());
    assert_eq!(odd.database_id, None);
    assert_eq!(warnings(&odd, "IDENTITY").len(), 1);
}

#[test]
fn the_newest_readable_options_file_is_taken() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.reopen();
    let path = |name: &str| database.path().join(name);
    let newest = names(&image(database.path()))
        .into_iter()
        .find(|name| name.starts_with("OPTIONS"))
        .unwrap();
    assert_ne!(newest, "OPTIONS-000003");
    fs::write(path(&newest), b"[Version]\nno options\n").unwrap();
    let image = image(database.path());
    assert!(names(&image).contains(&"OPTIONS-000003".to_owned()));
    assert!(!names(&image).contains(&newest));
    assert_eq!(warnings(&image, &newest).len(), 1);
}

#[test]
fn what_an_image_holds_is_a_database_again() {
    let (directory, mut database) = database(DatabaseBuilder::new().column_family("meta").track_wals());
    database.add_tables(3, 3_000);
    database.add_blob(100);
    database.write(20);
    database.switch_wal();
    let first = image(database.path());
    let copy = directory.path().join("copy");
    write_out(&first, &copy);
    let again = image(&copy);
    assert_eq!(names(&again), names(&first));
    assert_eq!(again.sequence_number, first.sequence_number);
    assert_eq!(again.column_families, first.column_families);
    let contents =
        |image: &stonekeep::image::DatabaseImage| image.files.iter().map(bytes).collect::<Vec<_>>();
    assert_eq!(contents(&again), contents(&first));
}

#[test]
fn surplus_files_are_reported_and_not_captured() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.add_tables(1, 3_000);
    database.reopen();
    let known = names(&image(database.path()));
    let strangers = [
        "000001.log",
        "000900.sst",
        "000901.blob",
        "7.log",
        "MANIFEST-000001",
        "notes.txt",
        "x.trash",
    ];
    for name in strangers {
        fs::write(database.path().join(name), b"left behind").unwrap();
    }
    for name in ["archive", "lost", "transaction_logs"] {
        fs::create_dir(database.path().join(name)).unwrap();
        fs::write(database.path().join(name).join("000004.sst"), b"not looked at").unwrap();
    }
    for name in ["backups/meta", "backups/private", ".stonekeep-restore"] {
        fs::create_dir_all(database.path().join(name)).unwrap();
    }
    let image = image(database.path());
    assert_eq!(names(&image), known);
    let mut surplus_names = strangers.map(str::to_owned).to_vec();
    surplus_names.insert(6, "transaction_logs".to_owned());
    assert_eq!(surplus(&image), surplus_names);
    let unknown = ["notes.txt", "transaction_logs"].map(|name| database.path().join(name));
    assert_eq!(image.unknown, unknown);
}

#[test]
fn capturing_changes_nothing_in_the_directory() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.add_tables(2, 3_000);
    database.write(5);
    fs::set_permissions(database.path(), Permissions::from_mode(0o555)).unwrap();
    let before = state_of(database.path());
    let capture = capture(database.path()).unwrap();
    capture.confirm().unwrap();
    drop(capture);
    assert_eq!(state_of(database.path()), before);
    fs::set_permissions(database.path(), Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn an_open_database_is_refused() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.add_tables(1, 3_000);
    let taken = capture(database.path()).unwrap();
    let lock = File::options()
        .write(true)
        .open(database.path().join("LOCK"))
        .unwrap();
    fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
    for error in [refusal(database.path()), taken.confirm().unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("is open in this process"), "{error}");
    }
    assert!(
        refusal(database.path())
            .hint()
            .unwrap()
            .contains("through its handle")
    );
    let meanwhile = taken.confirm().unwrap_err();
    assert!(
        meanwhile.is_source_changed(),
        "capturing again, in another way, helps"
    );
    // The caller's word is not doubted.
    let told = Directory::new(database.path(), SourceKind::Auto).of_other_processes();
    told.capture(&mut NoHost, &Quiet).unwrap().confirm().unwrap();
    drop(lock);
    taken.confirm().unwrap();
}

/// A database, what happens to it after its capture, and what is blamed.
fn changed_meanwhile(change: impl Fn(&mut stonekeep_testkit::database::FakeDatabase), blamed: &str) {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.add_tables(1, 3_000);
    database.write(5);
    let capture = capture(database.path()).unwrap();
    capture.confirm().unwrap();
    change(&mut database);
    let error = capture.confirm().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(
        error.to_string().contains("was opened while it was captured"),
        "{error}"
    );
    assert!(
        error.to_string().ends_with(&format!("{blamed} has changed")),
        "{error}"
    );
}

#[test]
fn a_database_that_was_opened_meanwhile_is_noticed() {
    changed_meanwhile(|database| database.reopen(), "CURRENT");
    changed_meanwhile(|database| _ = database.add_tables(1, 3_000), "MANIFEST-000001");
    changed_meanwhile(|database| database.write(1), "db");
    changed_meanwhile(|database| _ = database.switch_wal(), "db");
    changed_meanwhile(
        |database| fs::remove_file(database.wal_path(database.wal_number())).unwrap(),
        "db",
    );
    changed_meanwhile(
        |database| fs::remove_file(database.path().join("CURRENT")).unwrap(),
        "CURRENT",
    );
    changed_meanwhile(
        |database| fs::remove_file(database.manifest_path()).unwrap(),
        "MANIFEST-000001",
    );
    // Another file with the same name and size.
    changed_meanwhile(
        |database| {
            let path = database.wal_path(database.wal_number());
            let bytes = fs::read(&path).unwrap();
            fs::rename(&path, path.with_extension("old")).unwrap();
            fs::write(&path, bytes).unwrap();
        },
        "db",
    );
}

#[test]
fn what_is_pinned_survives_the_loss_of_its_name() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.add_tables(1, 3_000);
    database.write(5);
    let wal = fs::read(database.wal_path(database.wal_number())).unwrap();
    let manifest = fs::read(database.manifest_path()).unwrap();
    let image = image(database.path());
    fs::remove_dir_all(database.path()).unwrap();
    assert_eq!(bytes(file(&image, "000002.log")), wal);
    assert_eq!(bytes(file(&image, "MANIFEST-000001")), manifest);
    // CURRENT is made for this MANIFEST, never copied.
    assert_eq!(bytes(file(&image, "CURRENT")), b"MANIFEST-000001\n");
}

#[test]
fn an_incomplete_end_of_the_manifest_is_cut_off() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.add_tables(1, 3_000);
    let whole = fs::read(database.manifest_path()).unwrap();
    database.add_tables(1, 3_000);
    cut(&database.manifest_path(), 3);
    let image = image(database.path());
    assert_eq!(bytes(file(&image, "MANIFEST-000001")), whole);
    assert_eq!(
        surplus(&image),
        ["000005.sst"],
        "a table that was never committed"
    );
}

#[test]
fn a_capture_can_be_stopped() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.add_tables(1, 3_000);
    let stop = StopSwitch::new();
    stop.stop();
    let outcome = Directory::new(database.path(), SourceKind::Closed).capture(&mut NoHost, &stop);
    assert_eq!(outcome.err().unwrap().kind(), ErrorKind::Stopped);
}
