//! RocksDB's engine reads Stonekeep's backups of every kind of database.

use std::collections::BTreeSet;
use std::path::Path;

use stonekeep::engine::create::CreateReport;
use stonekeep::engine::verify::{VerifyLevel, VerifyWhat};
use stonekeep::engine::{BackupEngineOptions, CreateBackupOptions, MetaSchema};
use stonekeep::format::backup_name::{NamingScheme, ShareFilesNaming};
use stonekeep::{Quiet, Warning};
use stonekeep_proof::makers::{self, Recipe, Workbench};

use crate::judge::{self, Recorded};
use crate::ours;
use crate::restoring::restores_all;

/// One session of RocksDB lies between two backups: its recovery and its writes make tables of one session id, which
/// has to be read from one of them.
const TABLES_OF_A_NEW_SESSION: u64 = 1;

/// What three backups are to show.
struct Series {
    recorded: Vec<Recorded>,
    reports: Vec<CreateReport>,
}

/// A database in two states, backed up in each, and once more without a change.
fn back_up_three_times(root: &Path, recipe: Recipe, options: &BackupEngineOptions) -> Series {
    let engine = ours::engine_with(&root.join("repo"), options.clone());
    let mut series = Series {
        recorded: Vec::new(),
        reports: Vec::new(),
    };
    let mut closed = Workbench::create(recipe, root).unwrap().close();
    for (at, app_metadata) in [b"first".as_slice(), b"\0binary\xff\n", b""]
        .into_iter()
        .enumerate()
    {
        if at == 1 {
            let mut bench = Workbench::reopen(closed).unwrap();
            bench.change().unwrap();
            closed = bench.close();
        }
        let mut create = CreateBackupOptions::default();
        create.app_metadata = app_metadata.to_vec();
        let report = ours::back_up_with(&engine, &closed, &create);
        assert!(report.committed, "{}", recipe.name);
        series.recorded.push(Recorded {
            id: report.backup_id.get(),
            contents: closed.contents.clone(),
            sequence: report.sequence_number.0,
        });
        series.reports.push(report);
    }
    series
}

#[test]
fn backups_of_every_kind_of_database_are_restored_by_both() {
    let (mut reused, mut kept) = (0, 0);
    for recipe in makers::all() {
        let root = tempfile::tempdir().unwrap();
        let series = back_up_three_times(root.path(), recipe, &ours::options());
        let repository = root.path().join("repo");
        assert_eq!(ids(&series), [1, 2, 3], "{}", recipe.name);
        judge::accepts(&repository, &series.recorded, recipe.name);
        judge::agrees_on_infos(&repository, recipe.name);
        judge::finds_nothing_surplus(&repository, recipe.name);
        kept += restores_all(&repository, &series.recorded, recipe.name);
        reused += is_incremental(&series, recipe);
        let verified = ours::engine(&repository)
            .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)
            .unwrap();
        assert!(verified.is_clean(), "{}: {:?}", recipe.name, verified.findings);
        let unexpected: Vec<&Warning> = series
            .reports
            .iter()
            .flat_map(|report| &report.warnings)
            .collect();
        assert!(
            unexpected.is_empty() || recipe.two_paths,
            "{}: {unexpected:?}",
            recipe.name
        );
    }
    assert!(reused > 40, "only {reused} tables outlived a change");
    assert!(kept > 100, "only {kept} files were kept");
}

fn ids(series: &Series) -> Vec<u32> {
    series.recorded.iter().map(|backup| backup.id).collect()
}

/// The second backup copies what changed, the third what is private to each backup; neither opens tables that it knows.
/// How many files the second one reused.
fn is_incremental(series: &Series, recipe: Recipe) -> u64 {
    let name = recipe.name;
    let [first, second, third] = series.reports.as_slice() else {
        panic!("{name}: {} reports", series.reports.len());
    };
    let common = |a, b| shared_files(a).intersection(&shared_files(b)).count() as u64;
    assert_eq!(first.files_reused, 0, "{name}");
    assert!(
        second.tables_opened <= TABLES_OF_A_NEW_SESSION,
        "{name}: {second:?}"
    );
    assert_eq!(second.files_reused, common(first, second), "{name}: {second:?}");
    assert_eq!(third.tables_opened, 0, "{name}");
    assert_eq!(third.files_reused, common(second, third), "{name}: {third:?}");
    assert_eq!(shared_files(second), shared_files(third), "{name}");
    second.files_reused
}

/// Tables and blobs by their names in the database; a session's numbers are never used again.
fn shared_files(report: &CreateReport) -> BTreeSet<String> {
    let paths = report.files.iter().map(|file| file.path.as_str());
    paths
        .filter(|path| path.ends_with(".sst") || path.ends_with(".blob"))
        .map(judge::restored_name)
        .collect()
}

#[test]
fn rocksdb_reads_backups_with_every_option() {
    let naming = |scheme, include_file_size| ShareFilesNaming {
        scheme,
        include_file_size,
    };
    let legacy = naming(NamingScheme::LegacyCrc32cAndFileSize, false);
    let session_only = naming(NamingScheme::UseDbSessionId, false);
    for (what, options) in [
        (
            "legacy names",
            ours::options().with_share_files_with_checksum_naming(legacy),
        ),
        (
            "names without size",
            ours::options().with_share_files_with_checksum_naming(session_only),
        ),
        (
            "unchecked sharing",
            ours::options().with_share_files_with_checksum(false),
        ),
        ("schema 2", ours::options().with_schema_version(MetaSchema::Two)),
        ("sync", ours::options().with_sync(true)),
    ] {
        for recipe in ["column families", "blobs", "wal only", "temperatures"] {
            let root = tempfile::tempdir().unwrap();
            let recipe = makers::by_name(recipe).unwrap();
            let series = back_up_three_times(root.path(), recipe, &options);
            let (repository, what) = (root.path().join("repo"), format!("{what}, {}", recipe.name));
            judge::accepts(&repository, &series.recorded, &what);
            judge::agrees_on_infos(&repository, &what);
            judge::finds_nothing_surplus(&repository, &what);
        }
    }
}

#[test]
fn rocksdb_reads_backups_that_share_nothing() {
    let root = tempfile::tempdir().unwrap();
    let options = ours::options().with_share_table_files(false);
    let series = back_up_three_times(root.path(), makers::by_name("blobs").unwrap(), &options);
    let repository = root.path().join("repo");
    judge::accepts(&repository, &series.recorded, "no sharing");
    judge::agrees_on_infos(&repository, "no sharing");
    assert!(series.reports.iter().all(|report| report.files_reused == 0));
    assert!(judge::names(&repository.join("shared_checksum")).is_empty());
}
