//! Step C2 of a backup: files into the staging area, in batches that are made durable and written down in the journal.

use std::sync::{Mutex, PoisonError};

use stonekeep_format::backup_name::{RepoPath, SharedName};
use stonekeep_format::{BackupId, Crc32c};

use super::area::Area;
use super::context::{Context, is_full};
use super::ends;
use super::identity::facts_of;
use super::plan::{Action, PlanFile, Target};
use super::reflink;
use super::source::{Source, explain_short_source};
use crate::engine::transfer::{Meter, Metered};
use crate::image::ImageFile;
use crate::parallel::run_bounded;
use crate::repo::facts::FileFacts;
use crate::repo::journal::{self, JournalEntry};
use crate::store::{Durability, Key, Staged, Store};
use crate::{Error, Phase, Result};

/// A batch ends after so many bytes or files: what a killed run must copy again at most, against a flush of the disk
/// for each batch.
const BATCH_BYTES: u64 = 4 << 30;
const BATCH_FILES: usize = 16_384;

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

/// What a batch has come to.
#[derive(Default)]
struct Done {
    ready: Vec<Ready>,
    /// All files that were written, to be made durable.
    staged: Vec<Staged>,
    /// A line for each file that another run may use.
    journal: Vec<Vec<u8>>,
    /// The places of files that turned out shorter.
    short: Vec<usize>,
}

