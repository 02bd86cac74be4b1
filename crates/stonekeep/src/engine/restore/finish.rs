//! Steps R3 to R7 of a restore whose record is written, and the end of an abort that was interrupted.

use super::context::RestoreContext;
use super::record::RestoreRecord;
use super::switchover::EarlierMoves;
use crate::{Error, Phase, Result, Warning, WarningName};

impl RestoreContext<'_> {
    /// R3 to R6.
    pub(super) fn finish(&self, record: &RestoreRecord, earlier: EarlierMoves) -> Result<()> {
        self.switchover().go_forward(record, earlier).map_err(|error| {
            let message = format!(
                "the restore into {} is not finished: nothing opens there until it is",
                self.targets.db().path().display()
            );
            Error::new(error.kind(), message)
                .with_hint("run it again, or take it back with abort_restore (restore --abort)")
                .with_source(error)
        })
    }

    /// R7. The restore is done whatever comes of it.
    pub(super) fn clean_up(&self, record: &RestoreRecord) -> Option<Warning> {
        self.begin_phase(Phase::Collecting);
        let error = self.switchover().clean(Some(record)).err()?;
        let place = self.targets.db().staging().to_string();
        let message = format!(
            "the restore is complete, but not all of the old state could be removed: {}",
            error.one_line()
        );
        Some(Warning::about(WarningName::NotCleanedUp, place, message))
    }

    pub(super) fn finish_abort(&self, record: Option<RestoreRecord>) -> Result<()> {
        let db = self.targets.db();
        if let Some(record) = record {
            self.switchover().go_back(&record)?;
        }
        self.switchover().forget_record()?;
        self.disk.remove(&db.staged("aborting"))?;
        self.disk.sync_directory(&db.staging())
    }
}
