//! The contract of [`stonekeep::store`] as checks that every store must pass.

#![expect(clippy::unwrap_used, reason = "a check fails by panicking")]

mod files;
mod holding;
mod named;
mod place;
mod staging;

use stonekeep::store::Uploads;

pub use self::place::{Place, runs, uploads};

/// Runs every check that concerns this kind of store on a place of its own, which `fresh` makes: empty, without a root.
///
/// # Panics
/// Where a check fails; it names the check.
pub fn run(fresh: impl Fn() -> Place) {
    let uploads = match fresh()().traits().uploads {
        Uploads::Named => named::CHECKS,
        _ => staging::CHECKS,
    };
    for checks in [files::CHECKS, uploads, holding::CHECKS] {
        for &(sentence, check) in checks {
            let place = fresh();
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&place)));
            assert!(outcome.is_ok(), "the store does not keep this: {sentence}");
        }
    }
}
