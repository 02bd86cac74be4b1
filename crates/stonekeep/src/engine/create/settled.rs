//! What is settled of tables and blobs before there is a plan: that they are stored, or have been copied.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::TableIdentity;

use super::plan::{Action, PlanFile};
use crate::image::ImageFile;

/// See the [module](self).
#[derive(Default)]
pub(super) struct Settled {
    /// Boxed: of a large database there are many, and one huge table would find no place in what was freed before.
    by_name: HashMap<DbFileName, Box<(Option<TableIdentity>, PlanFile)>, RandomState>,
}

impl Settled {
    /// What is to be done for this file.
    pub(super) fn insert(&mut self, file: &ImageFile, planned: PlanFile) {
        let settled = Box::new((file.table, planned));
        self.by_name.insert(file.name.clone(), settled);
    }

    /// What is known of this very file.
    pub(super) fn get(&self, file: &ImageFile) -> Option<&PlanFile> {
        let (table, planned) = &**self.by_name.get(&file.name)?;
        (planned.size_bytes == file.size_bytes && *table == file.table).then_some(planned)
    }

    /// The same, for the plan. What is stored is asked for anew if there is another attempt.
    pub(super) fn take(&mut self, file: &ImageFile) -> Option<PlanFile> {
        match self.get(file)?.action {
            Action::Taken { .. } => self.get(file).cloned(),
            _ => self.by_name.remove(&file.name).map(|settled| settled.1),
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.by_name.clear();
    }

    /// Gives back the room of what was taken.
    pub(super) fn shrink_to_fit(&mut self) {
        self.by_name.shrink_to_fit();
    }
}
