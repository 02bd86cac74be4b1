//! Tables and blobs that were copied though their format is not known, for one warning about each format.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use stonekeep_format::file_name::DbFileName;

use super::ends::Ends;
use crate::image::ImageFile;
use crate::in_short::in_short;
use crate::{Result, Warning, WarningName};

/// The files by the reason to take their format for an unknown one.
#[derive(Debug, Default)]
pub(super) struct UnknownFormats(Mutex<BTreeMap<String, BTreeSet<DbFileName>>>);

impl UnknownFormats {
    /// Refuses a file that, by its ends, cannot be the table or blob of its name.
    ///
    /// # Errors
    /// As [`Ends::judge`].
    pub(super) fn judge(&self, ends: &Ends, image: &ImageFile) -> Result<()> {
        if let Some(format) = ends.judge(image)? {
            self.add(&image.name, format);
        }
        Ok(())
    }

    /// A file that has this of an unknown format.
    fn add(&self, name: &DbFileName, format: String) {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        files.entry(format).or_default().insert(name.clone());
    }

    /// The warnings about them.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        let files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let warn = |(format, names): (&String, &BTreeSet<DbFileName>)| {
            let message = format!(
                "{format}, so whether the content is damaged was not checked; a table factory of the application, or a \
                 newer RocksDB, may write such files"
            );
            let names: Vec<&DbFileName> = names.iter().collect();
            let about = match names.len() {
                1 => in_short(&names),
                count => format!("{count} files ({})", in_short(&names)),
            };
            Warning::about(WarningName::UnknownTableFormat, about, message)
        };
        files.iter().map(warn).collect()
    }
}
