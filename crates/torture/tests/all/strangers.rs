//! What is made to hurt is refused or harmless.

use std::path::Path;

use stonekeep_testkit::skip;
use stonekeep_torture::budget::Budget;
use stonekeep_torture::strangers;

const TORTURE: &str = env!("CARGO_BIN_EXE_stonekeep-torture");

#[test]
fn what_is_made_to_hurt_is_refused_or_harmless() {
    if let Some(reason) = strangers::obstacle() {
        skip::because("what_is_made_to_hurt_is_refused_or_harmless", &reason).unwrap();
        return;
    }
    let report = strangers::run(Budget::trials(1, 20), Path::new(TORTURE));
    report.into_result().unwrap();
}

/// What was found once: sparse OPTIONS files were read as a whole (10915, 51685); SIGTERM did not end the reading of a MANIFEST of a
/// terabyte (51283), nor of a WAL of the target of a restore (52089).
#[test]
fn what_was_found_once_stays_mended() {
    if let Some(reason) = strangers::obstacle() {
        skip::because("what_was_found_once_stays_mended", &reason).unwrap();
        return;
    }
    for seed in [10_915, 51_685, 51_283, 52_089] {
        let report = strangers::run(Budget::trials(seed, 1), Path::new(TORTURE));
        report.into_result().unwrap();
    }
}
