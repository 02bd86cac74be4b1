//! A database that went back to an older state: every backup says so, and a purge keeps what was before, until that is accepted.

use std::fs;
use std::path::{Path, PathBuf};

use stonekeep::engine::collect::{BackupDecision, CollectReport, KeepRule, PurgeOptions};
use stonekeep::engine::create::CreateReport;
use stonekeep::engine::info::InfoDetail;
use stonekeep::engine::{BackupEngine, CreateBackupOptions};
use stonekeep::image::{Directory, SourceKind};
use stonekeep::store::Store;
use stonekeep::{Quiet, WarningName};
use stonekeep_testkit::database::DatabaseBuilder;

use crate::support::scene::{Scene, id, ids, key, memory, options};

/// A repository with a backup of an older and one of a newer state, and a copy of the older state.
struct Story {
    _scene: Scene,
    store: Store,
    old: PathBuf,
}

impl Story {
    fn new() -> Self {
        let mut scene = Scene::new();
        let store = memory();
        let old = scene.path("old");
        copy(scene.database.path(), &old);
        scene.create(&store).unwrap();
        scene.change();
        scene.create(&store).unwrap();
        Story {
            _scene: scene,
            store,
            old,
        }
    }

    fn engine(&self) -> BackupEngine {
        BackupEngine::open(options(), self.store.clone()).unwrap()
    }

    /// Backs up the older state.
    fn back_up_old(&self, accept: &[WarningName]) -> CreateReport {
        let options = CreateBackupOptions::default().with_accept(accept.to_vec());
        let source = Directory::new(&self.old, SourceKind::Closed);
        self.engine()
            .create_new_backup(&source, &options, &Quiet)
            .unwrap()
    }

