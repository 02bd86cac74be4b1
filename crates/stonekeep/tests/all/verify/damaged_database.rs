//! A database of which several files are damaged at once: each is named, and all others are looked into.

use std::fs;
use std::path::{Path, PathBuf};

use stonekeep::WarningName;
use stonekeep::engine::verify::DatabaseReport;
use stonekeep_testkit::fixtures::{self, Fixture};

use crate::verify::deep_support::{look, swap_batches, with_extension};

fn files(database: &Path, is_wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(database).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| is_wanted(path.file_name().unwrap().to_str().unwrap()));
    paths.sort();
    paths
}

fn reasons_of<'r>(report: &'r DatabaseReport, file: &Path) -> Vec<&'r str> {
    let file = file.to_str().unwrap();
    let findings = report.findings.iter().filter(|finding| finding.file == file);
    findings.map(|finding| finding.reason.as_str()).collect()
}

#[test]
fn all_that_is_damaged_is_named_at_once() {
    let fixture = Fixture::unpack(fixtures::ROCKSDB_11_8).unwrap();
    let database = fixture.database();
    let whole = look(&database);
    let [missing, other, short, flipped, ..] = &files(&database, |name| name.ends_with(".sst"))[..] else {
        panic!("{database:?} has few tables");
    };
    let wal = with_extension(&database, "log");
    fs::remove_file(missing).unwrap();
    fs::remove_file(other).unwrap();
    fs::create_dir(other).unwrap();
    let bytes = fs::read(short).unwrap();
    fs::write(short, &bytes[..bytes.len() - 1]).unwrap();
    let mut bytes = fs::read(flipped).unwrap();
    bytes[3] ^= 1;
    fs::write(flipped, bytes).unwrap();
    swap_batches(&wal);

    let report = look(&database);
    let begins = [
        (
            missing,
            "it is missing, though the MANIFEST names it (column family ",
        ),
        (
            other,
            "it is a directory, though the MANIFEST names it (column family ",
        ),
        (
            short,
            &*format!(
                "{} bytes, where the MANIFEST says",
                fs::metadata(short).unwrap().len()
            ),
        ),
        (flipped, "data block at byte 0"),
        (&wal, "batch at byte "),
    ];
    for (file, begin) in begins {
        let [reason] = reasons_of(&report, file)[..] else {
            panic!("{}: {:?}", file.display(), report.findings);
        };
        assert!(reason.starts_with(begin), "{}: {reason}", file.display());
    }
    assert_eq!(report.findings.len(), begins.len(), "{:?}", report.findings);
    assert_eq!(report.files_checked, whole.files_checked - 3);
    for file in [missing, other, short] {
        let damaged = &report.contents.damaged;
        let lost = damaged
            .iter()
            .find(|damaged| damaged.file == file.to_str().unwrap());
        let [part] = &lost.unwrap().parts[..] else {
            panic!("{lost:?}");
        };
        assert!(part.level.is_some() && part.column_family.is_some(), "{part:?}");
        assert!(part.from_key.is_some() && part.to_key.is_some(), "{part:?}");
        let [reason] = reasons_of(&report, file)[..] else {
            panic!("{:?}", report.findings);
        };
        let level = format!(", level {}, keys from ", part.level.unwrap());
        assert!(reason.contains(&level), "{reason}");
    }
}

#[test]
fn the_newest_options_are_damaged_if_rocksdb_cannot_load_them() {
    let fixture = Fixture::unpack(fixtures::ROCKSDB_11_8).unwrap();
    let database = fixture.database();
    let newest = files(&database, |name| name.starts_with("OPTIONS-"))
        .pop()
        .unwrap();
    let text = fs::read(&newest).unwrap();
    let older = database.join("OPTIONS-000001");
    fs::write(&older, vec![0; text.len()]).unwrap();
    assert!(look(&database).is_clean());
    let unknown = [&text[..], b"\n[NewOptions \"default\"]\n  x=y\n"].concat();
    for (content, is_damage) in [(vec![0; text.len()], true), (unknown, false)] {
        fs::write(&newest, content).unwrap();
        let report = look(&database);
        let unreadable = |warning: &&stonekeep::Warning| warning.name == WarningName::OptionsUnreadable;
        let warned: Vec<_> = report.warnings.iter().filter(unreadable).collect();
        assert!(
            warned
                .iter()
                .any(|warning| warning.about.as_deref() == older.to_str())
        );
        assert_eq!(warned.len(), if is_damage { 1 } else { 2 }, "{warned:?}");
        assert_eq!(
            report.findings.len(),
            usize::from(is_damage),
            "{:?}",
            report.findings
        );
        for reason in reasons_of(&report, &newest) {
            assert!(reason.contains("LoadLatestOptions"), "{reason}");
        }
    }
}
