//! Backups of RocksDB's checkpoints while the database is written.

use std::path::{Path, PathBuf};

use rocksdb::checkpoint::Checkpoint;
use stonekeep::Quiet;
use stonekeep::engine::CreateBackupOptions;
use stonekeep::engine::create::CreateReport;
use stonekeep::image::{Directory, SourceKind};
use stonekeep_proof::makers::{self, Workbench};

use crate::judge::{self, Recorded};
use crate::ours;
use crate::restoring::restores_all;

/// A checkpoint with its WALs, which a limit that none reaches keeps RocksDB from flushing.
fn checkpoint(bench: &Workbench, to: &Path) -> PathBuf {
    Checkpoint::new(bench.db())
        .unwrap()
        .create_checkpoint_with_log_size(to, u64::MAX)
        .unwrap();
    to.to_owned()
}

fn back_up(repository: &Path, checkpoint: PathBuf) -> CreateReport {
    ours::engine(repository)
        .create_new_backup(
            &Directory::new(checkpoint, SourceKind::Closed),
            &CreateBackupOptions::default(),
            &Quiet,
        )
        .unwrap()
}

#[test]
fn checkpoints_of_an_open_database_are_backed_up_and_share_tables() {
    for recipe in [
        "column families",
        "blobs",
        "wal only",
        "wal_dir elsewhere",
        "level compaction",
    ] {
        let root = tempfile::tempdir().unwrap();
        let repository = root.path().join("repo");
        let mut bench = Workbench::create(makers::by_name(recipe).unwrap(), root.path()).unwrap();
        let mut recorded = Vec::new();
        for id in 1..=3 {
            let report = back_up(
                &repository,
                checkpoint(&bench, &root.path().join(format!("checkpoint-{id}"))),
            );
            // One session all the while: its id has to be read from one table, once.
            assert!(report.tables_opened <= u64::from(id == 1), "{recipe}: {report:?}");
            recorded.push(Recorded {
                id,
                contents: bench.contents().clone(),
                sequence: report.sequence_number.0,
            });
            bench.change().unwrap();
        }
        judge::accepts(&repository, &recorded, recipe);
        judge::finds_nothing_surplus(&repository, recipe);
        restores_all(&repository, &recorded, recipe);
    }
}
