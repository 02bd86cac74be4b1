//! Steps K3 to K8 of a copy: one backup, from its first file to its meta file.

use stonekeep_format::BackupId;
use stonekeep_format::backup_name::RepoPath;

use super::context::Context;
use super::put_files::PutFiles;
use super::renamed::{self, binding};
use super::report::CopiedFiles;
use super::shared_files::{SharedPlan, has_content, may_replace};
use super::source_backup::{SourceBackup, WantedFile};
use super::staging::Staging;
use super::target_files::TargetFiles;
use crate::engine::create::last_look::LastLook;
use crate::engine::meta_commit;
use crate::engine::transfer::{Amount, Meter};
use crate::repo::checked_lines::CheckedText;
use crate::repo::{ids, layout, record_text};
use crate::store::{Durability, Held, Key, Persist, Put, PutMode, Store};
use crate::{Error, ErrorKind, Phase, Progress, Result};

/// See the [module](self).
pub(super) struct OneBackup<'r, 'a> {
    pub(super) context: Context<'a>,
    pub(super) lock: &'r Held,
    pub(super) staging: &'r mut Staging,
    pub(super) files: &'r mut TargetFiles<'a>,
    /// What the run has copied before.
    pub(super) done: &'r mut Amount,
    /// What the backup needs.
    pub(super) wanted: &'r mut Amount,
    pub(super) backup: &'r SourceBackup,
    /// The id that it gets.
    pub(super) id: BackupId,
}

