//! Any acts of a writer between any steps of a capture.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stonekeep::image::hot::Step;
use stonekeep::image::{ClosingRule, NoHost};
use stonekeep_format::ColumnFamilyId;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};

use crate::hot::scene::{Watched, When, Writer, watched};
use crate::image::capture::database;

const STEPS: [Step; 9] = [
    Step::ReadState,
    Step::OpenFile,
    Step::ListWals,
    Step::MeasureWal,
    Step::Close,
    Step::CheckRecycled,
    Step::ScanWals,
    Step::ReadOptions,
    Step::TakeFiles,
];

/// Numbers that are the same for the same seed (xorshift64).
struct Dice(AtomicU64);

impl Dice {
    fn below(&self, limit: u64) -> u64 {
        let mut state = self.0.load(Ordering::Relaxed);
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.0.store(state, Ordering::Relaxed);
        state % limit
    }
}

/// What a database does in its life.
fn live(database: &mut FakeDatabase, dice: &Dice) {
    match dice.below(18) {
        0 | 1 => database.flush(2_000),
        2 | 3 => _ = database.compact(),
        4 => database.roll_manifest(),
        5 => database.reopen(),
        6 => _ = database.create_column_family("one more"),
        7 => {
            let last = database.state().column_families().keys().next_back().copied();
            if let Some(id) = last.filter(|id| *id != ColumnFamilyId::DEFAULT) {
                database.drop_column_family(id);
            }
        }
        8 => _ = database.add_tables(1, 2_000),
        9 => _ = database.switch_wal(),
        10 => database.write(0),
        _ => database.write(1 + dice.below(5) as u32),
    }
}

/// A database in which something happens before one of so many steps.
fn busy(seed: u64, one_of: u64) -> (tempfile::TempDir, Writer) {
    let (directory, mut database) = database(match seed % 3 {
        0 => DatabaseBuilder::new(),
        1 => DatabaseBuilder::new().track_wals().id_in_identity_only(),
        _ => DatabaseBuilder::new().column_family("meta"),
    });
    let dice = std::sync::Arc::new(Dice(AtomicU64::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)));
    database.add_tables(3, 2_000);
    (0..8).for_each(|_| live(&mut database, &dice));
    let mut writer = Writer::of(database);
    for step in STEPS {
        let dice = dice.clone();
        writer = writer.before(step, When::Always, move |database| {
            if dice.below(one_of) == 0 {
                live(database, &dice);
            }
        });
    }
    (directory, writer)
}

/// The rule by which an image closed that is a moment of the database.
fn is_a_moment(watched: &Watched) -> Option<ClosingRule> {
    let capture = watched.try_capture_for(&mut NoHost).unwrap();
    let image = capture.image();
    watched.moment_of(image).map(|_| image.live.unwrap().rule)
}

#[test]
fn the_image_is_one_moment_of_the_database() {
    for seed in 0..80 {
        let (_directory, writer) = busy(seed, 20);
        assert!(is_a_moment(&watched(writer)).is_some(), "seed {seed}");
    }
}

#[test]
fn the_image_of_the_fallback_rule_is_one_moment_of_the_database() {
    let mut fallbacks = 0;
    for seed in 1000..1080 {
        let (_directory, writer) = busy(seed, 12);
        let watched = watched(writer).with(|source| source.with_strict_limit(0, Duration::ZERO));
        let rule = is_a_moment(&watched);
        assert!(rule.is_some(), "seed {seed}");
        fallbacks += u32::from(rule == Some(ClosingRule::Fallback));
    }
    assert!(fallbacks > 0, "the rule was never used");
}

#[test]
fn without_the_closing_check_some_images_are_none() {
    let wrong = (0..150).filter(|seed| {
        let (_directory, writer) = busy(*seed, 5);
        let watched = watched(writer.without_closing_check());
        let capture = watched.try_capture_for(&mut NoHost);
        capture.is_ok_and(|capture| watched.moment_of(capture.image()).is_none())
    });
    let wrong = wrong.count();
    assert!(wrong > 5, "{wrong}: the test cannot fail");
}
