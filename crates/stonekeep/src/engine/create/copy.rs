//! Step C2 of a backup: files into the staging area, in batches that are made durable and written down in the journal.

use std::fs::File;
use std::io::{Cursor, Read};
use std::sync::{Arc, Mutex, PoisonError};

use stonekeep_format::backup_name::{RepoPath, SharedName};
use stonekeep_format::{BackupId, Crc32c};

use super::plan::{Action, Plan, PlanFile, Target};
use super::run::{Run, is_full};
use crate::engine::transfer::{Meter, Metered, run_bounded};
use crate::image::{Content, ImageFile};
use crate::repo::facts::FileFacts;
use crate::repo::journal::{self, JournalEntry};
use crate::store::{Durability, FileReader, Key, Staged, Store};
use crate::{Error, IoContext, Phase, Result};

/// A batch ends after so many bytes or files: what a killed run must copy again at most, against a flush of the disk
/// for each batch.
const BATCH_BYTES: u64 = 4 << 30;
const BATCH_FILES: usize = 2048;

/// A file of the backup that is stored or staged whole.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    /// Its place in the plan.
    pub(super) at: usize,
    /// Its path, unless it goes to the backup's own directory.
    pub(super) shared: Option<RepoPath>,
    pub(super) crc32c: Crc32c,
    /// Where it lies, if it is not stored yet.
    pub(super) staged: Option<Staged>,
    /// Whether its bytes are known to be durable.
    pub(super) durable: bool,
}

/// Copies what the plan says.
pub(super) struct Copier<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) plan: &'a Plan,
    /// The staging area.
    pub(super) area: &'a str,
    /// The id that private files are staged under; the backup may get another one.
    pub(super) id: BackupId,
}

