//! Step C2 of a backup: files into the staging area, in batches.
//!
//! Where uploads can be resumed, a batch ends after a while even in the middle of a file. It is made durable, then written
//! down in the journal. Elsewhere all files are one batch, of which the journal is written while it goes on: no worker waits
//! for the others.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use stonekeep_format::{BackupId, Crc32c, FileNumber};

use super::area::Area;
use super::context::{Context, is_full};
use super::decision::{Action, PlannedFile, StagedFile, Target};
use super::one_file::{Copied, Copying, Job, JobProgress, Limit};
use crate::engine::transfer::Meter;
use crate::parallel::run_bounded;
use crate::repo::journal::{self, JournalEntry};
use crate::repo::partial::{self, PartialEntry};
use crate::store::{Durability, ObjectReader, Persist, Store, Upload, Uploads};
use crate::{Error, Phase, Result};

/// A batch ends after so many bytes or files: what a killed run must copy again at most, against a flush of the disk
/// for each batch. It also ends after some seconds.
const BATCH_BYTES: u64 = 4 << 30;
const BATCH_FILES: usize = 16_384;

/// Where a batch has no end, so many files or so much time make a chunk of the journal.
const CHUNK_FILES: usize = 1_000;
const CHUNK_TIME: Duration = Duration::from_secs(10);

/// Copies what is planned.
pub(super) struct Copier<'a> {
    context: Context<'a>,
    area: &'a mut Area,
    id: BackupId,
    /// Whether files that became shorter are only listed.
    early: bool,
    /// Files that were copied, by their places in the plan.
    done: Vec<(usize, StagedFile)>,
    shortened: Vec<FileNumber>,
}

/// What a batch has come to.
struct Batch<'m> {
    done: Vec<(usize, StagedFile)>,
    /// How many of these have been written down.
    written: usize,
    /// A line for each file that another run may use, and that is not written down yet.
    journal: Vec<Vec<u8>>,
    /// How many chunks the journal has.
    chunks: usize,
    /// When the last one was begun.
    chunk_begun: Instant,
    unfinished: Vec<Job<'m>>,
    shortened: Vec<FileNumber>,
}

/// A part of the journal, and the files that it is about.
struct Chunk {
    number: usize,
    lines: Vec<Vec<u8>>,
    files: Vec<Upload>,
}

impl<'a> Copier<'a> {
    pub(super) fn new(context: Context<'a>, id: BackupId, area: &'a mut Area, early: bool) -> Self {
        Copier {
            context,
            area,
            id,
            early,
            done: Vec::new(),
            shortened: Vec::new(),
        }
    }

    /// Copies those of these files that are planned to be copied.
    ///
    /// # Errors
    /// As [`Copying::copy`].
    pub(super) fn run(&mut self, files: &[PlannedFile<'_>]) -> Result<()> {
        let mut jobs = self.jobs(files)?;
        let to_do = jobs.iter().map(|job| job.file.size_bytes()).collect();
        let before = self.area.copied;
        let meter = self.context.meter_on(Phase::Copying, before, to_do);
        while !jobs.is_empty() {
            let next = if self.may_resume() {
                jobs.drain(..in_one_batch(&jobs)).collect()
            } else {
                jobs.drain(..).collect()
            };
            let unfinished = self.batch(next, &meter)?;
            for job in unfinished.into_iter().rev() {
                jobs.push_front(job);
            }
        }
        self.area.copied = before + to_do;
        Ok(())
    }

    /// The files that are staged now, by their places in the plan, and those that became shorter.
    pub(super) fn into_done(self) -> (Vec<(usize, StagedFile)>, Vec<FileNumber>) {
        (self.done, self.shortened)
    }

    fn store(&self) -> &'a Store {
        self.context.store()
    }

    fn may_resume(&self) -> bool {
        self.store().traits().uploads == Uploads::Resumable
    }

    fn is_durable(&self) -> bool {
        self.context.engine.durability() == Durability::Durable
    }

