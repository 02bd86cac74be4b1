//! What changes a database beside its WALs, between the answer of RocksDB and the end of its WALs.

use rocksdb::{Options, SstFileWriter, WriteOptions};
use stonekeep::engine::CreateBackupOptions;
use stonekeep::engine::RestoreOptions;
use stonekeep::engine::info::WhichBackup;
use stonekeep::{Quiet, Result};
use stonekeep_rocksdb::{LiveDatabase, LiveFile, Memtables};

use crate::churn;
use crate::handles::{Handle, TellingDb};
use crate::meddled::Meddled;
use crate::workload::{self, FAMILIES};

/// The first answer, with the sizes that WALs have in the second one: what RocksDB says if it is slow to measure them.
fn late_sizes(first: Vec<LiveFile>, second: &[LiveFile]) -> Vec<LiveFile> {
    let size = |file: &LiveFile| {
        let is_wal = file.path.extension().is_some_and(|extension| extension == "log");
        let later = second.iter().find(|later| is_wal && later.path == file.path);
        later.map_or(file.size_bytes, |later| later.size_bytes)
    };
    first
        .into_iter()
        .map(|file| LiveFile {
            size_bytes: size(&file),
            ..file
        })
        .collect()
}

/// Backs up while, between the state and the sizes of the WALs, somebody changes the database and writes. Returns the
/// number of looks, and the path of what was restored.
fn meddle(root: &std::path::Path, change: impl Fn(&TellingDb) + Send + Sync) -> (u32, TellingDb) {
    let db = TellingDb::create(&churn::options(""), &root.join("db"));
    let write = |n| db.apply(&FAMILIES, &workload::batch(n), &WriteOptions::default());
    write(1);
    let meddled = Meddled::new(&db, |number, answer| -> Result<Vec<LiveFile>> {
        // The first look is before deletions are disabled.
        if number != 2 {
            return Ok(answer);
        }
        change(&db);
        write(2);
        let later = LiveDatabase::files(&db).unwrap().live_files(Memtables::Keep)?;
        Ok(late_sizes(answer, &later))
    });
    let engine = churn::engine(&root.join("repo"));
    let report = engine
        .create_new_backup_with(&meddled, &CreateBackupOptions::default(), &Quiet)
        .unwrap();
    let target = root.join("restored");
    engine
        .as_engine()
        .restore_db_from_backup(WhichBackup::Latest, &target, &RestoreOptions::default(), &Quiet)
        .unwrap();
    let rounds = report.live.unwrap().rounds as u32;
    assert_eq!(meddled.answers(), 1 + rounds);
    let names = TellingDb::list_cf(&Options::default(), &target).unwrap();
    (
        rounds,
        TellingDb::open_cf(&Options::default(), &target, names).unwrap(),
    )
}

fn last(db: &TellingDb) -> u64 {
    u64::from_be_bytes(db.get(b"counter").unwrap().unwrap().try_into().unwrap())
}

#[test]
fn an_ingested_table_means_another_look() {
    let root = tempfile::tempdir().unwrap();
    let table = root.path().join("table.sst");
    let options = Options::default();
    let mut writer = SstFileWriter::create(&options);
    writer.open(&table).unwrap();
    writer.put(b"ingested", b"value").unwrap();
    writer.finish().unwrap();
    let (rounds, restored) = meddle(root.path(), |db| db.ingest_external_file(vec![&table]).unwrap());
    assert_eq!((rounds, last(&restored)), (2, 2));
    assert_eq!(restored.get(b"ingested").unwrap().unwrap(), b"value");
}

#[test]
fn deleted_files_mean_another_look() {
    let root = tempfile::tempdir().unwrap();
    let (rounds, restored) = meddle(root.path(), |db| {
        db.put(b"old", b"value").unwrap();
        db.flush().unwrap();
        db.compact_range(None::<&[u8]>, None::<&[u8]>);
        db.delete_file_in_range(&b"a"[..], &b"z"[..]).unwrap();
    });
    assert_eq!((rounds, last(&restored)), (2, 2));
    assert_eq!(restored.get(b"old").unwrap(), None);
}

#[test]
fn a_flush_means_none() {
    let root = tempfile::tempdir().unwrap();
    let (rounds, restored) = meddle(root.path(), |db| db.flush().unwrap());
    assert_eq!(rounds, 1);
    // The flush began another WAL, which is younger than the state.
    assert_eq!(last(&restored), 1);
}

#[cfg(test)]
mod families {
    use rocksdb::AsColumnFamilyRef;

    use super::*;

    /// `create_cf` wants the handle alone, so the C API is asked.
    struct Created(*mut librocksdb_sys::rocksdb_column_family_handle_t);

    impl AsColumnFamilyRef for Created {
        fn inner(&self) -> *mut librocksdb_sys::rocksdb_column_family_handle_t {
            self.0
        }
    }

    impl Drop for Created {
        fn drop(&mut self) {
            // SAFETY: it was created, and is destroyed once.
            unsafe { librocksdb_sys::rocksdb_column_family_handle_destroy(self.0) }
        }
    }

    fn create(db: &TellingDb, name: &std::ffi::CStr) -> Created {
        use rocksdb::AsRawPtr;
        let options = Options::default();
        let mut message = std::ptr::null_mut();
        // SAFETY: the database and the options outlive the call, and the name ends with a NUL.
        let handle = unsafe {
            librocksdb_sys::rocksdb_create_column_family(
                db.as_raw_ptr(),
                options.as_raw_ptr(),
                name.as_ptr(),
                &raw mut message,
            )
        };
        assert!(message.is_null());
        Created(handle)
    }

    #[test]
    fn a_column_family_that_came_means_another_look() {
        let root = tempfile::tempdir().unwrap();
        let (rounds, restored) = meddle(root.path(), |db| {
            db.put_cf(&create(db, c"new"), b"key", b"value").unwrap();
        });
        assert_eq!((rounds, last(&restored)), (2, 2));
        let family = restored.cf_handle("new").unwrap();
        assert_eq!(restored.get_cf(&family, b"key").unwrap().unwrap(), b"value");
    }
}
