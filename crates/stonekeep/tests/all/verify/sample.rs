//! A part of the files at a time: every byte is verified in so many runs, whatever happens between them.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use proptest::prelude::*;
use stonekeep::engine::verify::{FindingKind, Sample, VerifyOptions, VerifyReport, VerifyWhat};
use stonekeep::engine::{BackupEngine, BackupEngineReadOnly, Components};
use stonekeep::store::{Interceptor, Operation, Refusal, Store};
use stonekeep::{Clock, ErrorKind, Quiet, Result, StopSwitch, VerifyLevel, WarningName};
use stonekeep_testkit::database::DatabaseBuilder;
use stonekeep_testkit::fake_clock::FakeClock;
use stonekeep_testkit::faults::Faults;

use crate::support::scene::{Scene, id, key, memory, named, names, options, put};
use crate::verify::basics::{findings, flip};

const DAY: Duration = Duration::from_secs(86_400);

/// Remembers what is read of the files of backups, and may do something each time.
struct Reads {
    seen: Mutex<Vec<String>>,
    then: Box<dyn Fn() + Send + Sync>,
}

impl std::fmt::Debug for Reads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reads")
    }
}

impl Reads {
    fn new(then: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Reads {
            seen: Mutex::default(),
            then: Box::new(then),
        })
    }

    /// The tables that were read since this was last asked.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Interceptor for Reads {
    fn before(&self, operation: &Operation) -> std::result::Result<(), Refusal> {
        if let Operation::Open(key) = operation
            && key.as_str().ends_with(".sst")
        {
            self.seen.lock().unwrap().push(key.to_string());
            (self.then)();
        }
        Ok(())
    }
}

fn engine(store: &Store, clock: &Arc<FakeClock>) -> BackupEngineReadOnly {
    let components = Components::default().with_clock(Arc::clone(clock) as _);
    let engine = BackupEngineReadOnly::open(options(), store.clone()).unwrap();
    engine.with_components(components)
}

fn clock() -> Arc<FakeClock> {
    Arc::new(FakeClock::at_unix_seconds(1_800_000_000))
}

fn part(numerator: u64, denominator: u64) -> VerifyOptions {
    VerifyOptions::default().with_sample(Sample::Part {
        numerator,
        denominator,
    })
}

fn run(store: &Store, clock: &Arc<FakeClock>, how: &VerifyOptions) -> VerifyReport {
    let report = engine(store, clock).verify(VerifyWhat::All, how, &Quiet);
    report.unwrap()
}

/// A database with tables of these sizes.
fn scene(sizes: &[usize]) -> Scene {
    let mut scene = Scene::empty(DatabaseBuilder::new());
    for size in sizes {
        scene.database.add_tables(1, *size);
    }
    scene
}

/// All files that backups name, with their sizes.
fn all_files(store: &Store, backups: &[u32]) -> BTreeMap<String, u64> {
    let paths = backups.iter().flat_map(|backup| named(store, *backup));
    paths
        .map(|path| (path.clone(), store.stat(&key(&path)).unwrap().unwrap().size_bytes))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn so_many_runs_verify_every_byte(
        sizes in prop::collection::vec(700usize..20_000, 1..12),
        (numerator, denominator) in (1u64..5, 5u64..12),
        // Of earlier verifications of all files: how long ago they were, some in the future.
        earlier in prop::collection::vec(-3i64..3, 0..2),
        step in prop::sample::select(vec![Duration::ZERO, Duration::from_millis(1), DAY]),
    ) {
        let (scene, store, clock) = (scene(&sizes), memory(), clock());
        scene.create(&store).unwrap();
        for days in earlier {
            let seconds = 1_800_000_000 + days * 86_400;
            let other = Arc::new(FakeClock::at_unix_seconds(seconds.try_into().unwrap()));
            run(&store, &other, &VerifyOptions::default());
        }
        let files = all_files(&store, &[1]);
        let total: u64 = files.values().sum();
        let part_bytes = (total * numerator).div_ceil(denominator);
        let longest = files.values().max().copied().unwrap();
        let reads = Reads::new(|| {});
        let watched = store.intercepted_by(Arc::clone(&reads) as _);
        // Without the clock moving on, files that were read at the same moment cannot be told apart.
        clock.advance(step);
        let mut read: BTreeMap<String, u32> = BTreeMap::new();
        for _ in 0..denominator.div_ceil(numerator) {
            clock.advance(step.max(Duration::from_millis(1)));
            let report = run(&watched, &clock, &part(numerator, denominator));
            prop_assert!(report.is_clean() && report.warnings.is_empty());
            prop_assert!(report.bytes_checked >= part_bytes.min(total));
            prop_assert!(report.bytes_checked < part_bytes + longest, "{} of {total}", report.bytes_checked);
            prop_assert_eq!(report.files_checked + report.files_left, files.len() as u64);
            prop_assert_eq!(report.bytes_checked + report.bytes_left, total);
            for table in reads.take() {
                *read.entry(table).or_default() += 1;
            }
        }
        for (path, size) in files.iter().filter(|(path, _)| path.ends_with(".sst")) {
            prop_assert!(*size == 0 || read.contains_key(path), "{path} was not read: {read:?}");
        }
        prop_assert_eq!(names(&store, "stonekeep/verified").len(), 1);
    }
}

