//! "Create only if absent", as far as a store has it.
//!
//! Each put to a key that must be free carries the condition. A store that honours it refuses a key that is taken; one that
//! ignores it writes; one that does not know it says so, and gets no such request again. Nothing relies on it alone: a key that
//! matters is looked at under the lease before.

use std::sync::atomic::{AtomicBool, Ordering};

use object_store::{Error, PutMode};

use super::super::answer::is_unsupported;

/// What is known of the store.
#[derive(Debug, Default)]
pub(super) struct Creates {
    unknown: AtomicBool,
}

impl Creates {
    /// How to put to a key, which must be free if `create`.
    pub(super) fn mode(&self, create: bool) -> PutMode {
        if create && !self.unknown.load(Ordering::Relaxed) {
            PutMode::Create
        } else {
            PutMode::Overwrite
        }
    }

    /// Notes it if this error says that the store does not know the condition. Then the put is to be repeated, without it.
    pub(super) fn note_unknown(&self, mode: &PutMode, error: &Error) -> bool {
        let is_unknown = *mode == PutMode::Create && is_unsupported(error);
        if is_unknown {
            tracing::debug!("the store cannot create an object only if it is absent");
            self.unknown.store(true, Ordering::Relaxed);
        }
        is_unknown
    }
}
