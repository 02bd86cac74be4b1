//! Steps C3 to C8 of a backup: from files that are stored or staged to a backup that exists.

use std::time::{Duration, Instant};

use stonekeep_format::BackupId;

use super::area::Area;
use super::backup_run::next_free;
use super::context::Context;
use super::decision::PlannedFile;
use super::decision::{Action, Target};
use super::included::Included;
use super::last_look::LastLook;
use super::one_file::{Copied, Copying, Job, Limit};
use super::plan::Plan;
use super::{publish, record};
use crate::engine::meta_commit;
use crate::parallel::run_both;
use crate::repo::facts_reader::FileLines;
use crate::repo::{ids, latest_hint, layout};
use crate::store::{Durability, Held, Key, Persist, PutMode, Store, Upload};
use crate::{Error, Phase, Result};

/// A listing of the shared files that is younger than this is not repeated before the commit.
const LISTING_IS_FRESH: Duration = Duration::from_secs(60);

/// Everything that the commit needs.
pub(super) struct Commit<'a> {
    pub(super) context: Context<'a>,
    /// Every file of it is stored, staged or excluded.
    pub(super) plan: Plan<'a>,
    pub(super) area: &'a Area,
    pub(super) included: &'a Included,
    pub(super) lock: &'a Held,
    /// The id that is claimed already: where private files have their names as soon as they are copied.
    pub(super) claimed: Option<BackupId>,
    /// When the run began to list the shared files.
    pub(super) listed_at: Instant,
}

/// The records of a backup, under the id that it gets.
pub(super) struct Description {
    id: BackupId,
    /// The meta file.
    text: Vec<u8>,
    /// Our facts, in the area.
    facts: Upload,
    /// Its private files.
    private: LastLook,
}

/// How a commit ended.
pub(super) enum Outcome {
    /// The backup exists.
    Committed,
    /// A foreign engine took the id meanwhile: nothing was committed, and the private files must be staged again for
    /// another id.
    IdTaken,
}

