//! What this process has uploaded in runs that go on, to see whether it is still there.
//!
//! A completion of a process that has died may arrive late, and another program may write under the same key. Then the store lists
//! an object with another ETag than the one that it gave to our upload. Not every store shows an ETag in one form, so that
//! such an object is asked for its token before that counts.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use object_store::ObjectMeta;
use object_store::path::Path;

use super::single_put::Receipt;

/// The uploads of each run.
#[derive(Debug, Default)]
pub(super) struct Uploaded {
    runs: Mutex<HashMap<String, HashMap<Path, Receipt>>>,
}

impl Uploaded {
    pub(super) fn note(&self, run: &str, path: &Path, receipt: Receipt) {
        let mut runs = self.runs();
        match runs.get_mut(run) {
            Some(uploads) => drop(uploads.insert(path.clone(), receipt)),
            None => drop(runs.insert(run.to_owned(), HashMap::from([(path.clone(), receipt)]))),
        }
    }

    pub(super) fn forget(&self, run: &str) {
        self.runs().remove(run);
    }

    /// The receipt of an upload, if the store lists another object in its place.
    pub(super) fn changed(&self, listed: &ObjectMeta) -> Option<Receipt> {
        let runs = self.runs();
        let receipt = runs.values().find_map(|uploads| uploads.get(&listed.location))?;
        let is_same = match (&receipt.e_tag, &listed.e_tag) {
            (Some(ours), Some(there)) => unquoted(ours) == unquoted(there),
            _ => true,
        };
        (!is_same || receipt.size_bytes != listed.size).then(|| receipt.clone())
    }

    fn runs(&self) -> MutexGuard<'_, HashMap<String, HashMap<Path, Receipt>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Azure quotes it in answers and not in listings.
fn unquoted(e_tag: &str) -> &str {
    e_tag.trim_start_matches("W/").trim_matches('"')
}