impl<'a> OneBackup<'_, 'a> {
    /// Copies the backup.
    ///
    /// # Errors
    /// `Corrupt`, with findings, for a damaged backup; `Refused` where a backup of the target would be harmed; `Locked` if the
    /// lock is lost; `Stopped`; I/O errors. Then the backup is not in the target, unless the message says so.
    pub(super) fn copy(&mut self) -> Result<CopiedFiles> {
        let (context, backup, id) = (self.context, self.backup, self.id);
        let mut plan = SharedPlan::make(backup, self.files)?;
        plan.settle(&context, self.staging, backup)?;
        let private = self.private()?;
        let to_do = self.to_do(&plan, &private);
        *self.wanted = to_do;
        let meter = context.meter(*self.done, to_do);
        let mut files = self.share(plan, &meter)?;
        let shared = LastLook::at(backup.shared.iter().filter_map(|wanted| wanted.path.as_ref()))?;
        self.look_before(&shared)?;

        let text = renamed::meta(&backup.pinned.loaded, &backup.meta_text(&context)?, id)?;
        self.lock.check()?;
        let claimed_before = self.claim(&text)?;
        files += self.publish_private(&private, claimed_before, &meter)?;
        *self.done = *self.done + to_do;
        context.observer.progressed(&Progress::begin(Phase::Committing));
        self.publish_facts(&text)?;
        let private = backup.private.iter().filter_map(|wanted| wanted.path.as_ref());
        let private: Vec<RepoPath> = private.filter_map(|path| renamed::path(path, id)).collect();
        let private = LastLook::at(private.iter())?;
        self.look_before(&private)?;
        self.commit(&text, &shared, &private)?;
        files.files_excluded = backup.excluded;
        Ok(files)
    }

    fn store(&self) -> &Store {
        self.context.target()
    }

    fn durability(&self) -> Durability {
        self.context.durability()
    }

    /// Private files and files of the application, each with the key that it gets.
    fn private(&self) -> Result<Vec<(WantedFile, Key)>> {
        let (backup, id) = (self.backup, self.id);
        let mut files = Vec::with_capacity(backup.private.len() + backup.included.len());
        for wanted in &backup.private {
            let path = wanted.path.as_ref().and_then(|path| renamed::path(path, id));
            let path = path.ok_or_else(|| Error::invalid(format!("{} is no private file", wanted.from)))?;
            files.push((wanted.clone(), layout::file(&path)?));
        }
        for file in &backup.included {
            let wanted = WantedFile::included(file, backup.pinned.loaded.id)?;
            files.push((wanted, file.key(id)?));
        }
        Ok(files)
    }

    fn to_do(&self, plan: &SharedPlan<'_>, private: &[(WantedFile, Key)]) -> Amount {
        let shared = plan
            .new
            .iter()
            .chain(&plan.replaced)
            .map(|wanted| wanted.size_bytes);
        let private = private.iter().map(|(wanted, _)| wanted.size_bytes);
        shared.chain(private).collect()
    }

    /// K3. Shared files, under the names that they have in the source.
    fn share(&mut self, plan: SharedPlan<'_>, meter: &Meter<'a>) -> Result<CopiedFiles> {
        let (context, backup, mut counts) = (self.context, self.backup, plan.files);
        if !plan.unsynced.is_empty() {
            self.store()
                .persist(Persist::Files(&plan.unsynced), self.durability())?;
        }
        let may_replace = |wanted: &WantedFile| match (&wanted.path, wanted.crc32c) {
            (Some(path), Some(crc32c)) => may_replace(&context, path, crc32c, backup),
            _ => Ok(()),
        };
        for (files, mode) in [(plan.new, PutMode::IfAbsent), (plan.replaced, PutMode::Replace)] {
            let placed = files.into_iter().map(|wanted| (wanted, wanted.from.clone()));
            counts += self.files_to(meter).put(placed.collect(), mode, &may_replace)?;
        }
        for wanted in &backup.shared {
            if let (Some(path), Some(crc32c)) = (&wanted.path, wanted.crc32c) {
                self.files.remember(path, crc32c);
            }
        }
        Ok(counts)
    }

    /// K4. Whether an earlier run had claimed the id for this very copy. What stands in the private directory of an id that was
    /// free belongs to another engine's backup.
    fn claim(&self, text: &[u8]) -> Result<bool> {
        let (store, area, id, meta) = (self.store(), &self.staging.area, self.id, binding(text));
        let is_free = store.names(Some(&layout::private(id)))?.is_empty();
        if !is_free && !ids::is_claimed_for_copy(store, id, meta)? {
            return Err(self.id_taken());
        }
        match ids::claim_for_copy(store, area, id, meta, self.durability())? {
            Put::Same => Ok(true),
            Put::Done => Ok(false),
            Put::Taken => Err(self.id_taken()),
        }
    }

    /// K5. What is there already was left by an earlier run that had the claim.
    fn publish_private(
        &mut self,
        private: &[(WantedFile, Key)],
        claimed_before: bool,
        meter: &Meter<'a>,
    ) -> Result<CopiedFiles> {
        let (mut new, mut replaced, mut there) = (Vec::new(), Vec::new(), Vec::new());
        let mut counts = CopiedFiles::default();
        for (wanted, key) in private {
            let is_doubtful = self.staging.is_doubtful(key);
            if claimed_before && !is_doubtful && has_content(&self.context, wanted, key)? {
                meter.skip(wanted.size_bytes);
                meter.file_done();
                counts.resumed(wanted.size_bytes);
                there.push(key.clone());
            } else if claimed_before && self.is_taken(key)? {
                replaced.push((wanted, key.clone()));
            } else {
                new.push((wanted, key.clone()));
            }
        }
        if !there.is_empty() {
            self.store().persist(Persist::Files(&there), self.durability())?;
        }
        let id_taken = self.id_taken();
        let refuse = |_: &WantedFile| Err(Error::refused(id_taken.to_string()));
        counts += self.files_to(meter).put(new, PutMode::IfAbsent, &refuse)?;
        counts += self
            .files_to(meter)
            .put(replaced, PutMode::Replace, &|_| Ok(()))?;
        Ok(counts)
    }

    fn is_taken(&self, key: &Key) -> Result<bool> {
        match self.store().stat(key) {
            Ok(stat) => Ok(stat.is_some()),
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn files_to<'m>(&'m mut self, meter: &'m Meter<'a>) -> PutFiles<'m, 'a> {
        PutFiles {
            context: self.context,
            lock: self.lock,
            staging: self.staging,
            meter,
        }
    }

    /// K6. Our facts, bound to the meta file that the backup gets. Those of a run that did not end are replaced.
    fn publish_facts(&self, text: &[u8]) -> Result<()> {
        let (backup, id) = (self.backup, self.id);
        let Some(facts) = &backup.facts else {
            return Ok(());
        };
        let (old, durable) = (backup.pinned.loaded.id, self.durability() == Durability::Durable);
        let (from, to) = (layout::facts(old), layout::facts(id));
        let content = record_text::read(self.context.source(), &from)?;
        let (store, area) = (self.store(), &self.staging.area);
        // Without syncs nothing in the target is durable, whatever it was in the source.
        let upload = if old == id && (durable || !facts.durable) {
            store.upload(area, &to, &mut &*content, content.len() as u64, PutMode::Replace)?
        } else {
            let lines = renamed::facts(from.as_str(), &content, (old, id), binding(text), durable)?;
            store.upload(area, &to, &mut CheckedText::new(lines), 0, PutMode::Replace)?
        };
        store.persist(Persist::Uploads(std::slice::from_ref(&upload)), self.durability())?;
        let batch = vec![(upload, to)];
        store.finish(batch, PutMode::Replace, self.durability()).map(drop)
    }

    /// K7 and K8.
    fn commit(&self, text: &[u8], shared: &LastLook, private: &LastLook) -> Result<()> {
        if !self.backup.pinned.is_held() {
            // Without a pin it may have been deleted, and its id given to another one.
            self.backup.meta_text(&self.context)?;
        }
        self.lock.check()?;
        let (store, area) = (self.store(), &self.staging.area);
        if !meta_commit::put(store, area, self.id, text, self.durability())? {
            store.delete_one(&layout::facts(self.id))?;
            return Err(self.id_taken());
        }
        let looked = self.look(private).and_then(|()| self.look(shared));
        looked.map_err(|error| meta_commit::after_last_look(store, self.id, error))?;
        if let Err(error) = ids::end_copy(store, area, self.id, self.durability()) {
            // Only a copy after the backup is deleted is mistaken then.
            tracing::warn!(reason = %error.one_line(), "the claim of the id still says that the copy is under way");
        }
        Ok(())
    }

    /// Files vanish, too, if this process was stopped for so long that another one has taken the lock over.
    fn look_before(&self, look: &LastLook) -> Result<()> {
        let looked = self.look(look);
        looked.map_err(|error| self.lock.check().err().unwrap_or(error))
    }

    fn look(&self, look: &LastLook) -> Result<()> {
        match look.missing(self.store())? {
            None => Ok(()),
            Some(path) => Err(
                Error::refused(format!("{path} vanished while backup {} was copied", self.id)).with_hint(
                    "another program collects garbage in this repository; copy again when it has ended",
                ),
            ),
        }
    }

    fn id_taken(&self) -> Error {
        let message = format!(
            "the id {} was taken in {} while the backup was copied",
            self.id,
            self.store().location()
        );
        Error::refused(message)
            .with_hint("another program writes into this repository; copy again when it has ended")
    }
}
