//! Whether a writer reaches this directory as an object store: through a mount of the bucket (s3fs, rclone mount), lock and lease
//! do not see each other.
//!
//! Such a writer has an object below `stonekeep/leases/`, which it writes again every minute. Whoever has the lock looks there, and
//! gives it back if one was written lately by the local clock, which may differ from the store's by some minutes. This is a guard against
//! a mistake: a lease that is put after the look is not seen.

use std::io::Read;
use std::time::Duration;

use rustix::fs::OFlags;
use serde::Deserialize;

use crate::disk::{Tree, listing};
use crate::store::Key;
use crate::{Clock, Error, ErrorKind, Result};

const LEASES: &str = "stonekeep/leases";

/// A lease that was not renewed for so long is of a dead writer: twice the time after which others may take it.
const IS_DEAD_AFTER: Duration = Duration::from_secs(20 * 60);

const LEASE_LIMIT_BYTES: u64 = 64 << 10;

/// What a lease says of its holder.
#[derive(Deserialize)]
struct Lease {
    holder: String,
}

/// `Locked` if somebody writes there as into an object store.
pub(super) fn require_closed(tree: &Tree, clock: &dyn Clock) -> Result<()> {
    let leases = Key::trusted(LEASES);
    let now = clock.now();
    for entry in listing::list(tree, Some(&leases))? {
        let age = entry.modified.map(|modified| now.duration_since(modified));
        // One from the future was written by another clock, just now.
        let age = age.and_then(std::result::Result::ok).unwrap_or_default();
        if age >= IS_DEAD_AFTER {
            continue;
        }
        let Ok(key) = leases.join(&entry.name) else {
            continue;
        };
        let path = tree.path(Some(&key));
        let holder = holder(tree, &key).unwrap_or_else(|| "another process".to_owned());
        let message = format!(
            "{} is locked by {holder}, which writes into it as into an object store: {} was renewed {} s ago",
            tree.root_path().display(),
            path.display(),
            age.as_secs()
        );
        return Err(Error::new(ErrorKind::Locked, message).with_hint(
            "use a repository through one door only: as s3://… or as a directory; a copy of that file may be removed",
        ));
    }
    Ok(())
}

fn holder(tree: &Tree, key: &Key) -> Option<String> {
    let lease = tree.find_place(key).ok()??.open(OFlags::RDONLY).ok()??;
    let lease: Lease = serde_json::from_reader(lease.take(LEASE_LIMIT_BYTES)).ok()?;
    Some(lease.holder)
}