impl Commit<'_> {
    /// C3, and C4 and C6 for shared files, whatever id the backup gets. Meanwhile it is described under this id.
    pub(super) fn share(&self, id: BackupId) -> Result<(LastLook, Description)> {
        self.lock.check()?;
        let share = || {
            self.sync_reused()?;
            publish::shared(&self.context, &self.plan)?;
            let ready = self.plan.files.iter().filter_map(PlannedFile::ready);
            let shared = LastLook::at(ready.filter_map(|ready| ready.path))?;
            if !self.was_listed_just_now() {
                self.look_before(id, &shared)?;
            }
            Result::Ok(shared)
        };
        let (shared, description) = run_both(self.context.engine.workers(), share, || self.describe(id));
        Ok((shared?, description?))
    }

    /// Whether the shared files were listed, and private ones uploaded, so lately that they need not be looked for before
    /// the commit, only after it. Nobody but the holder of the lock removes files there.
    fn was_listed_just_now(&self) -> bool {
        let elapsed = self.context.engine.clock.instant();
        let elapsed = elapsed.saturating_duration_since(self.listed_at);
        self.claimed.is_some() && elapsed < LISTING_IS_FRESH
    }

    /// Describes the backup under this id. Our facts and the claim are staged.
    pub(super) fn describe(&self, id: BackupId) -> Result<Description> {
        let meta = record::meta(&self.context, &self.plan, id)?;
        let text = meta
            .encode()
            .map_err(|error| Error::invalid("the backup cannot be described").with_source(error))?;
        let files = meta.files.iter().map(|file| &file.path);
        let private = LastLook::at(files.filter(|path| path.shared_name().is_none()))?;
        // It is large, and encoded by now.
        drop(meta);
        let (store, area) = (self.store(), &self.area.name);
        let facts = record::facts(&self.context, &self.plan, self.included, id, &text);
        let (newest, mut buffer) = (self.plan.newest.map(layout::facts), Vec::new());
        // Without it the lines are made anew, which costs less than reading it from far away.
        let newest = newest
            .as_ref()
            .filter(|_| self.claimed.is_none())
            .and_then(|key| FileLines::open(store, key, &mut buffer).ok());
        let facts = facts.stage(store, area, id, record::file_lines(&self.plan, id, newest))?;
        store.persist(Persist::Uploads(std::slice::from_ref(&facts)), self.durability())?;
        Ok(Description {
            id,
            text,
            facts,
            private,
        })
    }

    /// The claim of the id, C4 and C6 for private files, C4 for included ones, C5, C7 and C8.
    pub(super) fn commit(&self, description: Description, shared: &LastLook) -> Result<Outcome> {
        let id = description.id;
        let is_free = (self.claimed == Some(id) || self.take(id)?) && self.publish_private(id)?;
        if !is_free {
            return Ok(Outcome::IdTaken);
        }
        self.included
            .publish(self.store(), &self.area.name, id, self.durability())?;
        self.publish_facts(id, description.facts)?;
        if !self.was_listed_just_now() {
            self.look_before(id, &description.private)?;
        }
        self.lock.check()?;
        if !self.publish_meta(id, &description.text)? {
            self.store().delete_one(&layout::facts(id))?;
            return Ok(Outcome::IdTaken);
        }
        let (private, shared) = run_both(
            self.context.engine.workers(),
            || self.look(id, &description.private),
            || self.look(id, shared),
        );
        match private.and(shared) {
            Ok(()) => {
                latest_hint::committed(self.store(), &self.area.name, id, &description.text);
                Ok(Outcome::Committed)
            }
            Err(error) => Err(meta_commit::after_last_look(self.store(), id, error)),
        }
    }

    fn take(&self, id: BackupId) -> Result<bool> {
        ids::take(self.store(), &self.area.name, id, self.durability())
    }

    /// The next id that is free, claimed if it must be.
    pub(super) fn take_next(&mut self, mut id: BackupId) -> Result<BackupId> {
        loop {
            id = next_free(&self.context, id)?;
            if self.claimed.is_none() {
                return Ok(id);
            }
            if self.take(id)? {
                self.claimed = Some(id);
                return Ok(id);
            }
        }
    }

    /// Stages the private files for another id.
    pub(super) fn stage_private_again(&mut self, id: BackupId) -> Result<()> {
        let copying = Copying {
            context: self.context,
            area: &self.area.name,
            id,
            limit: Limit::none(self.context.engine.clock.as_ref()),
        };
        let is_private = |action: &Action| matches!(action, Action::Publish(file) if file.path.is_none());
        let private = self.plan.files.iter_mut().enumerate();
        let private: Vec<_> = private
            .filter(|(_, file)| is_private(&file.decision.action))
            .collect();
        let to_do = private.iter().map(|(_, file)| file.size_bytes()).collect();
        let meter = self.context.meter(Phase::Copying, to_do);
        let mut staged = Vec::with_capacity(private.len());
        for (at, file) in private {
            let copied = copying.copy(Job::new(at, file, &Target::Private), &meter)?;
            let Copied::Complete(copied) = copied else {
                return Err(Error::invalid("a copy without a time limit was not completed"));
            };
            staged.push(copied.staged.clone());
            file.decision.action = Action::Publish(Box::new(copied));
            meter.file_done();
        }
        self.store().persist(Persist::Uploads(&staged), self.durability())
    }

    fn store(&self) -> &Store {
        self.context.store()
    }

    fn durability(&self) -> Durability {
        self.context.engine.durability()
    }

    /// C3. Reused files that nobody is known to have made durable.
    fn sync_reused(&self) -> Result<()> {
        let reused = self
            .plan
            .files
            .iter()
            .filter_map(|file| match &file.decision.action {
                Action::Reuse {
                    path, durable: false, ..
                } => Some(layout::file(path)),
                _ => None,
            });
        let keys: Vec<Key> = reused.collect::<Result<_>>()?;
        if keys.is_empty() {
            return Ok(());
        }
        self.store().persist(Persist::Files(&keys), self.durability())
    }

    /// False if some name turns out to be taken.
    fn publish_private(&self, id: BackupId) -> Result<bool> {
        let mut batch = Vec::new();
        for file in &self.plan.files {
            if let Action::Publish(staged) = &file.decision.action
                && staged.path.is_none()
            {
                batch.push((staged.staged.clone(), layout::file(&file.path(None, id)?)?));
            }
        }
        let taken = self.store().finish(batch, PutMode::IfAbsent, self.durability())?;
        Ok(taken.is_empty())
    }

    /// C5. Facts of a killed run under this id are replaced: no meta file, so no backup, has them.
    fn publish_facts(&self, id: BackupId, facts: Upload) -> Result<()> {
        let batch = vec![(facts, layout::facts(id))];
        self.store()
            .finish(batch, PutMode::Replace, self.durability())
            .map(drop)
    }

    /// C6. Files vanish, too, if this process was stopped for so long that another one has taken the lock over.
    pub(super) fn look_before(&self, id: BackupId, last_look: &LastLook) -> Result<()> {
        let looked = self.look(id, last_look);
        looked.map_err(|error| self.lock.check().err().unwrap_or(error))
    }

    /// C6 and C8. A foreign engine's collector may have taken files of ours for garbage. Their sizes were looked at when
    /// this run planned to use them again, or when it gave them their names.
    fn look(&self, id: BackupId, last_look: &LastLook) -> Result<()> {
        match last_look.missing(self.store())? {
            None => Ok(()),
            Some(path) => Err(
                Error::refused(format!("{path} vanished while backup {id} was made")).with_hint(
                    "another program collects garbage in this repository; back up again when it has ended",
                ),
            ),
        }
    }

    /// C7: the commit. False if the id is taken.
    fn publish_meta(&self, id: BackupId, text: &[u8]) -> Result<bool> {
        meta_commit::put(self.store(), &self.area.name, id, text, self.durability())
    }
}
