//! Tries what a store promises, below a directory of its own, which it removes.
//!
//! [`Store::check`] tries what every store must do by the operations that a backup uses; the backend adds what only it can
//! try. Whatever is found, the last step removes every file that was written; only a process that is killed leaves some in
//! `stonekeep/check/`.

mod tries;

use std::io;

use self::tries::{DIRECTORY, Tries};
pub use super::promise::{Promise, Verdict};
use super::{Store, Uploads, new_pin_name};
use crate::{Error, ErrorKind, Key, Observer, Result, Warning};

/// What [`Store::check`] has found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct StoreCheck {
    /// The store.
    pub location: String,
    /// Each promise, in the order in which they were tried.
    pub promises: Vec<Promise>,
    /// What else should be known of the place.
    pub warnings: Vec<Warning>,
}

impl StoreCheck {
    /// Whether nothing was found that makes repositories unsafe there.
    pub fn is_usable(&self) -> bool {
        self.promises
            .iter()
            .all(|promise| promise.verdict != Verdict::Broken)
    }
}

/// A step that these credentials may not do.
fn denied(error: &Error) -> Promise {
    Promise::new("permissions", Verdict::Broken, error.one_line()).with_consequence(
        "backups need the permissions to list, read, write and delete; restores those to list and read",
    )
}

impl Store {
    /// Tries what the store promises. The repository in it, if there is one, is not touched, and others may use it meanwhile.
    ///
    /// # Errors
    /// `Unsupported` for a store that can only be read, `NotFound` for a directory that does not exist, `Stopped`, and I/O errors
    /// of the store where nothing can be tried. What was written is removed in each case.
    pub fn check(&self, observer: &dyn Observer) -> Result<StoreCheck> {
        if !self.traits().lists {
            let message = format!("{} can only be read: there is nothing to try", self.location());
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        // Object stores have no directories.
        if self.traits().uploads != Uploads::Named && !self.exists()? {
            let message = format!("there is no directory {}", self.location());
            return Err(Error::not_found(message).with_hint("make it first"));
        }
        // Without this nothing else is worth a try.
        self.names(None)?;
        let random = new_pin_name();
        let below = Key::new(DIRECTORY)?.join(&random)?;
        let should_stop = || observer.should_stop();
        let mut tries = Tries::new(self, below.clone(), format!("check-{random}"), &should_stop);
        let tried = match tries.all() {
            Ok(mut promises) => self.backend.examine(&below, &should_stop).map(|found| {
                promises.extend(found);
                promises
            }),
            // Whoever asks wants to know which permission is missing, and may have no other.
            Err(error) if error.io_kind() == Some(io::ErrorKind::PermissionDenied) => {
                Ok(vec![denied(&error)])
            }
            Err(error) => Err(error),
        };
        let removed = tries.remove_all();
        let mut promises = tried?;
        promises.push(removed);
        Ok(StoreCheck {
            location: self.location().to_owned(),
            promises,
            warnings: self.warnings(),
        })
    }
}
