//! The real command is killed before its system calls, and harms nothing.

use stonekeep_testkit::server::BUCKET;
use stonekeep_testkit::skip;
use stonekeep_torture::budget::Budget;
use stonekeep_torture::kills;

/// Whether it can run; notes why not.
fn can_run(test: &str) -> std::io::Result<bool> {
    match kills::obstacle() {
        Some(reason) => skip::because(test, &reason).map(|()| false),
        None => Ok(true),
    }
}

#[test]
fn a_killed_command_harms_nothing() {
    if can_run("a_killed_command_harms_nothing").unwrap() {
        kills::run(Budget::trials(1, 12)).into_result().unwrap();
    }
}

#[test]
fn a_killed_command_harms_nothing_in_a_bucket() {
    let test = "a_killed_command_harms_nothing_in_a_bucket";
    let needed = format!("needs an S3 server: {BUCKET}=s3://BUCKET and its AWS_… variables");
    match std::env::var(BUCKET).unwrap_or_default().as_str() {
        // This machine can have none.
        "none" => eprintln!("skipped: {test}: {needed}"),
        "" => skip::because(test, &needed).unwrap(),
        _ if can_run(test).unwrap() => {
            let report = kills::run_in_bucket(Budget::trials(1, 4));
            report.into_result().unwrap();
        }
        _ => {}
    }
}
