//! Files of the source under their keys in the target: staged first, then published as one batch.

use super::context::Context;
use super::copy_file::copy;
use super::report::CopiedFiles;
use super::shared_files::has_content;
use super::source_backup::WantedFile;
use super::staging::Staging;
use crate::engine::transfer::Meter;
use crate::parallel::run_bounded;
use crate::store::{Held, Key, Persist, PutMode, Upload};
use crate::{Error, Result};

/// A file with the key that it gets.
pub(super) type Placed<'b> = (&'b WantedFile, Key);

/// Whether a file may take the place of another one, which has got its key meanwhile.
pub(super) type MayReplace<'f> = &'f dyn Fn(&WantedFile) -> Result<()>;

/// See the [module](self).
pub(super) struct PutFiles<'r, 'a> {
    pub(super) context: Context<'a>,
    pub(super) lock: &'r Held,
    pub(super) staging: &'r mut Staging,
    pub(super) meter: &'r Meter<'a>,
}

/// A file in an area of the target.
struct StagedFile<'b> {
    wanted: &'b WantedFile,
    upload: Upload,
    resumed: bool,
}

impl PutFiles<'_, '_> {
    /// Copies files that the target does not have, or that replace what it has.
    ///
    /// # Errors
    /// Those of copying a file; `Locked` if the lock is lost; those of `may_replace`.
    pub(super) fn put(
        &mut self,
        files: Vec<Placed<'_>>,
        mode: PutMode,
        may_replace: MayReplace<'_>,
    ) -> Result<CopiedFiles> {
        let mut counts = CopiedFiles::default();
        if files.is_empty() {
            return Ok(counts);
        }
        let staged = self.stage(files, mode)?;
        for (file, _) in &staged {
            if file.resumed {
                counts.resumed(file.wanted.size_bytes);
            } else {
                counts.copied(file.wanted.size_bytes);
            }
        }
        self.lock.check()?;
        self.publish(staged, mode, may_replace)?;
        Ok(counts)
    }

    /// Copies files to the area, or finds them in those of earlier runs.
    fn stage<'b>(&self, files: Vec<Placed<'b>>, mode: PutMode) -> Result<Vec<(StagedFile<'b>, Key)>> {
        let (context, staging) = (&self.context, &*self.staging);
        run_bounded(context.workers(), files, |(wanted, key)| {
            let (upload, resumed) = match staging.find(context, wanted, &key)? {
                Some(upload) => {
                    self.meter.skip(wanted.size_bytes);
                    (upload, true)
                }
                None => (
                    copy(context, &staging.area, wanted, (&key, mode), self.meter)?,
                    false,
                ),
            };
            self.meter.file_done();
            let file = StagedFile {
                wanted,
                upload,
                resumed,
            };
            Ok((file, key))
        })
    }

    /// Gives staged files their names. One whose name is taken is compared with what is there.
    fn publish(
        &mut self,
        staged: Vec<(StagedFile<'_>, Key)>,
        mode: PutMode,
        may_replace: MayReplace<'_>,
    ) -> Result<()> {
        let (store, durability) = (self.context.target(), self.context.durability());
        let batch = staged
            .iter()
            .map(|(file, key)| (file.upload.clone(), key.clone()));
        let taken = store.finish(batch.collect(), mode, durability)?;
        let (mut replace, mut same) = (Vec::new(), Vec::new());
        for (upload, key) in taken {
            let mut files = staged.iter().map(|(file, _)| file);
            let file = files.find(|file| file.upload == upload);
            let file = file.ok_or_else(|| Error::invalid(format!("{key} was not staged")))?;
            if has_content(&self.context, file.wanted, &key)? {
                same.push(key);
            } else {
                may_replace(file.wanted)?;
                replace.push((upload, key));
            }
        }
        if !same.is_empty() {
            store.persist(Persist::Files(&same), durability)?;
        }
        if !replace.is_empty() {
            store.finish(replace, PutMode::Replace, durability)?;
        }
        let published: Vec<Upload> = staged.into_iter().map(|(file, _)| file.upload).collect();
        self.staging.forget(&published);
        Ok(())
    }
}
