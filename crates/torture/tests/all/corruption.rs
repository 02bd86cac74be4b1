//! Damage to any kind of file is found, or does nothing.

use stonekeep_torture::budget::Budget;
use stonekeep_torture::corruption;

#[test]
fn damage_is_found_and_named() {
    let report = corruption::run(Budget::trials(1, 100));
    report.into_result().unwrap();
}