    fn purge(&self, keep: usize) -> CollectReport {
        let dry = self.engine().plan_purge_old_backups(keep, &Quiet).unwrap();
        let report = self.engine().purge_old_backups(keep, &Quiet).unwrap();
        assert_eq!(dry.decisions, report.decisions);
        assert_eq!(dry.deleted_backups, report.deleted_backups);
        report
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// The warnings of this kind: whether each is accepted.
fn said(report: &CreateReport) -> Vec<bool> {
    let warnings = report.warnings.iter();
    let said = warnings.filter(|warning| warning.name == WarningName::SequenceWentBack);
    said.map(|warning| warning.accepted).collect()
}

/// Why a backup stays that only this rule keeps.
fn reason(decision: &BackupDecision) -> Option<&str> {
    match decision.kept_by.as_slice() {
        [kept] if kept.rule == KeepRule::SequenceWentBack => Some(&kept.detail),
        _ => None,
    }
}

fn kept(report: &CollectReport) -> Vec<u32> {
    let kept = report
        .decisions
        .iter()
        .filter(|decision| reason(decision).is_some());
    kept.map(|decision| decision.id.get()).collect()
}

#[test]
fn every_backup_warns_until_one_accepts_it() {
    let story = Story::new();
    let third = story.back_up_old(&[]);
    assert_eq!(said(&third), [false]);
    let message = &third.warnings.last().unwrap().message;
    assert!(message.contains("from 87 to 60 after backup 2"), "{message}");
    assert_eq!(
        said(&story.back_up_old(&[])),
        [false],
        "the fourth is not behind the third"
    );
    assert_eq!(said(&story.back_up_old(&[WarningName::SequenceWentBack])), [true]);
    assert_eq!(said(&story.back_up_old(&[])), [false; 0]);
    let info = story.engine().get_backup_info(id(4), InfoDetail::Sizes).unwrap();
    let mut names = info.capture_warnings.iter().map(|warning| warning.name);
    assert!(names.any(|name| name == WarningName::SequenceWentBack));
}

#[test]
fn a_dry_run_warns_as_well() {
    let story = Story::new();
    let source = Directory::new(&story.old, SourceKind::Closed);
    let report = story
        .engine()
        .plan_new_backup(&source, &CreateBackupOptions::default(), &Quiet)
        .unwrap();
    assert_eq!(said(&report), [false]);
}

#[test]
fn a_purge_keeps_the_last_backup_before_it_night_after_night() {
    let story = Story::new();
    for night in 3..7 {
        story.back_up_old(&[]);
        let report = story.purge(1);
        assert_eq!(kept(&report), [2], "night {night}");
        assert_eq!(ids(&story.store), [2, night]);
    }
    let decisions = story.purge(1).decisions;
    let reason = decisions.iter().find_map(reason).unwrap();
    assert!(reason.contains("from 87 to 60 after backup 2"), "{reason}");
}

#[test]
fn a_purge_that_accepts_the_warning_deletes_the_backup() {
    let story = Story::new();
    story.back_up_old(&[]);
    let options = PurgeOptions::keep(1).with_accept(vec![WarningName::SequenceWentBack]);
    let planned = story.engine().plan_purge(&options, &Quiet).unwrap();
    assert_eq!(planned.deleted_backups, [id(1), id(2)]);
    let report = story.engine().purge(&options, &Quiet).unwrap();
    assert_eq!(kept(&report), [0; 0]);
    assert_eq!(ids(&story.store), [3]);
    assert_eq!(
        said(&story.back_up_old(&[])),
        [false; 0],
        "nothing from before it is left"
    );
}

#[test]
fn a_backup_that_accepts_the_warning_unblocks_the_next_purge() {
    let story = Story::new();
    story.back_up_old(&[]);
    story.back_up_old(&[WarningName::SequenceWentBack]);
    let report = story.purge(2);
    assert_eq!(kept(&report), [0; 0]);
    assert_eq!(ids(&story.store), [3, 4]);
}

#[test]
fn what_is_kept_anyway_is_not_reported() {
    let story = Story::new();
    story.back_up_old(&[]);
    let report = story.purge(2);
    assert_eq!((kept(&report), ids(&story.store)), (vec![], vec![2, 3]));
}

#[test]
fn where_the_last_one_is_damaged_the_one_before_stays() {
    let mut scene = Scene::new();
    let store = memory();
    let old = scene.path("old");
    copy(scene.database.path(), &old);
    for _ in 1..=2 {
        scene.change();
        scene.create(&store).unwrap();
    }
    let story = Story {
        _scene: scene,
        store,
        old,
    };
    story.back_up_old(&[]);
    story.store.delete_one(&key("private/2/CURRENT")).unwrap();
    let report = story.purge(1);
    assert_eq!((kept(&report), ids(&story.store)), (vec![1], vec![1, 2, 3]));
}

#[test]
fn without_facts_the_numbers_are_those_of_the_meta_file() {
    let story = Story::new();
    story.store.delete_one(&key("stonekeep/backups/2")).unwrap();
    assert_eq!(said(&story.back_up_old(&[])), [false]);
    assert_eq!(kept(&story.purge(1)), [2]);
}

#[test]
fn another_database_in_between_does_not_matter() {
    let story = Story::new();
    let other = Scene::empty(DatabaseBuilder::new().database_id("11111111-2222-3333-4444-555555555555"));
    let options = CreateBackupOptions::default().with_allow_other_database(true);
    let report = story
        .engine()
        .create_new_backup(&other.source(), &options, &Quiet);
    assert_eq!(said(&report.unwrap()), [false; 0]);
    let source = Directory::new(&story.old, SourceKind::Closed);
    let report = story.engine().create_new_backup(&source, &options, &Quiet);
    assert_eq!(said(&report.unwrap()), [false]);
    assert_eq!(kept(&story.purge(1)), [2]);
}

#[test]
fn a_database_whose_sequence_number_grows_does_not_warn() {
    let mut scene = Scene::new();
    let store = memory();
    for _ in 1..=3 {
        assert_eq!(said(&scene.create(&store).unwrap()), [false; 0]);
        scene.change();
    }
}
