//! Stonekeep reads backups of every kind of database made by RocksDB's engine.

use std::fs;
use std::path::Path;

use stonekeep::Quiet;
use stonekeep::engine::verify::{VerifyLevel, VerifyReport, VerifyWhat};
use stonekeep::engine::{BackupEngineOptions, MetaSchema};
use stonekeep::format::backup_name::{NamingScheme, ShareFilesNaming};
use stonekeep_proof::engine::{CreateOptions, EngineOptions, Naming, RestoreOptions, RocksBackupEngine};
use stonekeep_proof::makers::{self, Recipe, Workbench};
use stonekeep_proof::oracle::{self, OpenOptions};

use crate::judge::{self, Recorded};
use crate::ours;
use crate::restoring::restores_all;

/// One way for RocksDB's engine to work, and the same for ours.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) theirs: EngineOptions,
    pub(crate) ours: BackupEngineOptions,
    pub(crate) flush_before_backup: bool,
}

fn way(name: &'static str, theirs: EngineOptions, ours: BackupEngineOptions) -> Way {
    Way {
        name,
        theirs,
        ours,
        flush_before_backup: false,
    }
}

fn named(name: &'static str, theirs: Naming, scheme: NamingScheme) -> Way {
    let ours = ShareFilesNaming {
        scheme,
        include_file_size: false,
    };
    way(
        name,
        EngineOptions {
            share_files_with_checksum_naming: theirs,
            ..EngineOptions::default()
        },
        ours::options().with_share_files_with_checksum_naming(ours),
    )
}

/// The defaults of both engines.
pub(crate) fn defaults() -> Way {
    way("defaults", EngineOptions::default(), ours::options())
}

/// All but the defaults.
pub(crate) fn other_ways() -> Vec<Way> {
    let plain = EngineOptions::default;
    vec![
        named("session ids", Naming::SessionId, NamingScheme::UseDbSessionId),
        named(
            "legacy names",
            Naming::LegacyCrc32cAndSize,
            NamingScheme::LegacyCrc32cAndFileSize,
        ),
        way(
            "no sharing",
            EngineOptions {
                share_table_files: false,
                ..plain()
            },
            ours::options().with_share_table_files(false),
        ),
        way(
            "unchecked sharing",
            EngineOptions {
                share_files_with_checksum: false,
                ..plain()
            },
            ours::options().with_share_files_with_checksum(false),
        ),
        way(
            "schema 2",
            EngineOptions {
                schema_version: 2,
                ..plain()
            },
            ours::options().with_schema_version(MetaSchema::Two),
        ),
        way(
            "no WALs",
            EngineOptions {
                backup_log_files: false,
                ..plain()
            },
            ours::options().with_backup_log_files(false),
        ),
        Way {
            flush_before_backup: true,
            ..way("flushed", plain(), ours::options())
        },
    ]
}

/// Each way with the kinds of databases for which it matters, the defaults with every kind.
pub(crate) fn each_way(check: impl Fn(&Way, Recipe)) {
    // RocksDB's engine does not back up databases of several paths.
    makers::all()
        .filter(|recipe| !recipe.two_paths)
        .for_each(|recipe| check(&defaults(), recipe));
    for way in other_ways() {
        for recipe in ["column families", "wal only", "blobs", "temperatures"] {
            check(&way, makers::by_name(recipe).unwrap());
        }
    }
}

/// Two backups of a database that changes between them and once more after them, with what RocksDB restores from each.
pub(crate) fn back_up_twice(root: &Path, way: &Way, recipe: Recipe) -> (Workbench, Vec<Recorded>) {
    let engine = RocksBackupEngine::open(&root.join("repo"), &way.theirs).unwrap();
    let mut bench = Workbench::create(recipe, root).unwrap();
    let mut recorded = Vec::new();
    for app_metadata in [b"first".as_slice(), b""] {
        recorded.push(back_up(&engine, &bench, way, app_metadata));
        bench.change().unwrap();
    }
    (bench, recorded)
}

