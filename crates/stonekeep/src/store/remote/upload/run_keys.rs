//! Where marks and probes of a run lie, beside its records.

use super::stamp::Token;
use crate::store::staging::run_key;
use crate::{Key, Result};

/// The directories in a run's that have no records of it.
pub(super) const MARKS: &str = "marks";
pub(super) const PROBES: &str = "probes";

pub(super) fn mark_key(run: &str, token: &Token) -> Result<Key> {
    run_key(run)?.join(MARKS)?.join(token.as_str())
}

/// The key of an object that is there to ask the store something.
pub(super) fn probe_key(run: &str, token: &Token) -> Result<Key> {
    run_key(run)?.join(PROBES)?.join(token.as_str())
}
