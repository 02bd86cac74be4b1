//! Step C2 of a backup: files into the staging area, as far as a batch goes.

use std::collections::VecDeque;

use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::{BackupId, Crc32c};

use super::area::Area;
use super::batch::{Copied, Limit};
use super::context::Context;
use super::identity::facts_of;
use super::one_file::Job;
use super::plan::{Action, PlanFile, Target};
use crate::image::ImageFile;
use crate::repo::facts::FileFacts;
use crate::repo::journal::{self, JournalEntry};
use crate::store::{Durability, Key, Staged, Store};
use crate::{Error, Phase, Result};

/// A file of the backup that is stored or staged whole.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    /// Its place among the planned files.
    pub(super) at: usize,
    /// Its path, unless it goes to the backup's own directory.
    pub(super) shared: Option<RepoPath>,
    pub(super) crc32c: Crc32c,
    /// Where it lies, if it is not stored yet.
    pub(super) staged: Option<Staged>,
    /// Whether its bytes are known to be durable.
    pub(super) durable: bool,
}

impl Ready {
    /// As what the plan may have it from now on; `None` if the plan knew it already, or must copy it again.
    pub(super) fn as_taken(&self, planned: &Action) -> Option<Action> {
        let Action::Copy(_) = planned else {
            return None;
        };
        Some(Action::Taken {
            path: self.shared.clone()?,
            crc32c: self.crc32c,
            staged: Box::new(self.staged.clone()?),
            durable: self.durable,
        })
    }
}

/// Copies what is planned.
pub(super) struct Copier<'a> {
    pub(super) context: Context<'a>,
    images: &'a [ImageFile],
    planned: &'a [PlanFile],
    pub(super) area: &'a mut Area,
    /// The id that private files are staged under; the backup may get another one.
    id: BackupId,
    /// Whether files that turn out shorter are only [named](Self::short).
    pub(super) early: bool,
    /// Every file but excluded ones, stored or staged.
    pub(super) ready: Vec<Ready>,
    /// The places of files that turned out shorter.
    pub(super) short: Vec<usize>,
}

impl<'a> Copier<'a> {
    /// For these files, of these images.
    pub(super) fn new(
        context: Context<'a>,
        images: &'a [ImageFile],
        planned: &'a [PlanFile],
        id: BackupId,
        area: &'a mut Area,
    ) -> Self {
        Copier {
            context,
            images,
            planned,
            area,
            id,
            early: false,
            ready: Vec::new(),
            short: Vec::new(),
        }
    }

    /// Copies. What is ready when an error ends it is ready all the same.
    pub(super) fn run(&mut self) -> Result<()> {
        let copies = self.indexes_to_copy();
        let done = self.area.copied;
        let (files, bytes) = (copies.len() as u64, self.bytes(&copies));
        let meter = self.context.meter_on(Phase::Copying, done, (files, bytes));
        self.ready = self.stored_already();
        let mut jobs: VecDeque<Job<'_>> = self.jobs(&copies)?.into();
        while !jobs.is_empty() {
            let count = self.in_one_batch(&jobs);
            let left = self.batch(jobs.drain(..count).collect(), &meter)?;
            for job in left.into_iter().rev() {
                jobs.push_front(job);
            }
        }
        self.area.copied = (done.0 + files, done.1 + bytes);
        Ok(())
    }

    /// Everything that is ready, in the order of the plan.
    pub(super) fn into_ready(mut self) -> Vec<Ready> {
        self.ready.sort_by_key(|file| file.at);
        self.ready
    }

    /// Copies the private files anew, for another id.
    pub(super) fn stage_private_again(&self, ready: &mut [Ready]) -> Result<()> {
        let private = ready.iter().filter(|file| file.shared.is_none());
        let private: Vec<usize> = private.map(|file| file.at).collect();
        let to_do = (private.len() as u64, self.bytes(&private));
        let meter = self.context.meter(Phase::Copying, to_do);
        let mut staged = Vec::new();
        for file in ready.iter_mut().filter(|file| file.shared.is_none()) {
            let limit = Limit::none(self.context.engine.options().clock.as_ref());
            match self.copy(Job::anew(file.at), &meter, &limit)? {
                Copied::Whole(copied) => *file = copied,
                _ => return Err(Error::invalid("a file was left in the middle without a limit")),
            }
            meter.file_done();
            staged.extend(file.staged.clone());
        }
        self.store().sync(&staged, self.context.engine.durability())
    }