impl Copier<'_> {
    /// Every file of the backup but excluded ones, stored or staged, in the plan's order.
    pub(super) fn run(&self) -> Result<Vec<Ready>> {
        let copies: Vec<usize> = self.indexes_to_copy();
        let bytes = copies
            .iter()
            .filter_map(|at| self.plan.files.get(*at))
            .map(|file| file.size_bytes)
            .sum();
        let meter = self.run.meter(Phase::Copying, (copies.len() as u64, bytes));
        let mut ready = self.stored_already();
        let mut chunk = 0;
        for batch in batches(&copies, &self.plan.files) {
            ready.extend(self.batch(batch, &mut chunk, &meter)?);
        }
        ready.sort_by_key(|file| file.at);
        Ok(ready)
    }

    /// Copies the private files anew, for another id.
    pub(super) fn stage_private_again(&self, ready: &mut [Ready]) -> Result<()> {
        let private: Vec<usize> = ready
            .iter()
            .filter(|file| file.shared.is_none())
            .map(|file| file.at)
            .collect();
        let bytes = private
            .iter()
            .filter_map(|at| self.plan.files.get(*at))
            .map(|file| file.size_bytes)
            .sum();
        let meter = self.run.meter(Phase::Copying, (private.len() as u64, bytes));
        let mut staged = Vec::new();
        for file in ready.iter_mut().filter(|file| file.shared.is_none()) {
            *file = self.copy(file.at, &meter)?;
            meter.file_done();
            staged.extend(file.staged.clone());
        }
        self.store().sync(&staged, self.run.engine.durability())
    }

    fn store(&self) -> &dyn Store {
        self.run.store()
    }

    fn indexes_to_copy(&self) -> Vec<usize> {
        let files = self.plan.files.iter().enumerate();
        files
            .filter(|(_, file)| matches!(file.action, Action::Copy(_)))
            .map(|(at, _)| at)
            .collect()
    }

    fn stored_already(&self) -> Vec<Ready> {
        let files = self.plan.files.iter().enumerate();
        files
            .filter_map(|(at, file)| match &file.action {
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
            })
            .collect()
    }

    /// Copies some files, and writes down those that are whole even when one fails, so that the next run need not copy
    /// them again. On a full disk there is no next run to save them for: the caller frees the area.
    fn batch(&self, batch: &[usize], chunk: &mut usize, meter: &Meter<'_>) -> Result<Vec<Ready>> {
        let done: Mutex<Vec<Ready>> = Mutex::new(Vec::new());
        let outcome = run_bounded(self.run.engine.workers(), batch.to_vec(), |at| {
            let ready = self.copy(at, meter)?;
            done.lock().unwrap_or_else(PoisonError::into_inner).push(ready);
            meter.file_done();
            Ok(())
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(_) => self.write_down(&mut done, chunk).map(|()| done),
            Err(error) => {
                let error = meter.explain(error);
                if !is_full(&error) {
                    // The first error is the one to tell; without the journal the next run copies more.
                    if let Err(second) = self.write_down(&mut done, chunk) {
                        tracing::warn!(reason = %second.one_line(), "the journal could not be written");
                    }
                }
                Err(error)
            }
        }
    }

    fn write_down(&self, done: &mut [Ready], chunk: &mut usize) -> Result<()> {
        let durability = self.run.engine.durability();
        let staged: Vec<Staged> = done.iter().filter_map(|ready| ready.staged.clone()).collect();
        self.store().sync(&staged, durability)?;
        let durable = durability == Durability::Durable;
        done.iter_mut().for_each(|ready| ready.durable = durable);
        let entries: Vec<JournalEntry> = done.iter().filter_map(|ready| self.entry(ready)).collect();
        if !entries.is_empty() {
            journal::append(self.store(), self.area, *chunk, &entries, durability)?;
            *chunk += 1;
        }
        Ok(())
    }

    /// Private files are of one capture only, so they are not worth a line.
    fn entry(&self, ready: &Ready) -> Option<JournalEntry> {
        let file = file_facts(
            self.plan.files.get(ready.at)?,
            ready.shared.as_ref()?.to_string(),
            ready.crc32c,
        );
        Some(JournalEntry {
            staged_as: ready.staged.as_ref()?.key.as_str().to_owned(),
            durable: ready.durable,
            file,
        })
    }

    fn copy(&self, at: usize, meter: &Meter<'_>) -> Result<Ready> {
        meter.check()?;
        let (file, image) = self.file(at)?;
        let Action::Copy(target) = &file.action else {
            return Err(Error::invalid(format!("{} is not to be copied", image.name)));
        };
        let key = match target {
            Target::Shared(path) => Key::new(path.to_string())?,
            Target::SharedByChecksum(..) => Key::new(format!("unnamed/{}", image.name))?,
            Target::Private => Key::new(format!("private/{}/{}", self.id, image.name))?,
        };
        let buffer_bytes = self.run.engine.io_buffer_bytes();
        let mut source = Metered::new(open(&image.content)?, file.size_bytes, meter).at_most(buffer_bytes);
        let staged = self.store().stage(self.area, &key, &mut source, file.size_bytes);
        let staged = staged.map_err(|error| explain_short_source(error, image))?;
        let crc32c = source.crc32c();
        check(image, target, crc32c)?;
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

    fn file(&self, at: usize) -> Result<(&PlanFile, &ImageFile)> {
        let file = self.plan.files.get(at);
        let image = file.and_then(|file| self.run.image().files.get(file.index));
        file.zip(image)
            .ok_or_else(|| Error::invalid("the plan is of another image"))
    }
}

/// The facts to keep of a file with this path.
pub(super) fn file_facts(file: &PlanFile, path: String, crc32c: Crc32c) -> FileFacts {
    FileFacts {
        path,
        size_bytes: file.size_bytes,
        crc32c: crc32c.0,
        table: file
            .identity
            .as_ref()
            .and_then(|identity| identity.table_facts(file.session.to_facts())),
        origin: file
            .identity
            .as_ref()
            .and_then(|identity| identity.origin.clone()),
    }
}

/// The checksum of a file of the database, read for nothing else.
pub(super) fn checksum(image: &ImageFile, buffer_bytes: usize, meter: &Meter<'_>) -> Result<Crc32c> {
    let mut source = Metered::new(open(&image.content)?, image.size_bytes, meter);
    let crc32c = source.drain(&mut vec![0; buffer_bytes]);
    let crc32c = crc32c.map_err(|error| Error::io(format!("reading {}", image.name), error));
    let crc32c = crc32c.map_err(|error| meter.explain(explain_short_source(error, image)))?;
    meter.file_done();
    Ok(crc32c)
}

fn open(content: &Content) -> Result<Box<dyn Read>> {
    Ok(match content {
        Content::Path(path) => Box::new(File::open(path).context("opening", path)?),
        Content::Open { file, .. } => Box::new(FileReader::new(Arc::clone(file))),
        Content::Bytes(bytes) => Box::new(Cursor::new(Arc::clone(bytes))),
    })
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

/// A file that ended early shrank while it was copied; that is not a failing disk.
pub(super) fn explain_short_source(error: Error, image: &ImageFile) -> Error {
    match error.io_kind() {
        Some(std::io::ErrorKind::UnexpectedEof) => {
            let message = format!("{} became shorter while it was copied", image.name);
            Error::source_changed(message)
                .with_hint("a process has the database open; back it up when it is closed")
                .with_source(error)
        }
        _ => error,
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