#[test]
fn the_oldest_verified_file_is_known_after_each_run() {
    let (scene, store, clock) = (scene(&[10_000; 6]), memory(), clock());
    scene.create(&store).unwrap();
    let total: u64 = all_files(&store, &[1]).values().sum();
    let mut never = total;
    for day in 0..3 {
        let report = run(&store, &clock, &part(1, 3));
        let before = never;
        never = report.never_verified_bytes.unwrap();
        assert!(
            never < before && never >= before.saturating_sub(report.bytes_checked),
            "day {day}"
        );
        assert_eq!(report.oldest_verified_seconds.is_some(), never == 0);
        clock.advance(DAY);
    }
    assert_eq!(never, 0);
    // The files of the first day are read on the fourth, so those of the second are the oldest.
    let report = run(&store, &clock, &part(1, 3));
    assert_eq!(report.oldest_verified_seconds, Some(1_800_000_000 + 86_400));
    let report = run(&store, &clock, &VerifyOptions::default());
    assert_eq!(report.oldest_verified_seconds, Some(1_800_000_000 + 3 * 86_400));
    assert_eq!((report.files_left, report.never_verified_bytes), (0, Some(0)));
}

#[test]
fn files_that_come_and_go_keep_no_other_one_waiting() {
    let (mut scene, store, clock) = (scene(&[10_000; 12]), memory(), clock());
    scene.create(&store).unwrap();
    for backup in 2..40 {
        clock.advance(DAY);
        scene.database.add_tables(1, 4_000);
        scene.create(&store).unwrap();
        let writer = BackupEngine::open(options(), store.clone()).unwrap();
        writer.purge_old_backups(3, &Quiet).unwrap();
        let report = run(&store, &clock, &part(1, 5));
        assert!(report.is_clean());
        if backup > 10 {
            let oldest = report.oldest_verified_seconds.expect("new files come first");
            let now = clock
                .now()
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap()
                .as_secs();
            let days = (now - u64::try_from(oldest).unwrap()) / 86_400;
            assert!(days <= 7, "a file was not verified for {days} days");
        }
    }
    // Stamps of files that are gone are gone.
    let text = names(&store, "stonekeep/verified").into_iter().next().unwrap();
    let text = store
        .read(&key(&format!("stonekeep/verified/{text}")), 1 << 20)
        .unwrap();
    let stamps = String::from_utf8(text).unwrap().lines().count() - 2;
    assert_eq!(stamps, all_files(&store, &[37, 38, 39]).len());
}

#[test]
fn a_limit_in_time_stops_between_files_and_the_next_run_goes_on() {
    let (scene, inner, clock) = (scene(&[1_000; 8]), memory(), clock());
    scene.create(&inner).unwrap();
    let slow = Arc::clone(&clock);
    let reads = Reads::new(move || slow.advance(Duration::from_secs(240)));
    let store = inner.intercepted_by(Arc::clone(&reads) as _);
    let how = VerifyOptions::default().with_max_duration(Duration::from_secs(600));
    let mut read = Vec::new();
    for _ in 0..3 {
        let report = run(&store, &clock, &how);
        assert!(report.is_clean());
        assert_eq!(
            report.files_checked + report.files_left,
            named(&inner, 1).len() as u64
        );
        read.extend(reads.take());
    }
    // Begun at 0, 240 and 480 seconds, in each of the runs.
    assert!(read.len() >= 8, "{read:?}");
    read.sort();
    read.dedup();
    assert_eq!(read.len(), 8);
    // A file that takes longer than there is time is read all the same.
    let how = VerifyOptions::default().with_max_duration(Duration::ZERO);
    for _ in 0..20 {
        assert_eq!(run(&store, &clock, &how).files_checked, 1);
    }
    reads.take();
    let both = how.with_sample(Sample::Bytes(1));
    assert_eq!(run(&store, &clock, &both).files_checked, 1);
}

