//! Files of the application: which are taken along, and what becomes of them in every verb.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

use stonekeep::engine::create::{CreateReport, FileAction};
use stonekeep::engine::info::{BackupState, InfoDetail};
use stonekeep::engine::verify::{FindingKind, VerifyLevel};
use stonekeep::engine::{BackupEngine, CreateBackupOptions};
use stonekeep::image::include::IncludePattern;
use stonekeep::store::Store;
use stonekeep::{ErrorKind, Quiet, WarningName};

use crate::support::scene::{Scene, files, id, key, memory, options, put, reader, verify};

/// What a backup with these patterns takes along, and the names of its warnings with what each is about.
fn taken(scene: &Scene, patterns: &[&str]) -> (BTreeSet<String>, Vec<(WarningName, String)>) {
    let report = back_up(scene, &memory(), patterns);
    let included = report
        .files
        .iter()
        .filter(|file| file.action == FileAction::Include);
    let below = |path: &str| path.strip_prefix("stonekeep/files/1/").unwrap().to_owned();
    let root = scene.database.path().display().to_string();
    let about = |about: Option<String>| about.unwrap_or_default().replace(&format!("{root}/"), "");
    let warnings = report
        .warnings
        .into_iter()
        .filter(|warning| warning.name == WarningName::NotIncluded);
    (
        included.map(|file| below(&file.path)).collect(),
        warnings
            .map(|warning| (warning.name, about(warning.about)))
            .collect(),
    )
}

pub(crate) fn back_up(scene: &Scene, store: &Store, patterns: &[&str]) -> CreateReport {
    let patterns = patterns.iter().map(|text| IncludePattern::parse(text).unwrap());
    let how = CreateBackupOptions::default().with_include(patterns.collect::<Vec<_>>());
    let engine = BackupEngine::open(options(), store.clone()).unwrap();
    engine.create_new_backup(&scene.source(), &how, &Quiet).unwrap()
}

fn write(scene: &Scene, path: &str) {
    let at = scene.database.path().join(path);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    fs::write(at, format!("content of {path}")).unwrap();
}

pub(crate) fn names(paths: &[&str]) -> BTreeSet<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

/// A database with files of an application in several directories.
fn furnished() -> Scene {
    let scene = Scene::new();
    for path in [
        "app.json",
        ".env",
        "logs/1.txnlog",
        "logs/2.txnlog",
        "logs/old/0.txnlog",
        "conf/a/b/c",
    ] {
        write(&scene, path);
    }
    scene
}

