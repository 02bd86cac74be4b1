//! Where staged files lie under the root, for stores that keep them beside the visible ones.

use super::Key;
use crate::{Error, Result};

/// The directory of all areas.
pub(super) const STAGING: &str = "stonekeep/tmp";

/// The directory of what runs write down about themselves, where their files are visible as soon as they are uploaded.
pub(super) const RUNS: &str = "stonekeep/runs";

/// The directory of one run's records.
pub(super) fn run_key(run: &str) -> Result<Key> {
    in_directory(RUNS, run)
}

/// A record of a run as the store keeps it.
pub(super) fn record_key(run: &str, name: &Key) -> Result<Key> {
    Ok(below(&run_key(run)?, name))
}

/// The directory of one area.
pub(super) fn area_key(area: &str) -> Result<Key> {
    in_directory(STAGING, area)
}

fn in_directory(directory: &str, area: &str) -> Result<Key> {
    if area.contains('/') {
        return Err(Error::invalid(format!("{area:?} is no name for an area")));
    }
    Key::new(format!("{directory}/{area}"))
}

/// A staged file as the store keeps it.
pub(super) fn staged_key(area: &str, key: &Key) -> Result<Key> {
    Ok(below(&area_key(area)?, key))
}

fn below(area: &Key, key: &Key) -> Key {
    Key::trusted([area.as_str(), "/", key.as_str()].concat())
}
