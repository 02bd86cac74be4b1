//! The writers and the verifier of the hot capture tests are right before anything is captured.

use std::fs;
use std::path::{Path, PathBuf};

use stonekeep_proof::DatabaseContents;
use stonekeep_proof::hot::counters::Counter;
use stonekeep_proof::hot::history::{Action, FAMILIES, Family, History, Operation, Work, held_key};
use stonekeep_proof::hot::process::Launcher;
use stonekeep_proof::hot::settings::{self, Setting};
use stonekeep_proof::hot::verifier::{Bounds, Verifier};
use stonekeep_proof::oracle;

use crate::judge;

const SEED: u64 = 7;
/// More than there are keys in a ring, so that each has been overwritten or deleted.
const BATCHES: u64 = 3_000;

fn launcher(setting: &'static Setting, root: &Path) -> Launcher {
    Launcher {
        program: PathBuf::from(env!("CARGO_BIN_EXE_soak")),
        setting,
        root: root.to_owned(),
        seed: SEED,
    }
}

/// What a writer leaves that is killed at work, in one directory, and what was known when it was.
fn killed(setting: &'static Setting, root: &Path) -> (PathBuf, Bounds) {
    let launcher = launcher(setting, root);
    let counters = launcher.prepare().unwrap();
    let mut writer = launcher.start().unwrap();
    writer.wait_for(&counters, setting.lanes, BATCHES).unwrap();
    let acknowledged_before = counters.all(setting.lanes, Counter::Acknowledged).unwrap();
    writer.kill().unwrap();
    let left = root.join("left");
    judge::copy(&setting.database(root), &left);
    if let Some(wal_dir) = setting.places(root).wal_dir {
        for name in judge::names(&wal_dir) {
            fs::copy(wal_dir.join(&name), left.join(&name)).unwrap();
        }
    }
    let begun_after = counters.all(setting.lanes, Counter::Begun).unwrap();
    let bounds = Bounds {
        acknowledged_before,
        begun_after,
    };
    (left, bounds)
}

#[test]
fn what_killed_writers_leave_is_right() {
    // With two paths it cannot be put into one directory by copying alone.
    for setting in settings::ALL.iter().filter(|setting| !setting.two_paths) {
        let root = tempfile::tempdir().unwrap();
        let (left, bounds) = killed(setting, root.path());
        Verifier::new(setting, SEED)
            .leniently()
            .judge(&left, &bounds)
            .unwrap_or_else(|error| panic!("{}: {error:?}", setting.name));
    }
}

#[test]
fn the_judge_of_captures_sees_what_is_wrong() {
    let root = tempfile::tempdir().unwrap();
    let setting = settings::by_name("plain").unwrap();
    let (left, bounds) = killed(setting, root.path());
    let verifier = Verifier::new(setting, SEED);
    let reason = |bounds: &Bounds| verifier.judge(&left, bounds).unwrap_err().to_string();

    let mut later = bounds.clone();
    later.acknowledged_before[0] = later.begun_after[0] + 1;
    assert!(reason(&later).contains("acknowledged before the start"));

    let db = oracle::open(&left, &setting.flat("")).unwrap();
    let users = db.cf_handle("users").unwrap();
    let entry = db
        .iterator_cf(users, rocksdb::IteratorMode::Start)
        .nth(1)
        .unwrap();
    let (key, value) = entry.unwrap();
    db.delete_cf(users, &key).unwrap();
    drop(db);
    assert!(reason(&bounds).contains("is missing"), "{}", reason(&bounds));

    let db = oracle::open(&left, &setting.flat("")).unwrap();
    let users = db.cf_handle("users").unwrap();
    db.put_cf(users, &key, &value).unwrap();
    db.put_cf(users, b"ring/0/9999", b"of nobody").unwrap();
    drop(db);
    assert!(reason(&bounds).contains("is too many"), "{}", reason(&bounds));

    let db = oracle::open(&left, &setting.flat("")).unwrap();
    let users = db.cf_handle("users").unwrap();
    db.delete_cf(users, b"ring/0/9999").unwrap();
    drop(db);
    verifier.judge(&left, &bounds).unwrap();
}

#[test]
fn a_writer_ends_when_its_input_closes_and_another_continues_its_history() {
    let root = tempfile::tempdir().unwrap();
    let setting = settings::by_name("passing families").unwrap();
    let launcher = launcher(setting, root.path());
    let counters = launcher.prepare().unwrap();
    for round in 1..=2 {
        let mut writer = launcher.start().unwrap();
        writer.wait_for(&counters, 1, round * BATCHES).unwrap();
        writer.end().unwrap();
    }
    let written = counters.all(1, Counter::Acknowledged).unwrap();
    let bounds = Bounds {
        acknowledged_before: written.clone(),
        begun_after: written,
    };
    Verifier::new(setting, SEED)
        .judge(&setting.database(root.path()), &bounds)
        .unwrap();
}

#[test]
fn the_state_after_a_prefix_is_what_its_steps_make() {
    for work in [
        Work::Batches,
        Work::PassingFamilies,
        Work::Ingestion,
        Work::TwoPhase,
    ] {
        let history = History {
            seed: SEED,
            work,
            counts: true,
        };
        let mut contents = DatabaseContents::default();
        FAMILIES.iter().for_each(|name| contents.add_family(name));
        for number in 1..=4_000 {
            for action in history.actions_before(number) {
                apply(&history, &action, &mut contents);
            }
            for change in history.batch(0, number) {
                let family = change.family.to_string();
                match change.operation {
                    Operation::Put(value) => contents.put(&family, &change.key, &value),
                    Operation::Delete | Operation::SingleDelete => contents.delete(&family, &change.key),
                    Operation::Add(number) => contents.add(&family, &change.key, number),
                }
            }
            // All of them would take minutes; these are the ones around actions, and some others.
            if number % 97 == 0 || number % 150 > 147 {
                states_are(&history, number, &contents);
            }
        }
    }
}

fn states_are(history: &History, number: u64, contents: &DatabaseContents) {
    let states = history.states_after(&[number]);
    assert_eq!(
        states[0].difference(contents),
        None,
        "{history:?}, after {number}"
    );
    let mut later = contents.clone();
    let actions = history.actions_before(number + 1);
    assert_eq!(states.len(), actions.len() + 1);
    for (state, action) in states[1..].iter().zip(actions) {
        apply(history, &action, &mut later);
        assert_eq!(state.difference(&later), None, "{history:?}, after {action:?}");
    }
}

fn apply(history: &History, action: &Action, contents: &mut DatabaseContents) {
    match action {
        Action::CreateFamily(number) => contents.add_family(&Family::Passing(*number).to_string()),
        Action::DropFamily(number) => contents.drop_family(&Family::Passing(*number).to_string()),
        Action::Ingest { family, round } => {
            for (key, value) in history.ingested(*family, *round) {
                contents.put(FAMILIES[*family], &key, &value);
            }
        }
        Action::Commit(number) => {
            for name in FAMILIES {
                contents.put(name, held_key(), &number.to_be_bytes());
            }
        }
        Action::Prepare(_) | Action::Forget(_) | Action::Reopen => {}
    }
}
