//! The host of a capture of a database that is only looked at, without a repository.

use stonekeep_format::FileNumber;

use crate::image::{CaptureHost, ImageFile, NoHost};
use crate::{Finding, Result};

/// As [`NoHost`], but for what its two kinds need.
#[derive(Debug)]
pub(super) struct InspectingHost {
    holds_files: bool,
    /// What was passed over, where anything is.
    damage: Option<Vec<Finding>>,
}

impl InspectingHost {
    /// Holds no file open: there may be more than descriptors.
    pub(super) fn holding_nothing() -> Self {
        InspectingHost {
            holds_files: false,
            damage: None,
        }
    }

    /// Goes on with the other files, whatever is wrong.
    pub(super) fn passing_over_damage() -> Self {
        InspectingHost {
            holds_files: true,
            damage: Some(Vec::new()),
        }
    }

    /// What was passed over.
    pub(super) fn into_damage(self) -> Vec<Finding> {
        self.damage.unwrap_or_default()
    }
}

impl CaptureHost for InspectingHost {
    fn attempt(&self) -> u32 {
        NoHost.attempt()
    }

    fn is_last_attempt(&self) -> bool {
        NoHost.is_last_attempt()
    }

    fn check_database(&mut self, database_id: Option<&str>) -> Result<()> {
        NoHost.check_database(database_id)
    }

    fn needed(&mut self, files: &[ImageFile]) -> Result<Vec<bool>> {
        Ok(vec![self.holds_files; files.len()])
    }

    fn passes_over(&mut self, damaged: &[Finding]) -> bool {
        let Some(damage) = &mut self.damage else {
            return false;
        };
        damage.extend_from_slice(damaged);
        true
    }

    fn takes_early(&self) -> bool {
        NoHost.takes_early()
    }

    fn take(&mut self, files: &[ImageFile]) -> Result<Vec<FileNumber>> {
        NoHost.take(files)
    }
}
