//! The contract of [`stonekeep::store`] as checks that every store must pass.

#![expect(clippy::unwrap_used, reason = "a check fails by panicking")]

mod directories;
mod files;
mod holding;
mod named;
mod place;
mod staging;

use stonekeep::store::Uploads;

use self::place::Check;
pub use self::place::{Place, runs, uploads};

/// Runs every check that concerns this kind of store on a place of its own, which `fresh` makes: empty, without a root.
///
/// # Panics
/// Where a check fails; it names the check.
pub fn run(fresh: impl Fn() -> Place) {
    run_on_files(&fresh);
    run_checks(&fresh, holding::CHECKS);
}

/// Runs the checks on the lease and on pins alone.
///
/// # Panics
/// Where a check fails; it names the check.
pub fn run_on_holding(fresh: impl Fn() -> Place) {
    run_checks(&fresh, holding::CHECKS);
}

/// Runs the checks on files alone: without the lease and pins.
///
/// # Panics
/// Where a check fails; it names the check.
pub fn run_on_files(fresh: impl Fn() -> Place) {
    let of_kind = match fresh()().traits().uploads {
        Uploads::Named => [named::CHECKS, &[]],
        _ => [staging::CHECKS, directories::CHECKS],
    };
    run_checks(&fresh, files::CHECKS);
    for checks in of_kind {
        run_checks(&fresh, checks);
    }
}

fn run_checks(fresh: impl Fn() -> Place, checks: &[(&str, Check)]) {
    for &(sentence, check) in checks {
        let place = fresh();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&place)));
        assert!(outcome.is_ok(), "the store does not keep this: {sentence}");
    }
}