    /// The files to copy. Those that a killed run has copied in part are written down as parts of this run's area before
    /// they are moved there: whenever this run is killed, one of both areas has each of them, and its record.
    fn jobs<'m>(&mut self, files: &'m [PlannedFile<'m>]) -> Result<VecDeque<Job<'m>>> {
        let (mut jobs, mut entries) = (VecDeque::new(), Vec::new());
        for (at, file) in files.iter().enumerate() {
            let Action::Copy(target) = &file.decision.action else {
                continue;
            };
            let mut job = Job::new(at, file, target);
            self.context.sources.announce(file.image);
            if let Some((staged, entry)) = self.partial(&job)? {
                job.progress = JobProgress::Kept(staged, Crc32c(entry.crc32c));
                entries.push(entry);
            }
            jobs.push_back(job);
        }
        self.write_partial(&entries)?;
        Ok(jobs)
    }

    /// Copies some files, and writes down what has come of it even when one fails, so that the next run need not copy it
    /// again. On a full disk there is no next run to save it for: the caller frees the area. Returns what is still to do.
    fn batch<'m>(&mut self, jobs: Vec<Job<'m>>, meter: &'m Meter<'m>) -> Result<Vec<Job<'m>>> {
        let clock = self.context.engine.clock.as_ref();
        let batch = Mutex::new(Batch {
            done: Vec::new(),
            written: 0,
            journal: Vec::new(),
            chunks: self.area.chunks,
            chunk_begun: clock.instant(),
            unfinished: Vec::new(),
            shortened: Vec::new(),
        });
        let copying = Copying {
            context: self.context,
            area: &self.area.name,
            id: self.id,
            limit: if self.may_resume() {
                Limit::from_now(clock)
            } else {
                Limit::none(clock)
            },
        };
        let workers = self.context.engine.workers();
        let outcome = run_bounded(workers, jobs, |job| self.attempt(&copying, job, meter, &batch));
        let mut batch = batch.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.shortened.append(&mut batch.shortened);
        self.area.chunks = batch.chunks;
        if outcome.as_ref().is_err_and(is_full) {
            return outcome.map(|_| Vec::new());
        }
        let written = self.write_down(&mut batch);
        if let Err(error) = outcome {
            // The first error is the one to report; without the journal the next run copies more.
            match written {
                Err(second) => {
                    tracing::warn!(reason = %second.one_line(), "the journal could not be written")
                }
                Ok(()) => self.done.append(&mut batch.done),
            }
            return Err(error);
        }
        written?;
        self.done.append(&mut batch.done);
        let is_open = |job: &Job<'_>| matches!(job.progress, JobProgress::Open(_));
        batch.unfinished.sort_by_key(|job| (!is_open(job), job.at));
        Ok(batch.unfinished)
    }

    fn attempt<'m>(
        &self,
        copying: &Copying<'_>,
        job: Job<'m>,
        meter: &'m Meter<'m>,
        batch: &Mutex<Batch<'m>>,
    ) -> Result<()> {
        let (at, file) = (job.at, job.file);
        let copied = copying.copy(job, meter);
        let line = match &copied {
            Ok(Copied::Complete(staged)) => self.journal_line(file, staged)?,
            _ => None,
        };
        let mut batch = batch.lock().unwrap_or_else(PoisonError::into_inner);
        match copied {
            Ok(Copied::Complete(staged)) => {
                batch.journal.extend(line);
                batch.done.push((at, staged));
            }
            Ok(Copied::Unfinished(job)) => {
                batch.unfinished.push(job);
                return Ok(());
            }
            Err(error) if self.early && error.is_source_changed() => {
                batch.shortened.extend(file.image.name.number());
            }
            Err(error) => return Err(error),
        }
        let chunk = self.chunk_of(&mut batch);
        drop(batch);
        meter.file_done();
        chunk.map_or(Ok(()), |chunk| self.append_chunk(chunk))
    }

    /// What is due to be written down while the batch goes on.
    fn chunk_of(&self, batch: &mut Batch<'_>) -> Option<Chunk> {
        let now = self.context.engine.clock.instant();
        let is_due = batch.journal.len() >= CHUNK_FILES
            || now.saturating_duration_since(batch.chunk_begun) >= CHUNK_TIME;
        if self.may_resume() || !is_due || batch.journal.is_empty() {
            return None;
        }
        let new = batch.done.get(batch.written..).unwrap_or_default();
        let chunk = Chunk {
            number: batch.chunks,
            lines: std::mem::take(&mut batch.journal),
            files: new.iter().map(|(_, file)| file.staged.clone()).collect(),
        };
        batch.written = batch.done.len();
        batch.chunks += 1;
        batch.chunk_begun = now;
        Some(chunk)
    }

    /// Makes files durable, then writes them down.
    fn append_chunk(&self, chunk: Chunk) -> Result<()> {
        let (store, durability) = (self.store(), self.context.engine.durability());
        store.persist(Persist::Uploads(&chunk.files), durability)?;
        if chunk.lines.is_empty() {
            return Ok(());
        }
        let lines = chunk.lines.into_iter();
        journal::append(store, &self.area.name, chunk.number, lines, durability)
    }

    /// The line that a file gets when it is durable. Private files are of one capture only, so they are not worth one.
    fn journal_line(&self, file: &PlannedFile<'_>, staged: &StagedFile) -> Result<Option<Vec<u8>>> {
        let Some(path) = &staged.path else {
            return Ok(None);
        };
        let entry = JournalEntry {
            staged_as: staged.staged.key.as_str().to_owned(),
            durable: self.is_durable(),
            file: file.facts(path, staged.crc32c),
        };
        journal::line_of(&entry).map(Some)
    }

    fn write_down(&mut self, batch: &mut Batch<'_>) -> Result<()> {
        let new = batch.done.get(batch.written..).unwrap_or_default();
        let mut files: Vec<Upload> = new.iter().map(|(_, file)| file.staged.clone()).collect();
        let mut entries = Vec::new();
        for job in &batch.unfinished {
            if let JobProgress::Open(open) = &job.progress {
                files.push(open.staged.clone());
                entries.extend(self.partial_entry(job, &open.staged, open.crc32c()));
            }
        }
        let durable = self.is_durable();
        batch.done.iter_mut().for_each(|(_, file)| file.durable = durable);
        let (number, lines) = (self.area.chunks, std::mem::take(&mut batch.journal));
        self.area.chunks += usize::from(!lines.is_empty());
        self.append_chunk(Chunk { number, lines, files })?;
        self.write_partial(&entries)
    }

    /// Writes down which files are copied in part, if there are any.
    fn write_partial(&mut self, entries: &[PartialEntry]) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let durability = self.context.engine.durability();
        self.area.partial_serial += 1;
        let (area, serial) = (&self.area.name, self.area.partial_serial);
        partial::write(self.store(), area, serial, entries, durability)
    }

    /// The entry for a file that a batch has left in the middle. Private files are of one capture only.
    fn partial_entry(&self, job: &Job<'_>, staged: &Upload, crc32c: Crc32c) -> Option<PartialEntry> {
        // The checksum of all its bytes is not known yet.
        let path = job.target.path(Crc32c(0), job.file.size_bytes())?;
        let entry = PartialEntry {
            staged_as: staged.key.as_str().to_owned(),
            size_bytes: staged.size_bytes,
            crc32c: crc32c.0,
            durable: self.is_durable(),
            file: job.file.facts(&path, Crc32c(0)),
        };
        (entry.size_bytes > 0).then_some(entry)
    }

    /// What a killed run has copied of this file.
    fn partial(&mut self, job: &Job<'_>) -> Result<Option<(Upload, PartialEntry)>> {
        if !self.area.has_partials() || *job.target == Target::Private {
            return Ok(None);
        }
        let key = job.key(self.id)?;
        let Some((staged, entry)) = self.area.take_partial(&job.file.decision.identity, &key) else {
            return Ok(None);
        };
        let is_right = entry.durable || self.checksum(&staged)? == Some(Crc32c(entry.crc32c));
        Ok(is_right.then_some((staged, entry)))
    }

    /// The checksum of the first bytes of a staged file; `None` if it has not so many.
    fn checksum(&self, staged: &Upload) -> Result<Option<Crc32c>> {
        let object = self.store().open_upload(staged)?;
        let mut reader = ObjectReader::new(object.as_ref()).take(staged.size_bytes);
        let (mut buffer, mut crc, mut found) = (self.context.engine.read_buffer(), 0, 0u64);
        loop {
            if self.context.observer.should_stop() {
                return Err(Error::stopped());
            }
            let count = reader.read(&mut buffer);
            let count = count.map_err(|error| Error::io(format!("reading {}", staged.key), error))?;
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
                return Ok((found == staged.size_bytes).then_some(Crc32c(crc)));
            };
            crc = crc32c::crc32c_append(crc, bytes);
            found += count as u64;
        }
    }
}

/// How many of these files are one batch.
fn in_one_batch(jobs: &VecDeque<Job<'_>>) -> usize {
    let mut bytes = 0u64;
    let sizes = jobs.iter().map(|job| job.file.size_bytes());
    let within = sizes.take(BATCH_FILES).take_while(|size| {
        let fits = bytes < BATCH_BYTES;
        bytes = bytes.saturating_add(*size);
        fits
    });
    within.count()
}