/// Copies what is planned.
pub(super) struct Copier<'a> {
    context: Context<'a>,
    images: &'a [ImageFile],
    planned: &'a [PlanFile],
    area: &'a mut Area,
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
        let planned = self.planned;
        for batch in batches(&copies, planned) {
            self.batch(batch, &meter)?;
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
            *file = self.copy(file.at, &meter)?;
            meter.file_done();
            staged.extend(file.staged.clone());
        }
        self.store().sync(&staged, self.context.engine.durability())
    }

    fn store(&self) -> &'a dyn Store {
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

    /// Copies some files, and writes down those that are whole even when one fails, so that the next run need not copy
    /// them again. On a full disk there is no next run to save them for: the caller frees the area.
    fn batch(&mut self, batch: &[usize], meter: &Meter<'_>) -> Result<()> {
        let done: Mutex<Done> = Mutex::default();
        let this = &*self;
        let outcome = run_bounded(this.context.engine.workers(), batch.to_vec(), |at| {
            let copied = this.copy(at, meter);
            let copied = copied.and_then(|ready| {
                let line = this.journal_line(&ready)?;
                Ok((line, ready.staged.clone(), ready))
            });
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            match copied {
                Ok((line, staged, ready)) => {
                    done.journal.extend(line);
                    done.staged.extend(staged);
                    done.ready.push(ready);
                }
                Err(error) if this.early && error.is_source_changed() => done.short.push(at),
                Err(error) => return Err(error),
            }
            drop(done);
            meter.file_done();
            Ok(())
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.short.append(&mut done.short);
        if outcome.as_ref().is_err_and(is_full) {
            return outcome.map(|_| ());
        }
        let written = self.write_down(&mut done);
        match (outcome, written) {
            (Ok(_), written) => written?,
            (Err(error), written) => {
                // The first error is the one to tell; without the journal the next run copies more.
                if let Err(second) = written {
                    tracing::warn!(reason = %second.one_line(), "the journal could not be written");
                } else {
                    self.ready.append(&mut done.ready);
                }
                return Err(error);
            }
        }
        self.ready.append(&mut done.ready);
        Ok(())
    }

    fn write_down(&mut self, done: &mut Done) -> Result<()> {
        let durability = self.context.engine.durability();
        self.store().sync(&done.staged, durability)?;
        let durable = durability == Durability::Durable;
        done.ready.iter_mut().for_each(|ready| ready.durable = durable);
        if !done.journal.is_empty() {
            let (area, chunk) = (&self.area.name, self.area.chunks);
            journal::append(self.store(), area, chunk, done.journal.drain(..), durability)?;
            self.area.chunks += 1;
        }
        Ok(())
    }

    /// The line that a file gets when it is durable. Private files are of one capture only, so they are not worth one.
    fn journal_line(&self, ready: &Ready) -> Result<Option<Vec<u8>>> {
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

    fn copy(&self, at: usize, meter: &Meter<'_>) -> Result<Ready> {
        meter.check()?;
        let (file, image) = self.file(at)?;
        let Action::Copy(target) = &file.action else {
            return Err(Error::invalid(format!("{} is not to be copied", image.name)));
        };
        let key = match target {
            Target::Shared(path) => Key::new(path.to_string())?,
            Target::SharedByChecksum(..) => Key::new(format!("shared_checksum/{}", image.name))?,
            Target::Private => Key::new(format!("private/{}/{}", self.id, image.name))?,
        };
        let source = self.context.sources.open(image)?;
        let shared = reflink::stage(&self.context, &self.area.name, &key, (image, &source), meter)?;
        let (staged, crc32c) = match shared {
            Some(shared) => shared,
            None => self.stage(&key, (image, source), meter)?,
        };
        check(image, target, crc32c)?;
        tracing::debug!(%key, bytes = file.size_bytes, "copied");
        let shared = match target {
            Target::Shared(path) => Some(path.clone()),
            Target::SharedByChecksum(number, kind) => {
                let name = SharedName::legacy(*number, *kind, crc32c, file.size_bytes);
                Some(RepoPath::SharedChecksum(name))
            }
            Target::Private => None,
        };
        Ok(Ready {
            at,
            shared,
            crc32c,
            staged: Some(staged),
            durable: false,
        })
    }

    fn stage(
        &self,
        key: &Key,
        (image, source): (&ImageFile, Source),
        meter: &Meter<'_>,
    ) -> Result<(Staged, Crc32c)> {
        let (size_bytes, buffer_bytes) = (image.size_bytes, self.context.engine.io_buffer_bytes());
        let source = Metered::new(source.into_reader(), image, size_bytes, meter).at_most(buffer_bytes.get());
        let mut source = ends::Reader::new(source, size_bytes);
        let staged = self.store().stage(&self.area.name, key, &mut source, size_bytes);
        let staged = staged.map_err(|error| explain_short_source(error, image))?;
        let (source, ends) = source.into_parts();
        self.context.judge(&ends, image)?;
        Ok((staged, source.crc32c()))
    }

    fn file(&self, at: usize) -> Result<(&PlanFile, &ImageFile)> {
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

/// A checksum that the MANIFEST has, or that stands in the name because the file had it when it was last backed up.
fn check(image: &ImageFile, target: &Target, crc32c: Crc32c) -> Result<()> {
    let named = match target {
        Target::Shared(path) => path.crc32c(),
        _ => None,
    };
    let damaged = |wanted: Crc32c, who: &str| {
        let reason = format!("its checksum is {crc32c}, {who} {wanted}: the database's file is damaged");
        Err(Error::corrupt(image.name.to_string(), reason))
    };
    match (image.crc32c, named) {
        (Some(wanted), _) if wanted != crc32c => damaged(wanted, "the MANIFEST has"),
        (_, Some(wanted)) if wanted != crc32c => damaged(wanted, "in the backup before it was"),
        _ => Ok(()),
    }
}

fn batches<'a>(copies: &'a [usize], files: &[PlanFile]) -> Vec<&'a [usize]> {
    let (mut batches, mut start, mut bytes) = (Vec::new(), 0, 0u64);
    for (end, at) in copies.iter().enumerate() {
        bytes = bytes.saturating_add(files.get(*at).map_or(0, |file| file.size_bytes));
        if bytes >= BATCH_BYTES || end + 1 - start >= BATCH_FILES {
            batches.extend(copies.get(start..=end));
            (start, bytes) = (end + 1, 0);
        }
    }
    batches.extend(copies.get(start..).filter(|rest| !rest.is_empty()));
    batches
}
