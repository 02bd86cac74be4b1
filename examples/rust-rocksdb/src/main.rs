//! Backs up a database of the `rust-rocksdb` crate while it is open, and restores it.

mod binding;

use std::error::Error;
use std::sync::Arc;

use rust_rocksdb::DB;
use stonekeep::Quiet;
use stonekeep::engine::info::WhichBackup;
use stonekeep::engine::{BackupEngineOptions, RestoreOptions};
use stonekeep::store::local::LocalStore;
use stonekeep_rocksdb::BackupEngine;

use crate::binding::Live;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os()
        .nth(1)
        .ok_or("usage: <DIRECTORY>, which must not be there yet")?;
    std::fs::create_dir(&directory)?;
    let path = |name| std::path::Path::new(&directory).join(name);

    let db = DB::open_default(path("db"))?;
    let store = LocalStore::new(path("backups"));
    let engine = BackupEngine::open(BackupEngineOptions::default(), store)?;
    for key in ["first", "second"] {
        db.put(key, "value")?;
        let backup = engine.create_new_backup(&Live(&db))?;
        println!(
            "backup {} at sequence number {}",
            backup.backup_id, backup.sequence_number
        );
    }

    let (restored, options) = (path("restored"), RestoreOptions::default());
    engine
        .as_engine()
        .restore_db_from_backup(WhichBackup::Latest, &restored, &options, &Quiet)?;
    let restored = DB::open_default(restored)?;
    println!("restored: {}", restored.get("second")?.is_some());
    Ok(())
}
