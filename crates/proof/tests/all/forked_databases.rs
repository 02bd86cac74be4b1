//! Two databases restored from the same backup reuse file numbers, sizes and sequence numbers with different bytes.

use std::fs;
use std::path::Path;

use stonekeep::engine::{BackupEngineOptions, RestoreMode, RestoreOptions};
use stonekeep::format::backup_name::{NamingScheme, ShareFilesNaming};
use stonekeep_proof::makers::{self, ClosedDatabase, Recipe, Workbench};
use stonekeep_proof::oracle;

use crate::judge::{self, Recorded};
use crate::ours;
use crate::restoring::{restore, restores_all};

/// Small values stay in tables, large ones go to blob files.
const SIZES: [usize; 2] = [60, 800];

/// Writes that differ between forks in nothing but their values' bytes.
fn go_on(closed: ClosedDatabase, fork: u8) -> ClosedDatabase {
    let mut bench = Workbench::reopen(closed).unwrap();
    for size in SIZES {
        for n in 0..20_u8 {
            // No compression, so equal lengths stay equal.
            let value: Vec<u8> = (0..size).map(|at| (at as u8).wrapping_mul(n) ^ fork).collect();
            bench.put("default", &[b'f', n, size as u8], &value).unwrap();
        }
        bench.flush("default").unwrap();
    }
    bench.close()
}

fn sizes(db: &Path) -> Vec<(String, u64)> {
    let names = judge::names(db).into_iter();
    names
        .filter(|name| name.ends_with(".sst") || name.ends_with(".blob"))
        .map(|name| (name.clone(), fs::metadata(db.join(name)).unwrap().len()))
        .collect()
}

struct Forks {
    root: tempfile::TempDir,
    recorded: Vec<Recorded>,
    last: ClosedDatabase,
}

/// Backup 1, from which two forks go on: backups 2 and 3.
fn fork(options: &BackupEngineOptions) -> Forks {
    let recipe = Recipe {
        options: "disable_auto_compactions=true;compression=kNoCompression;blob_compression_type=kNoCompression;\
            enable_blob_files=true;min_blob_size=400",
        ..makers::by_name("blobs").unwrap()
    };
    let root = tempfile::tempdir().unwrap();
    let repository = root.path().join("repo");
    let engine = ours::engine_with(&repository, options.clone());
    let mut recorded = Vec::new();
    let mut record = |closed: &ClosedDatabase| {
        let report = ours::back_up(&engine, closed);
        recorded.push(Recorded {
            id: report.backup_id.get(),
            contents: closed.contents.clone(),
            sequence: report.sequence_number.0,
        });
    };
    let base = Workbench::create(recipe, root.path()).unwrap().close();
    record(&base);
    let one = go_on(base.clone(), 1);
    record(&one);
    let sizes_of_one = sizes(&one.path);
    restore(&repository, 1, &one.path, &RestoreOptions::default());
    let other = go_on(base, 2);
    // What makes this a test.
    assert_eq!(sizes(&other.path), sizes_of_one);
    record(&other);
    Forks {
        root,
        recorded,
        last: other,
    }
}

#[test]
fn a_backup_takes_no_file_of_the_other_fork() {
    let naming = |scheme, include_file_size| ShareFilesNaming {
        scheme,
        include_file_size,
    };
    for (what, options) in [
        ("defaults", ours::options()),
        (
            "names without size",
            ours::options()
                .with_share_files_with_checksum_naming(naming(NamingScheme::UseDbSessionId, false)),
        ),
        (
            "legacy names",
            ours::options()
                .with_share_files_with_checksum_naming(naming(NamingScheme::LegacyCrc32cAndFileSize, false)),
        ),
    ] {
        let forks = fork(&options);
        let repository = forks.root.path().join("repo");
        judge::accepts(&repository, &forks.recorded, what);
        restores_all(&repository, &forks.recorded, what);
    }
}

#[test]
fn a_restore_keeps_no_file_of_the_other_fork() {
    for mode in [
        RestoreMode::KeepLatestDbSessionIdFiles,
        RestoreMode::VerifyChecksum,
        RestoreMode::PurgeAllFiles,
    ] {
        let forks = fork(&ours::options());
        let options = RestoreOptions::default().with_mode(mode);
        restore(&forks.root.path().join("repo"), 2, &forks.last.path, &options);
        let found = oracle::examine(&forks.last.path, &forks.last.options).unwrap();
        oracle::equal(&forks.recorded[1].contents, &found.contents, &format!("{mode:?}")).unwrap();
    }
}

#[test]
fn damaged_files_at_the_target_are_replaced_by_their_checksum() {
    let forks = fork(&ours::options());
    let db = &forks.last.path;
    for (name, _) in sizes(db) {
        let mut bytes = fs::read(db.join(&name)).unwrap();
        bytes[20] ^= 1;
        fs::write(db.join(name), bytes).unwrap();
    }
    let options = RestoreOptions::default().with_mode(RestoreMode::VerifyChecksum);
    let report = restore(&forks.root.path().join("repo"), 3, db, &options);
    // The other keep mode goes by session id and size, as RocksDB's, and would have kept the tables.
    assert_eq!(report.files_kept, 0, "{report:?}");
    let found = oracle::examine(db, &forks.last.options).unwrap();
    oracle::equal(&forks.last.contents, &found.contents, "after damage").unwrap();
}
