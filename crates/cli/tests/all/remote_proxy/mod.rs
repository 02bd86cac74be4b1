//! Histories of commands whose requests to a real S3 server fail in every way: see `remote.rs` for the variables.
//!
//! `STONEKEEP_PROXY_RUNS` says how many histories are tried, `STONEKEEP_PROXY_SEED` which is the first. A history that failed
//! is tried again with `STONEKEEP_PROXY_RUNS=1` and its seed. `STONEKEEP_PROXY_AT_ONCE` says how many run at a time.

mod history;
mod patient;
mod state;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use self::history::{History, Tally};
use crate::remote::Bucket;

/// How many histories are tried where nobody says otherwise.
const RUNS: u64 = 4;
const FIRST_SEED: u64 = 1;
/// Most of a history is waiting.
const AT_ONCE: u64 = 4;

fn number(variable: &str, default: u64) -> u64 {
    let value = std::env::var(variable).ok();
    value.and_then(|value| value.parse().ok()).unwrap_or(default)
}

#[test]
fn requests_that_fail_in_every_way_lose_no_backup() {
    let test = "requests_that_fail_in_every_way_lose_no_backup";
    if Bucket::of_test(test).is_none() {
        return;
    }
    let first = number("STONEKEEP_PROXY_SEED", FIRST_SEED);
    let end = first + number("STONEKEEP_PROXY_RUNS", RUNS);
    let (next, failed) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    let tally = Mutex::new(Tally::new());
    thread::scope(|scope| {
        for _ in 0..number("STONEKEEP_PROXY_AT_ONCE", AT_ONCE) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let bucket = Bucket::of_test(test).unwrap();
                    match catch_unwind(AssertUnwindSafe(|| History::new(&bucket, seed).play())) {
                        Ok(happened) => add(&mut tally.lock().unwrap(), happened),
                        Err(_) => failed.lock().unwrap().push(seed),
                    }
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap();
    for (what, times) in &tally {
        println!("{times:6} {what}");
    }
    let failed = failed.into_inner().unwrap();
    assert!(
        failed.is_empty(),
        "the histories of these seeds failed: {failed:?}"
    );
    assert!(tally.keys().any(|what| what.contains(": ")), "no request failed");
}

fn add(tally: &mut Tally, more: Tally) {
    for (what, times) in more {
        *tally.entry(what).or_default() += times;
    }
}
