//! The staging area of a copy, and what runs that did not end have staged.

use std::collections::{HashMap, HashSet};

use super::context::Context;
use super::source_backup::WantedFile;
use crate::repo::journal;
use crate::store::{self, Key, Store, Upload};
use crate::{Error, Result};

/// Areas of copies begin with it.
const PREFIX: &str = "copy-";

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Staging {
    /// The area of this run.
    pub(super) area: String,
    /// Areas of copies that did not end.
    earlier: Vec<String>,
    /// What all earlier runs have staged, backups too, by the keys that it is for.
    files: HashMap<Key, Vec<Upload>>,
    /// Keys under which the store may have an object that is not whole.
    doubtful: HashSet<Key>,
}

impl Staging {
    /// An area that there is not yet.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(super) fn begin(store: &Store) -> Result<Self> {
        let (mut files, mut runs) = (HashMap::<Key, Vec<Upload>>::new(), Vec::new());
        let mut doubtful = HashSet::new();
        for leftover in store.leftovers()? {
            doubtful.extend(leftover.doubtful);
            for upload in leftover.uploads {
                if !journal::is_part_of(&upload.key) {
                    files.entry(upload.key.clone()).or_default().push(upload);
                }
            }
            runs.push(leftover.run);
        }
        let mut names = (1u64..).map(|n| format!("{PREFIX}{n}"));
        let area = names.find(|name| !runs.contains(name));
        runs.retain(|run| run.starts_with(PREFIX));
        Ok(Staging {
            area: area.ok_or_else(|| Error::refused("no name is left for a staging area"))?,
            earlier: runs,
            files,
            doubtful,
        })
    }

    /// What an earlier run has staged of this file, all of it, for this key. No journal is needed: the source says which
    /// bytes are right.
    ///
    /// # Errors
    /// `Stopped`, and I/O errors of the store.
    pub(super) fn find(
        &self,
        context: &Context<'_>,
        wanted: &WantedFile,
        to: &Key,
    ) -> Result<Option<Upload>> {
        let Some(crc32c) = wanted.crc32c else {
            return Ok(None);
        };
        let staged = self.files.get(to).into_iter().flatten();
        for upload in staged.filter(|upload| upload.size_bytes == wanted.size_bytes) {
            let object = context.target().open_upload(upload)?;
            if store::checksum(object.as_ref(), to.as_str(), context.observer)? == crc32c {
                return Ok(Some(upload.clone()));
            }
        }
        Ok(None)
    }

    /// Whether what an earlier run has left under this key may not be whole, however it looks.
    pub(super) fn is_doubtful(&self, key: &Key) -> bool {
        self.doubtful.contains(key)
    }

    /// Forgets what has got its name.
    pub(super) fn forget(&mut self, published: &[Upload]) {
        for upload in published {
            if let Some(files) = self.files.get_mut(&upload.key) {
                files.retain(|file| file != upload);
            }
        }
    }

    /// Removes the areas of copies, this one's and earlier ones'. That it fails harms nothing; the next run tries again.
    pub(super) fn discard(&self, store: &Store) {
        for area in self.earlier.iter().chain([&self.area]) {
            if let Err(error) = store.discard(area) {
                tracing::warn!(reason = %error.one_line(), "the staging area could not be removed");
            }
        }
    }
}
