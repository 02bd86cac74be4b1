//! Marks: the objects that say which completions may not have been answered.
//!
//! A mark is `stonekeep/runs/<run>/marks/<token>`, written before a completion is sent and removed when it was answered. Each is
//! an object of its own, since stores limit how often one is written.

use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::requests::Requests;
use super::run_keys::mark_key;
use super::stamp::Token;
use crate::{Error, Key, Result};

/// The longest mark that is read: a key and an id.
pub(super) const LIMIT_BYTES: u64 = 64 << 10;

/// What a mark says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The key of the file.
    pub(super) key: String,
    /// The length of the whole object.
    pub(super) size_bytes: u64,
    /// What an abort has to name; empty if the store has no ids.
    pub(super) upload_id: String,
    /// The token in the object's metadata.
    pub(super) token: String,
}

impl Mark {
    pub(super) fn parse(at: &Key, bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes)
            .map_err(|error| Error::corrupt(at.as_str(), format!("it is not a mark of an upload: {error}")))
    }
}

impl Requests {
    /// Where the mark of this token lies.
    pub(super) fn mark_path(&self, run: &str, token: &Token) -> Result<Path> {
        self.paths.of(Some(&mark_key(run, token)?))
    }

    /// Writes a mark. On return it is there.
    pub(super) async fn put_mark(&self, at: &Path, mark: &Mark) -> object_store::Result<()> {
        let text = serde_json::to_vec(mark).map_err(|error| object_store::Error::Generic {
            store: "mark",
            source: error.into(),
        })?;
        self.put_until_certain(at, text.into(), None, false)
            .await
            .map(drop)
    }

    /// Removes an object of this run that nothing refers to. One that stays is removed with the run.
    pub(super) async fn remove_own(&self, at: &Path) {
        if let Err(error) = self.delete_path(at).await {
            let error = super::super::errors::without_secrets(&error.to_string());
            tracing::debug!(%at, %error, "an object of the run stays until the run is removed");
        }
    }
}