/// A backup by RocksDB, with what RocksDB restores from it.
pub(crate) fn back_up(
    engine: &RocksBackupEngine,
    bench: &Workbench,
    way: &Way,
    app_metadata: &[u8],
) -> Recorded {
    let options = CreateOptions {
        flush_before_backup: way.flush_before_backup,
        app_metadata,
        ..CreateOptions::default()
    };
    let id = engine.create(bench.db(), &options).unwrap();
    let target = tempfile::tempdir().unwrap();
    let (db, wal) = (target.path().join("db"), target.path().join("wal"));
    engine.restore(id, &db, &wal, &RestoreOptions::default()).unwrap();
    let found = oracle::examine(&db, &OpenOptions::with_wal_dir(wal)).unwrap();
    if way.theirs.backup_log_files {
        oracle::equal(bench.contents(), &found.contents, way.name).unwrap();
    }
    Recorded {
        id,
        contents: found.contents,
        sequence: found.sequence,
    }
}

#[test]
fn stonekeep_reads_backups_of_every_kind_of_database() {
    each_way(|way, recipe| {
        let root = tempfile::tempdir().unwrap();
        let what = format!("{}, {}", way.name, recipe.name);
        let (_bench, recorded) = back_up_twice(root.path(), way, recipe);
        let repository = root.path().join("repo");
        judge::agrees_on_infos(&repository, &what);
        let verified = verify(&repository);
        assert!(verified.is_clean(), "{what}: {:?}", verified.findings);
        assert_eq!(verified.backups.len(), recorded.len(), "{what}");
        assert!(
            verified
                .backups
                .iter()
                .all(|backup| backup.unverifiable.is_empty()),
            "{what}"
        );
        // Listing and verifying leave a repository as it was.
        assert!(!repository.join("stonekeep").exists(), "{what}");
        restores_all(&repository, &recorded, &what);
    });
}

fn verify(repository: &Path) -> VerifyReport {
    ours::engine(repository)
        .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)
        .unwrap()
}

#[test]
fn both_engines_alternate_in_one_repository() {
    each_way(|way, recipe| {
        let root = tempfile::tempdir().unwrap();
        let what = format!("{}, {}", way.name, recipe.name);
        let repository = root.path().join("repo");
        let (bench, mut recorded) = back_up_twice(root.path(), way, recipe);
        let engine = RocksBackupEngine::open(&repository, &way.theirs).unwrap();
        recorded.push(back_up(&engine, &bench, way, b"third"));
        drop(engine);

        let closed = bench.close();
        let report = ours::back_up(&ours::engine_with(&repository, way.ours.clone()), &closed);
        assert!(
            report.tables_opened <= tables_without_a_proof(recipe),
            "{what}: {report:?}"
        );
        let private = report.files.iter().filter(|file| !is_shared(&file.path));
        assert_eq!(report.files_copied, private.count() as u64, "{what}: {report:?}");
        assert_eq!(
            shared_lines(&repository, 4),
            shared_lines(&repository, 3),
            "{what}"
        );
        recorded.push(Recorded {
            id: 4,
            sequence: report.sequence_number.0,
            ..recorded[2].clone()
        });

        let mut bench = Workbench::reopen(closed).unwrap();
        bench.change().unwrap();
        let engine = RocksBackupEngine::open(&repository, &way.theirs).unwrap();
        recorded.push(back_up(&engine, &bench, way, b""));
        judge::accepts(&repository, &recorded, &what);
        judge::agrees_on_infos(&repository, &what);
        judge::finds_nothing_surplus(&repository, &what);
        restores_all(&repository, &recorded[3..], &what);
        assert!(verify(&repository).is_clean(), "{what}");
    });
}

fn is_shared(path: &str) -> bool {
    path.starts_with("shared")
}

/// Tables that came from outside carry another database's id, so their sessions cannot be proven from the MANIFEST;
/// some are compacted with others meanwhile.
fn tables_without_a_proof(recipe: Recipe) -> u64 {
    match recipe.name {
        "ingested tables" => 4,
        _ => 0,
    }
}

/// What a meta file says of shared files: name, checksum and temperature.
fn shared_lines(repository: &Path, id: u32) -> Vec<String> {
    let meta = fs::read_to_string(repository.join(format!("meta/{id}"))).unwrap();
    let mut lines: Vec<String> = meta
        .lines()
        .filter(|line| is_shared(line))
        .map(str::to_owned)
        .collect();
    lines.sort();
    lines
}
