//! What the MANIFEST shows beside the WALs.

use std::fs;
use std::path::PathBuf;

use stonekeep::image::follow::{Follower, Place, Tick};
use stonekeep_format::ColumnFamilyId;
use stonekeep_format::manifest::{ColumnFamilyChange, VersionEdit};
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use super::scene::{Copy, breaks, database, follow, kinds, manifest_of, tick};

/// The place behind the last edit.
fn behind_edits(database: &FakeDatabase) -> Place {
    let manifest = manifest_of(database);
    Place::Manifest {
        number: manifest.number,
        offset: manifest.bytes,
    }
}

/// Does something with a database that is followed, and gives the breaks of the next tick and of the one after a write.
fn breaks_by(act: impl FnOnce(&mut FakeDatabase)) -> Vec<(&'static str, Place)> {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.write(3);
    database.flush_wals();
    database.write(3);
    let mut follower = follow(&database);
    tick(&mut follower);
    act(&mut database);
    let mut found = breaks(&tick(&mut follower));
    database.write(1);
    found.extend(breaks(&tick(&mut follower)));
    found
}

#[test]
fn ingested_tables_are_a_break_with_and_without_a_gap() {
    for overlaps in [false, true] {
        let mut place = None;
        let found = breaks_by(|database| {
            database.ingest(overlaps);
            place = Some(behind_edits(database));
        });
        assert_eq!(found, [("ingestion", place.unwrap())], "{overlaps}");
    }
}

#[test]
fn an_import_into_a_new_column_family_is_a_break() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    let family = database.create_column_family("imported");
    database.add_table(family, 2_000);
    let last = tick(&mut follower);
    assert_eq!(
        (last.edits.len(), kinds(&last).as_slice()),
        (1, &["ingestion"][..])
    );
    assert!(
        last.breaks[0].text.contains("\"imported\""),
        "{}",
        last.breaks[0].text
    );
}

#[test]
fn a_base_behind_an_ingestion_explains_the_gap() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.write(3);
    database.ingest(true);
    let mut follower = follow(&database);
    database.write(1);
    assert_eq!(kinds(&tick(&mut follower)), [] as [&str; 0]);
}

#[test]
fn a_gap_next_to_an_ingestion_is_a_break_of_its_own() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    database.write(3);
    database.ingest(true);
    database.write_without_wal(1);
    database.write(1);
    assert_eq!(kinds(&tick(&mut follower)), ["ingestion", "sequence-gap"]);
}

#[test]
fn flushes_compactions_and_moves_are_no_breaks() {
    let found = breaks_by(|database| {
        database.flush_wals();
        database.write(2);
        database.flush_wals();
        database.compact();
    });
    assert_eq!(
        kinds_of(&found),
        ["sequence-gap"],
        "the WAL between two ticks was missed"
    );
    let found = breaks_by(|database| {
        database.flush_wals();
        database.compact();
    });
    assert_eq!(found, []);
}

