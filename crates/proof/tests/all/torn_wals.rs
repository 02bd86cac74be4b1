//! WALs of backups under RocksDB's strictest recovery mode, and torn WALs.

use std::fs;
use std::path::{Path, PathBuf};

use stonekeep::engine::RestoreOptions;
use stonekeep_proof::makers::{self, ClosedDatabase, Recipe, Workbench};
use stonekeep_proof::oracle::{self, OpenOptions};

use crate::judge::{self, Recorded};
use crate::ours;
use crate::restoring::restore;

/// The strictest of RocksDB's rules for WALs: any incomplete record is corruption.
fn strictest() -> OpenOptions {
    OpenOptions {
        more: "wal_recovery_mode=kAbsoluteConsistency".to_owned(),
        ..OpenOptions::default()
    }
}

/// Backs up and restores a closed database, which RocksDB opens by these rules.
fn round_trip(root: &Path, closed: &ClosedDatabase, rules: &OpenOptions) {
    let (repository, restored) = (root.join("repo"), root.join("restored"));
    let report = ours::back_up(&ours::engine(&repository), closed);
    restore(&repository, 1, &restored, &RestoreOptions::default());
    let recorded = Recorded {
        id: 1,
        contents: closed.contents.clone(),
        sequence: report.sequence_number.0,
    };
    judge::holds(&restored, rules, &recorded, closed.recipe.name);
}

#[test]
fn restored_wals_pass_the_strictest_rules() {
    for recipe in makers::all() {
        let root = tempfile::tempdir().unwrap();
        let closed = Workbench::create(recipe, root.path()).unwrap().close();
        round_trip(root.path(), &closed, &strictest());
    }
}

#[test]
fn wals_that_were_recycled_pass_the_strictest_rules() {
    let root = tempfile::tempdir().unwrap();
    let recipe = Recipe {
        options: "recycle_log_file_num=3;disable_auto_compactions=true",
        ..makers::by_name("column families").unwrap()
    };
    let mut bench = Workbench::create(recipe, root.path()).unwrap();
    for _ in 0..8 {
        bench.change().unwrap();
        bench.flush_all().unwrap();
    }
    bench.change().unwrap();
    round_trip(root.path(), &bench.close(), &strictest());
}

fn newest_wal(db: &Path) -> PathBuf {
    let names = judge::names(db);
    db.join(names.iter().rfind(|name| name.ends_with(".log")).unwrap())
}

#[test]
fn a_torn_wal_is_backed_up_as_it_is() {
    for cut in [1, 7, 40, 300] {
        let root = tempfile::tempdir().unwrap();
        let mut closed = Workbench::create(makers::by_name("wal only").unwrap(), root.path())
            .unwrap()
            .close();
        let wal = newest_wal(&closed.path);
        let bytes = fs::read(&wal).unwrap();
        fs::write(&wal, &bytes[..bytes.len() - cut]).unwrap();
        let survives = oracle::dump(&closed.path, &closed.options).unwrap();
        assert!(
            survives.difference(&closed.contents).is_some(),
            "nothing was lost"
        );
        closed.contents = survives;
        // As it is: the strictest rules refuse the restored database as they refuse the original.
        round_trip(root.path(), &closed, &OpenOptions::default());
    }
}
