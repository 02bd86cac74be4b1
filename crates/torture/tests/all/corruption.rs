//! Damage to any kind of file is found, or does nothing.

use stonekeep_torture::budget::Budget;
use stonekeep_torture::corruption;

#[test]
fn damage_is_found_and_named() {
    let report = corruption::run(Budget::trials(1, 100));
    report.into_result().unwrap();
}

/// What was found once.
#[test]
fn the_next_backup_does_not_copy_a_wrong_checksum() {
    for seed in [1_855, 19_857] {
        let report = corruption::run(Budget::trials(seed, 1));
        report.into_result().unwrap();
    }
}
