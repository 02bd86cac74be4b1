//! The judge of restored points sees what is missing: RocksDB opens a database without a WAL, or without a column family, as if
//! nothing had happened.

use std::fs;
use std::path::{Path, PathBuf};

use stonekeep::engine::RestoreOptions;
use stonekeep::engine::restore::{PointReport, PointTarget};
use stonekeep::{Quiet, WhichBackup};
use stonekeep_proof::points::followed::Followed;
use stonekeep_proof::points::plan::Points;
use stonekeep_proof::points::settings;

use crate::judge;

pub(crate) fn points(setting: &str, seed: u64) -> Points {
    Points {
        program: PathBuf::from(env!("CARGO_BIN_EXE_soak")),
        setting: settings::by_name(setting).unwrap(),
        seed,
        place: std::env::temp_dir(),
        points: 0,
        times: 0,
        batches: 3_000,
        local: true,
        restarts: false,
        keep: std::env::temp_dir().join("points-failures"),
    }
}

/// Restores the end of the stream from its first base.
fn restored(followed: &Followed<'_>, into: &Path) -> PointReport {
    let first = WhichBackup::Id(followed.bases[0].0);
    let report = followed.restore(first, PointTarget::Latest, into).unwrap();
    report.point.unwrap()
}

/// What the judge says of a copy of a restored database that was changed.
fn verdict(
    followed: &Followed<'_>,
    restored: &Path,
    point: &PointReport,
    change: impl FnOnce(&Path),
) -> Option<String> {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("db");
    judge::copy(restored, &copy);
    change(&copy);
    let judged = followed.judge.judge(PointTarget::Latest, point, &copy);
    judged.err().map(|error| error.to_string())
}

#[test]
fn without_a_wal_another_state_is_found() {
    // Obsolete WALs are kept, so that none is missed.
    let points = points("followed: archived WALs", 1);
    let followed = points.follow().unwrap();
    assert_eq!(followed.said.breaks, [] as [&str; 0]);
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("db");
    let point = restored(&followed, &place);
    assert_eq!(verdict(&followed, &place, &point, |_| {}), None);
    let is_wal = |name: &String| name.ends_with(".log") && fs::metadata(place.join(name)).unwrap().len() > 0;
    let wals: Vec<String> = judge::names(&place).into_iter().filter(is_wal).collect();
    assert!(wals.len() > 10, "{wals:?}");
    for wal in wals.iter().skip(1).step_by(wals.len() / 5) {
        let verdict = verdict(&followed, &place, &point, |copy| {
            fs::remove_file(copy.join(wal)).unwrap();
        });
        assert!(verdict.is_some(), "without {wal}");
    }
}

#[test]
fn without_the_edits_of_column_families_another_state_is_found() {
    let points = points("followed: passing families, unordered", 1);
    let followed = points.follow().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("db");
    let point = restored(&followed, &place);
    assert!(point.column_family_changes > 0, "{point:?}");
    assert_eq!(verdict(&followed, &place, &point, |_| {}), None);
    let base = directory.path().join("base");
    let first = WhichBackup::Id(followed.bases[0].0);
    followed
        .engine
        .restore_db_from_backup(first, &base, &RestoreOptions::default(), &Quiet)
        .unwrap();
    let verdict = verdict(&followed, &place, &point, |copy| {
        let names = judge::names(&base);
        let manifest = names.iter().find(|name| name.starts_with("MANIFEST")).unwrap();
        fs::copy(base.join(manifest), copy.join(manifest)).unwrap();
    });
    let verdict = verdict.unwrap();
    assert!(verdict.contains("passing-"), "{verdict}");
}
