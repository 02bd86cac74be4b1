//! A run that is killed harms nothing, and the next one ends what it began.

use stonekeep_torture::budget::Budget;
use stonekeep_torture::crashes;

#[test]
fn a_killed_run_harms_nothing() {
    let report = crashes::run(Budget::trials(1, 100));
    report.into_result().unwrap();
}
