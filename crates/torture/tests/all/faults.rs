//! An operation that fails harms nothing, and is told.

use stonekeep_torture::budget::Budget;
use stonekeep_torture::faults;

#[test]
fn a_failed_operation_harms_nothing() {
    let report = faults::run(Budget::trials(1, 100));
    report.into_result().unwrap();
}
