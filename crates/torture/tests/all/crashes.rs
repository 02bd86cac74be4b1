//! A run that is killed harms nothing, and the next one ends what it began.

use stonekeep_torture::budget::Budget;
use stonekeep_torture::crashes;

#[test]
fn a_killed_run_harms_nothing() {
    let report = crashes::run(Budget::trials(1, 100));
    report.into_result().unwrap();
}

#[test]
fn a_run_takes_over_from_one_that_was_killed() {
    let report = crashes::run_takeovers(Budget::trials(1, 4));
    report.into_result().unwrap();
}
