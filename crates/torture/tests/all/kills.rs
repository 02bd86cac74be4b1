//! The real command is killed before its system calls, and harms nothing.

use stonekeep_testkit::skip;
use stonekeep_torture::budget::Budget;
use stonekeep_torture::kills;

#[test]
fn a_killed_command_harms_nothing() {
    if let Some(reason) = kills::obstacle() {
        skip::because("a_killed_command_harms_nothing", &reason).unwrap();
        return;
    }
    kills::run(Budget::trials(1, 16)).into_result().unwrap();
}
