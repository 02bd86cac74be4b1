//! What is known of one backup.

use std::sync::Arc;

use super::databases::DatabaseState;
use super::peek::Peek;
use super::stored_backup::whole;

/// What is known of a backup.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) state: Arc<DatabaseState>,
    /// What earlier backups of this id were made of, where another engine has given it again: those may be undeleted.
    pub(super) former: Vec<Arc<DatabaseState>>,
    /// Whether it is there, if nothing below makes that uncertain.
    pub(super) is_there: bool,
    /// How many verbs are under way that may delete it or bring it back.
    pub(super) under_way: u32,
    /// Such a verb has failed, and nobody knows what it has done.
    pub(super) is_unsure: bool,
    /// Another engine has made it: its id is claimed nowhere.
    pub(super) is_foreign: bool,
    /// Somebody was told that it is held.
    pub(super) is_held: bool,
    /// How often its state has changed, or may have.
    pub(super) changes: u32,
}

/// A backup, as it was when a command began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watched {
    pub(super) id: u32,
    pub(super) was_certain: bool,
    pub(super) was_gone: bool,
    pub(super) changes: u32,
}

impl Known {
    /// Whether it must be there now.
    pub(super) fn is_certain(&self) -> bool {
        self.is_there && (self.is_held || (self.under_way == 0 && !self.is_unsure))
    }

    /// What it may be made of.
    pub(super) fn states(&self) -> impl Iterator<Item = &Arc<DatabaseState>> {
        std::iter::once(&self.state).chain(&self.former)
    }

    pub(super) fn require_whole(&self, peek: &dyn Peek, id: u32) -> Result<(), String> {
        let Err(wrong) = whole(peek, id, &self.state) else {
            return Ok(());
        };
        if self.former.iter().any(|state| whole(peek, id, state).is_ok()) {
            return Ok(());
        }
        Err(format!("backup {id}: {wrong}"))
    }

    /// Whether it must not be there now.
    pub(super) fn is_gone(&self) -> bool {
        !self.is_there && self.under_way == 0 && !self.is_unsure
    }
}