#[test]
fn damage_is_reported_until_it_is_healed_also_where_the_file_is_not_read() {
    let (scene, store, clock) = (scene(&[5_000; 8]), memory(), clock());
    scene.create(&store).unwrap();
    let paths = named(&store, 1);
    let mut tables = paths.iter().filter(|path| path.ends_with(".sst"));
    let (first, missing) = (tables.next().unwrap(), tables.next().unwrap());
    flip(&store, first);
    let right = store.read(&key(missing), 1 << 20).unwrap();
    store.delete_one(&key(missing)).unwrap();
    let wanted = [
        (FindingKind::WrongChecksum, first.as_str(), vec![1]),
        (FindingKind::Missing, missing.as_str(), vec![1]),
    ];
    // The first table is among the first files; what is missing is found in every run.
    for day in 0..12 {
        let report = run(&store, &clock, &part(1, 4));
        assert_eq!(findings(&report), wanted, "day {day}");
        assert!(report.files_left > 0);
        clock.advance(DAY);
    }
    // One file at a time: the damaged one is known, and not read.
    let one = VerifyOptions::default().with_max_duration(Duration::ZERO);
    let report = run(&store, &clock, &one);
    assert_eq!(findings(&report), wanted);
    let reasons: Vec<&str> = report
        .findings
        .iter()
        .map(|finding| finding.reason.as_str())
        .collect();
    assert!(
        reasons[0].ends_with("as an earlier verification found"),
        "{reasons:?}"
    );
    flip(&store, first);
    put(&store, missing, &right);
    let report = run(&store, &clock, &part(1, 4));
    assert!(report.is_clean(), "{:?}", report.findings);
    assert!(run(&store, &clock, &one).is_clean());
}

#[test]
fn what_was_verified_before_a_stop_is_remembered() {
    let (scene, inner, clock) = (scene(&[1_000; 8]), memory(), clock());
    scene.create(&inner).unwrap();
    let switch = StopSwitch::new();
    let (stop, count) = (switch.clone(), Arc::new(Mutex::new(0)));
    let counted = Arc::clone(&count);
    let reads = Reads::new(move || {
        let mut count = counted.lock().unwrap();
        *count += 1;
        if *count == 6 {
            stop.stop();
        }
    });
    let store = inner.intercepted_by(Arc::clone(&reads) as _);
    let stopped = engine(&store, &clock).verify(VerifyWhat::All, &VerifyOptions::default(), &switch);
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Stopped);
    let before = reads.take();
    clock.advance(DAY);
    let three = VerifyOptions::default().with_sample(Sample::Bytes(3_000));
    let report = run(&store, &clock, &three);
    assert!(report.is_clean());
    let after = reads.take();
    // The one that was not read to its end is read again.
    assert!(
        before[..5].iter().all(|path| !after.contains(path)),
        "{before:?} {after:?}"
    );
    assert!(after.contains(&before[5]));
}

#[test]
fn a_place_that_cannot_be_written_is_verified_with_one_warning() {
    let (scene, inner, clock) = (scene(&[1_000; 3]), memory(), clock());
    scene.create(&inner).unwrap();
    #[derive(Debug)]
    struct ReadOnly;
    impl Interceptor for ReadOnly {
        fn before(&self, operation: &Operation) -> std::result::Result<(), Refusal> {
            if operation.is_change() {
                return Faults::refuse("x", io::ErrorKind::Other)
                    .look("x")
                    .map_err(Refusal::Fails);
            }
            Ok(())
        }
    }
    let store = inner.intercepted_by(Arc::new(ReadOnly));
    for how in [VerifyOptions::default(), part(1, 2)] {
        let report = run(&store, &clock, &how);
        assert!(report.is_clean());
        let warnings: Vec<WarningName> = report.warnings.iter().map(|warning| warning.name).collect();
        assert_eq!(warnings, [WarningName::NotRemembered]);
    }
    let quiet = VerifyOptions::default().with_stamps(false);
    assert_eq!(run(&store, &clock, &quiet).warnings, []);
    assert!(names(&inner, "stonekeep/verified").is_empty());
}

#[test]
fn verifying_as_rocksdb_does_writes_nothing() {
    let (scene, store) = (scene(&[1_000; 3]), memory());
    scene.create(&store).unwrap();
    let before = crate::support::scene::files(&store);
    crate::support::scene::verify(&store);
    let sizes = VerifyOptions::default().with_level(VerifyLevel::Size);
    run(&store, &clock(), &sizes);
    assert_eq!(crate::support::scene::files(&store), before);
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let (scene, store, clock) = (scene(&[1_000]), memory(), clock());
    scene.create(&store).unwrap();
    let refused =
        |how: VerifyOptions| -> Result<VerifyReport> { engine(&store, &clock).verify(id(1), &how, &Quiet) };
    for wrong in [
        part(0, 7),
        part(8, 7),
        VerifyOptions::default().with_sample(Sample::Bytes(0)),
        part(1, 7).with_level(VerifyLevel::Size),
    ] {
        assert_eq!(refused(wrong).unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
}