#[test]
fn patterns_choose_by_the_parts_of_a_path() {
    let scene = furnished();
    let cases: [(&[&str], &[&str]); 9] = [
        (&["app.json"], &["app.json"]),
        (&["./app.json"], &["app.json"]),
        (&["*.json", ".env"], &["app.json", ".env"]),
        (
            &["logs"],
            &["logs/1.txnlog", "logs/2.txnlog", "logs/old/0.txnlog"],
        ),
        (
            &["logs/"],
            &["logs/1.txnlog", "logs/2.txnlog", "logs/old/0.txnlog"],
        ),
        (&["logs/*.txnlog"], &["logs/1.txnlog", "logs/2.txnlog"]),
        (&["logs/[!1].txnlog"], &["logs/2.txnlog"]),
        (
            &["**/*.txnlog"],
            &["logs/1.txnlog", "logs/2.txnlog", "logs/old/0.txnlog"],
        ),
        (&["conf/**"], &["conf/a/b/c"]),
    ];
    for (patterns, wanted) in cases {
        assert_eq!(
            taken(&scene, patterns),
            (names(wanted), Vec::new()),
            "{patterns:?}"
        );
    }
    for bad in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/./b", "[", "a**b"] {
        let error = IncludePattern::parse(bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{bad:?}");
    }
}

#[test]
fn what_belongs_to_rocksdb_is_never_included() {
    let scene = furnished();
    for path in [
        "archive/000003.log",
        "lost/000004.sst",
        "LOG",
        "current",
        "000777.SST",
        "backups/app.json",
    ] {
        write(&scene, path);
    }
    for path in ["backups/meta", "backups/private", ".stonekeep-restore"] {
        fs::create_dir_all(scene.database.path().join(path)).unwrap();
    }
    let (included, warnings) = taken(&scene, &["**", "*"]);
    let wanted = [
        "app.json",
        ".env",
        "logs/1.txnlog",
        "logs/2.txnlog",
        "logs/old/0.txnlog",
        "conf/a/b/c",
    ];
    assert_eq!(included, names(&wanted));
    assert_eq!(warnings, [(WarningName::NotIncluded, "backups".to_owned())]);
    let (included, warnings) = taken(&scene, &["CURRENT", "no-such-file"]);
    assert_eq!(included, BTreeSet::new());
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}

#[test]
fn no_link_is_followed_and_no_special_file_is_read() {
    let scene = furnished();
    let conf = scene.database.path().join("conf");
    symlink("/etc/passwd", conf.join("link")).unwrap();
    symlink("/etc", conf.join("etc")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        conf.join("fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    fs::write(conf.join("new\nline"), "").unwrap();
    let (included, warnings) = taken(&scene, &["conf"]);
    assert_eq!(included, names(&["conf/a/b/c"]));
    let about: BTreeSet<String> = warnings.into_iter().map(|(_, about)| about).collect();
    assert_eq!(
        about,
        names(&["conf/etc", "conf/fifo", "conf/link", "conf/new\nline"])
    );
}

#[test]
fn included_files_are_not_reported_as_unknown() {
    let scene = furnished();
    let report = back_up(&scene, &memory(), &["app.json", ".env", "logs", "conf"]);
    assert_eq!(
        (report.warnings.as_slice(), report.unknown.as_slice()),
        (&[][..], &[][..])
    );
    assert_eq!((report.files_included, report.bytes_included > 0), (6, true));
    let report = back_up(&scene, &memory(), &["app.json"]);
    assert_eq!(report.unknown.len(), 3, "{:?}", report.unknown);
}

/// A scene with a backup that includes two files.
pub(crate) fn backed_up() -> (Scene, Store) {
    let (scene, store) = (furnished(), memory());
    back_up(&scene, &store, &["app.json", "conf"]);
    (scene, store)
}

#[test]
fn verify_and_list_look_at_them() {
    let (_scene, store) = backed_up();
    assert!(verify(&store).is_clean());
    let info = reader(&store).get_backup_info(id(1), InfoDetail::Files).unwrap();
    assert_eq!((info.included_files, info.state), (2, BackupState::Valid));
    let listed = info.files.unwrap().into_iter().filter(|file| file.included);
    let listed: BTreeSet<String> = listed.map(|file| file.restored_name).collect();
    assert_eq!(listed, names(&["app.json", "conf/a/b/c"]));

    put(&store, "stonekeep/files/1/app.json", b"CONTENT of app.json");
    let report = verify(&store);
    assert_eq!(report.findings.len(), 1);
    let finding = &report.findings[0];
    assert_eq!(
        (finding.kind, finding.file.as_str()),
        (FindingKind::WrongChecksum, "stonekeep/files/1/app.json")
    );
    let by_size = reader(&store)
        .verify_backups(id(1), VerifyLevel::Size, &Quiet)
        .unwrap();
    assert!(by_size.is_clean(), "its size is right");

    store.delete_one(&key("stonekeep/files/1/conf/a/b/c")).unwrap();
    for level in [VerifyLevel::Size, VerifyLevel::Checksum] {
        let report = reader(&store).verify_backups(id(1), level, &Quiet).unwrap();
        let missing = report
            .findings
            .iter()
            .find(|finding| finding.kind == FindingKind::Missing);
        assert_eq!(missing.unwrap().file, "stonekeep/files/1/conf/a/b/c");
    }
    for detail in [InfoDetail::Sizes, InfoDetail::Files] {
        let all = reader(&store).get_all_backup_info(detail).unwrap();
        assert!(
            matches!(all.backups[0].state, BackupState::Corrupt(_)),
            "{detail:?}"
        );
    }
}

#[test]
fn deletion_removes_included_files_and_gc_removes_orphans() {
    let (scene, store) = backed_up();
    back_up(&scene, &store, &["app.json"]);
    let engine = BackupEngine::open(options(), store.clone()).unwrap();
    put(
        &store,
        "stonekeep/files/2/left",
        b"by a killed run of the same id",
    );
    put(&store, "stonekeep/files/9/left", b"by a killed run");
    let planned = engine.plan_delete_backup(id(1), &Quiet).unwrap();
    let report = engine.delete_backup(id(1), &Quiet).unwrap();
    let below = |report: &stonekeep::engine::collect::CollectReport| -> BTreeSet<String> {
        let paths = report.deleted_files.iter().map(|file| file.path.clone());
        paths
            .filter(|path| path.starts_with("stonekeep/files/"))
            .collect()
    };
    let gone = [
        "stonekeep/files/1/app.json",
        "stonekeep/files/1/conf/a/b/c",
        "stonekeep/files/2/left",
        "stonekeep/files/9/left",
    ];
    assert_eq!(below(&report), names(&gone));
    assert_eq!(below(&planned), below(&report));
    let there = files(&store)
        .into_iter()
        .filter(|path| path.starts_with("stonekeep/files/"));
    assert_eq!(there.collect::<Vec<_>>(), ["stonekeep/files/2/app.json"]);
    assert!(verify(&store).is_clean());
}