    pub(super) fn store(&self) -> &'a dyn Store {
        self.context.store()
    }

    fn bytes(&self, places: &[usize]) -> u64 {
        let files = places.iter().filter_map(|at| self.planned.get(*at));
        files.map(|file| file.size_bytes).sum()
    }

    fn indexes_to_copy(&self) -> Vec<usize> {
        let files = self.planned.iter().enumerate();
        files
            .filter(|(_, file)| matches!(file.action, Action::Copy(_)))
            .map(|(at, _)| at)
            .collect()
    }

    fn stored_already(&self) -> Vec<Ready> {
        let files = self.planned.iter().enumerate();
        let mut ready = Vec::with_capacity(self.planned.len());
        ready.extend(files.filter_map(|(at, file)| match &file.action {
            Action::Taken {
                path,
                crc32c,
                staged,
                durable,
            } => Some(Ready {
                at,
                shared: Some(path.clone()),
                crc32c: *crc32c,
                staged: Some(staged.as_ref().clone()),
                durable: *durable,
            }),
            Action::Reuse {
                path,
                crc32c,
                durable,
            } => Some(Ready {
                at,
                shared: Some(path.clone()),
                crc32c: *crc32c,
                staged: None,
                durable: *durable,
            }),
            Action::Resume { path, resumable } => Some(Ready {
                at,
                shared: Some(path.clone()),
                crc32c: Crc32c(resumable.entry.file.crc32c),
                staged: Some(resumable.staged.clone()),
                durable: resumable.entry.durable,
            }),
            _ => None,
        }));
        ready
    }

    /// The line that a file gets when it is durable. Private files are of one capture only, so they are not worth one.
    pub(super) fn journal_line(&self, ready: &Ready) -> Result<Option<Vec<u8>>> {
        let (Some(shared), Some(staged)) = (&ready.shared, &ready.staged) else {
            return Ok(None);
        };
        let (planned, image) = self.file(ready.at)?;
        let entry = JournalEntry {
            staged_as: staged.key.as_str().to_owned(),
            durable: self.context.engine.durability() == Durability::Durable,
            file: file_facts(planned, image, shared.to_string(), ready.crc32c),
        };
        journal::line_of(&entry).map(Some)
    }

    /// What a file is to be called, and its name in the area.
    pub(super) fn target(&self, at: usize) -> Result<(&'a Target, Key)> {
        let (file, image) = self.file(at)?;
        let Action::Copy(target) = &file.action else {
            return Err(Error::invalid(format!("{} is not to be copied", image.name)));
        };
        let key = match target {
            Target::Shared(path) => Key::new(path.to_string())?,
            Target::SharedByChecksum(..) => Key::new(format!("shared_checksum/{}", image.name))?,
            Target::Private => Key::new(format!("private/{}/{}", self.id, image.name))?,
        };
        Ok((target, key))
    }

    pub(super) fn file(&self, at: usize) -> Result<(&'a PlanFile, &'a ImageFile)> {
        let file = self.planned.get(at);
        let image = file.and_then(|file| self.images.get(file.index));
        file.zip(image)
            .ok_or_else(|| Error::invalid("the plan is of another image"))
    }
}

/// The facts to keep of a file with this path.
pub(super) fn file_facts(file: &PlanFile, image: &ImageFile, path: String, crc32c: Crc32c) -> FileFacts {
    let table = image.table.as_ref();
    FileFacts {
        path,
        size_bytes: file.size_bytes,
        crc32c: crc32c.0,
        table: table.map(|table| facts_of(table, file.session.to_facts())),
        origin: file.origin.as_deref().cloned(),
    }
}
