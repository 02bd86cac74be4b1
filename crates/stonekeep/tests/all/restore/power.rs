//! Restores during which the power fails, at every single step: what is found afterwards, and what the next run makes of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use stonekeep::engine::{RestoreMode, RestoreOptions};
use stonekeep_testkit::step_sample::StepSample;

use crate::restore::crash::Case;
use crate::restore::forgetful_disk::{FileSync, ForgetfulDisk};

/// Chances that are the same each time.
struct Luck(u64);

impl Luck {
    fn is_good(&mut self) -> bool {
        // Knuth's linear congruential generator; its upper bits are the good ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 63 == 1
    }
}

/// Without a seed nothing is there that was not durable.
fn power_fails(case: &Case, syncs: FileSync, step: usize, seed: Option<u64>) -> (PathBuf, ForgetfulDisk) {
    let place = case.fresh("run");
    let disk = ForgetfulDisk::new(&place, syncs, step);
    let _ = case.restore(&disk, &place);
    let mut luck = Luck(seed.unwrap_or_default().wrapping_add(step as u64));
    disk.lose_power(|| seed.is_some() && luck.is_good());
    (place, disk)
}

/// Takes the power away before the steps of a sample, or before all, and after the last one.
fn assert_steps(case: &Case, syncs: FileSync, seed: Option<u64>, test: &str) {
    let (place, disk) = power_fails(case, syncs, usize::MAX, seed);
    case.assert_restored(&place);
    let names = disk.steps();
    let sample = StepSample::new(test, &names);
    for step in sample.steps() {
        let when = format!(
            "no power before step {step}, {}; seed {seed:?}, {}",
            names[step - 1],
            sample.describe()
        );
        case.assert_both_ways_out(&|| power_fails(case, syncs, *step, seed).0, &when);
    }
}

#[test]
fn after_a_power_failure_a_restore_can_be_finished_or_aborted() {
    let case = Case::new(RestoreOptions::default(), false, true);
    assert_steps(&case, FileSync::Content, None, "nothing else is there");
    assert_steps(&case, FileSync::Content, Some(17), "some is there");
}

#[test]
fn after_a_power_failure_a_restore_of_application_files_can_be_finished_or_aborted() {
    let case = Case::with_included(RestoreOptions::default(), true);
    assert_steps(&case, FileSync::Content, None, "files of the application");
}

#[test]
fn after_a_power_failure_a_restore_with_a_wal_dir_can_be_finished_or_aborted() {
    let case = Case::new(RestoreOptions::default(), true, true);
    assert_steps(&case, FileSync::Content, None, "a WAL directory");
}

#[test]
fn after_a_power_failure_a_restore_that_keeps_files_can_be_finished_or_aborted() {
    let options = RestoreOptions::default().with_mode(RestoreMode::VerifyChecksum);
    let case = Case::new(options, false, true);
    assert_steps(&case, FileSync::Everything, Some(17), "kept files");
}

#[test]
fn the_power_tests_fail_on_a_disk_whose_syncs_do_nothing() {
    let case = Case::new(RestoreOptions::default(), false, true);
    let is_sound = |seed: u64| {
        let place = power_fails(&case, FileSync::Nothing, usize::MAX, Some(seed)).0;
        catch_unwind(AssertUnwindSafe(|| case.assert_sound(&place, "a lie"))).is_ok()
    };
    assert!((0..20).any(|seed| !is_sound(seed)));
}