fn kinds_of(found: &[(&'static str, Place)]) -> Vec<&'static str> {
    found.iter().map(|(kind, _)| *kind).collect()
}

#[test]
fn tables_that_go_without_others_in_their_place_are_a_break() {
    let mut place = None;
    let found = breaks_by(|database| {
        database.take_tables_away();
        place = Some(behind_edits(database));
    });
    assert_eq!(found, [("tables-dropped", place.unwrap())]);
}

#[test]
fn fifo_compaction_takes_tables_away() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    database.write(3);
    database.flush_wals();
    let options = newest_options(&database);
    let text = fs::read_to_string(&options).unwrap();
    let line = "[CFOptions \"default\"]\n";
    let text = text.replace(line, &format!("{line}  compaction_style=kCompactionStyleFIFO\n"));
    fs::write(&options, text).unwrap();
    let mut follower = follow(&database);
    database.take_tables_away();
    assert_eq!(kinds(&tick(&mut follower)), [] as [&str; 0]);
}

fn newest_options(database: &FakeDatabase) -> PathBuf {
    let names = fs::read_dir(database.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_options = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("OPTIONS");
    names.filter(is_options).max().unwrap()
}

/// The column families that came and went.
fn changes(tick: &Tick) -> Vec<(ColumnFamilyId, ColumnFamilyChange)> {
    let edits = tick
        .edits
        .iter()
        .map(|edit| VersionEdit::decode(&edit.record, 0).unwrap());
    let changes = edits.map(|edit| (edit.column_family, edit.column_family_change.unwrap()));
    changes.collect()
}

#[test]
fn column_families_come_and_go_as_raw_edits() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    tick(&mut follower);
    let family = database.create_column_family("new");
    let first = manifest_of(&database);
    let last = tick(&mut follower);
    assert_eq!(
        changes(&last),
        [(family, ColumnFamilyChange::Add(b"new".to_vec()))]
    );
    let edit = &last.edits[0];
    assert_eq!((edit.manifest, edit.end_offset), (first.number, first.bytes));
    let options = last.options.unwrap();
    assert_eq!(options.bytes, fs::read(newest_options(&database)).unwrap());
    database.drop_column_family(family);
    let again = database.create_column_family("new");
    let last = tick(&mut follower);
    let dropped = (family, ColumnFamilyChange::Drop);
    assert_eq!(
        changes(&last),
        [dropped, (again, ColumnFamilyChange::Add(b"new".to_vec()))]
    );
    assert_eq!(
        (last.breaks.as_slice(), last.position.manifest),
        (&[][..], manifest_of(&database))
    );
}

#[test]
fn the_edits_behind_the_snapshot_of_a_new_manifest_are_new() {
    let (_directory, mut database) = database(DatabaseBuilder::new().column_family("one"));
    database.write(3);
    database.flush_wals();
    let mut follower = follow(&database);
    tick(&mut follower);
    database.create_column_family("two");
    database.roll_manifest();
    database.create_column_family("three");
    database.ingest(false);
    let last = tick(&mut follower);
    assert_eq!(changes(&last).len(), 2, "{last:?}");
    assert_eq!(breaks(&last), [("ingestion", behind_edits(&database))]);
}

#[test]
fn a_manifest_that_was_missed_is_a_break() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower = follow(&database);
    tick(&mut follower);
    database.roll_manifest();
    database.create_column_family("between");
    database.roll_manifest();
    let place = behind_edits(&database);
    assert_eq!(breaks(&tick(&mut follower)), [("missed-manifest", place)]);
    database.roll_manifest();
    assert_eq!(breaks(&tick(&mut follower)), [], "it continues with the new one");
}

#[test]
fn sequence_numbers_in_the_manifest_alone_are_a_break() {
    for (manual, expected) in [("false", &["writes-without-wal"][..]), ("true", &[])] {
        let builder = DatabaseBuilder::new().database_option("manual_wal_flush", manual);
        let (_directory, mut database) = database(builder);
        let mut follower = follow(&database);
        database.write(3);
        Copy::default().take_all(&mut follower);
        database.write_without_wal(5);
        database.create_column_family("new");
        let place = behind_edits(&database);
        assert_eq!(
            kinds(&tick(&mut follower)),
            [] as [&str; 0],
            "the WALs were measured before"
        );
        let last = tick(&mut follower);
        assert_eq!(kinds(&last), expected);
        assert!(last.breaks.iter().all(|found| found.place == place));
        assert_eq!(
            kinds(&tick(&mut follower)),
            [] as [&str; 0],
            "it is reported once"
        );
    }
}

#[test]
fn an_incomplete_edit_has_no_effect_yet() {
    let (_directory, mut database) = database(DatabaseBuilder::new());
    let mut follower: Follower = follow(&database);
    tick(&mut follower);
    let path = database.manifest_path();
    let before = fs::read(&path).unwrap();
    database.create_column_family("new");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let last = tick(&mut follower);
    assert_eq!(
        (last.edits.len(), last.position.manifest.bytes),
        (0, before.len() as u64)
    );
    fs::write(&path, &whole).unwrap();
    assert_eq!(tick(&mut follower).edits.len(), 1);
}
