//! The power fails on real file systems while the real command runs.

use stonekeep_testkit::skip;
use stonekeep_torture::budget::Budget;
use stonekeep_torture::power;

#[test]
fn a_power_failure_on_a_real_file_system_loses_nothing() {
    if let Some(reason) = power::obstacle() {
        skip::because("a_power_failure_on_a_real_file_system_loses_nothing", &reason).unwrap();
        return;
    }
    let report = power::run(Budget::trials(1, 3), power::Extent::Brief);
    report.into_result().unwrap();
}
