//! Copying one file, or as much of it as a batch has time for.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use stonekeep_format::{BackupId, Crc32c};

use super::context::Context;
use super::decision::{PlannedFile, StagedFile, Target, shareable};
use super::ends;
use super::source::explain_short_source;
use crate::engine::transfer::{Meter, Metered};
use crate::image::{ImageFile, SourceFile};
use crate::store::{Key, ObjectReader, PutMode, Upload};
use crate::{Clock, Error, ErrorKind, Result};

/// How long a batch copies until it is made durable and written down: with the last read that is under way, a killed run
/// loses no more than ten seconds of copying, however large the files are.
const BATCH_TIME: Duration = Duration::from_secs(8);

/// When a batch ends.
#[derive(Clone, Copy)]
pub(super) struct Limit<'a> {
    clock: &'a dyn Clock,
    ends_at: Option<Instant>,
}

impl<'a> Limit<'a> {
    /// From now on.
    pub(super) fn from_now(clock: &'a dyn Clock) -> Self {
        let ends_at = clock.instant().checked_add(BATCH_TIME);
        Limit { clock, ends_at }
    }

    /// Never: each file is copied to its end.
    pub(super) fn none(clock: &'a dyn Clock) -> Self {
        Limit { clock, ends_at: None }
    }

    fn is_over(&self) -> bool {
        self.ends_at
            .is_some_and(|ends_at| self.clock.instant() >= ends_at)
    }
}

/// Reads until the batch ends.
struct Cut<'r, R> {
    inner: &'r mut R,
    limit: &'r Limit<'r>,
}

impl<R: Read> Read for Cut<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.limit.is_over() {
            Ok(0)
        } else {
            self.inner.read(buffer)
        }
    }
}

/// A file that is to be copied.
pub(super) struct Job<'m> {
    /// Its place in the plan.
    pub(super) at: usize,
    pub(super) file: &'m PlannedFile<'m>,
    pub(super) target: &'m Target,
    pub(super) progress: JobProgress<'m>,
}

/// How far a copy is.
pub(super) enum JobProgress<'m> {
    Nothing,
    /// A killed run has staged these bytes, which have this checksum.
    Kept(Upload, Crc32c),
    /// A batch ended in the middle of it.
    Open(Box<OpenCopy<'m>>),
}

/// A copy that is under way.
pub(super) struct OpenCopy<'m> {
    pub(super) staged: Upload,
    source: ends::Reader<Metered<'m, Box<dyn Read + Send>>>,
    /// Whether the first bytes are those of a killed run, so that this one has not seen them.
    resumed: bool,
}

impl OpenCopy<'_> {
    /// The checksum of what is copied.
    pub(super) fn crc32c(&self) -> Crc32c {
        self.source.source().crc32c()
    }
}

/// What became of a file in a batch.
pub(super) enum Copied<'m> {
    Complete(StagedFile),
    /// The batch ended before, or in the middle of it.
    Unfinished(Job<'m>),
}

impl<'m> Job<'m> {
    pub(super) fn new(at: usize, file: &'m PlannedFile<'m>, target: &'m Target) -> Self {
        Job {
            at,
            file,
            target,
            progress: JobProgress::Nothing,
        }
    }

    /// The name of the file in a staging area.
    pub(super) fn key(&self, id: BackupId) -> Result<Key> {
        let name = &self.file.image.name;
        Key::new(match self.target {
            Target::Shared(path) => path.to_string(),
            Target::SharedByChecksum(..) => format!("shared_checksum/{name}"),
            Target::Private => format!("private/{id}/{name}"),
        })
    }
}

/// Where files are copied to, and how.
pub(super) struct Copying<'c> {
    pub(super) context: Context<'c>,
    pub(super) area: &'c str,
    /// The id that private files are staged under; the backup may get another one.
    pub(super) id: BackupId,
    pub(super) limit: Limit<'c>,
}

impl Copying<'_> {
    /// Copies a file, or what of it the batch has time for.
    ///
    /// # Errors
    /// Those of reading and writing; `Corrupt` for a file of the database that is damaged.
    pub(super) fn copy<'m>(&self, mut job: Job<'m>, meter: &'m Meter<'m>) -> Result<Copied<'m>> {
        meter.check()?;
        if self.limit.is_over() {
            return Ok(Copied::Unfinished(job));
        }
        let image = job.file.image;
        let progress = std::mem::replace(&mut job.progress, JobProgress::Nothing);
        let open = match progress {
            JobProgress::Open(open) => self.go_on(*open, image)?,
            JobProgress::Kept(staged, crc32c) => match self.resume(image, staged, crc32c, meter) {
                // It is of no use: nothing of the database's file has been read yet.
                Err(error) if is_useless(&error) => return self.copy(job, meter),
                open => open?,
            },
            JobProgress::Nothing => {
                let (source, key) = (self.context.sources.open(image)?, job.key(self.id)?);
                if let Some((staged, crc32c)) = self.share_blocks(&key, image, &source, meter)? {
                    return complete(&job, staged, crc32c).map(Copied::Complete);
                }
                self.begin(&key, job.file, source, meter)?
            }
        };
        if open.source.source().left() > 0 {
            job.progress = JobProgress::Open(Box::new(open));
            return Ok(Copied::Unfinished(job));
        }
        let (source, ends) = open.source.into_parts();
        let ends = if open.resumed {
            self.ends_of(&open.staged)?
        } else {
            ends
        };
        self.context.unknown_formats.judge(&ends, image)?;
        complete(&job, open.staged, source.crc32c()).map(Copied::Complete)
    }

    /// Copies a file from its first byte. An upload whose end was not answered is made again, over what it may have left.
    fn begin<'m>(
        &self,
        key: &Key,
        file: &'m PlannedFile<'m>,
        mut source: SourceFile,
        meter: &'m Meter<'m>,
    ) -> Result<OpenCopy<'m>> {
        let (image, mut mode, mut repetitions) = (file.image, file.decision.mode, 0);
        loop {
            match self.begin_once(key, image, source, meter, mode) {
                Err(error) if error.wants_content_again(repetitions) => {
                    tracing::warn!(%key, error = %error.one_line(), "the file is uploaded again");
                }
                open => return open,
            }
            (mode, repetitions) = (PutMode::Replace, repetitions + 1);
            source = self.context.sources.open_anywhere(image)?;
        }
    }

    fn begin_once<'m>(
        &self,
        key: &Key,
        image: &'m ImageFile,
        source: SourceFile,
        meter: &'m Meter<'m>,
        mode: PutMode,
    ) -> Result<OpenCopy<'m>> {
        let (size_bytes, buffer_bytes) = (image.size_bytes, self.context.engine.io_buffer_bytes());
        let source = Metered::new(source.into_reader(), image, size_bytes, meter).at_most(buffer_bytes.get());
        let mut source = ends::Reader::new(source, size_bytes);
        let mut content = Cut {
            inner: &mut source,
            limit: &self.limit,
        };
        let staged = self
            .context
            .store()
            .upload(self.area, key, &mut content, size_bytes, mode);
        let staged = match staged {
            Err(error) if error.wants_content_again(0) => {
                meter.take_back(size_bytes - source.source().left());
                return Err(error);
            }
            staged => staged.map_err(|error| explain_short_source(error, image))?,
        };
        Ok(OpenCopy {
            staged,
            source,
            resumed: false,
        })
    }

    fn resume<'m>(
        &self,
        image: &'m ImageFile,
        staged: Upload,
        crc32c: Crc32c,
        meter: &'m Meter<'m>,
    ) -> Result<OpenCopy<'m>> {
        let (kept, buffer_bytes) = (staged.size_bytes, self.context.engine.io_buffer_bytes());
        let source = self.context.sources.open_anywhere(image)?;
        let left = image.size_bytes.saturating_sub(kept);
        let source = Metered::new(source.into_reader_at(kept), image, left, meter);
        let source = source.at_most(buffer_bytes.get()).after(crc32c);
        let open = OpenCopy {
            staged,
            source: ends::Reader::new(source, left),
            resumed: true,
        };
        let open = self.go_on(open, image)?;
        meter.skip(kept);
        Ok(open)
    }

    fn go_on<'m>(&self, mut open: OpenCopy<'m>, image: &ImageFile) -> Result<OpenCopy<'m>> {
        let left = open.source.source().left();
        let mut content = Cut {
            inner: &mut open.source,
            limit: &self.limit,
        };
        let store = self.context.store();
        let staged = store.resume(&open.staged, self.area, &mut content, left);
        open.staged = staged.map_err(|error| explain_short_source(error, image))?;
        Ok(open)
    }

    fn ends_of(&self, staged: &Upload) -> Result<ends::Ends> {
        let object = self.context.store().open_upload(staged)?;
        ends::Ends::read(object.as_ref()).map_err(|error| Error::io(format!("reading {}", staged.key), error))
    }

    /// Stages a table or blob whose blocks are shared with the database's file; `None` where it has to be copied.
    ///
    /// The bytes that are staged then are read for their checksum, unless the MANIFEST has one: of such a file only the
    /// ends are read, and damage between them that the database's file has already is found when the backup is verified,
    /// not when it is made.
    fn share_blocks(
        &self,
        key: &Key,
        image: &ImageFile,
        source: &SourceFile,
        meter: &Meter<'_>,
    ) -> Result<Option<(Upload, Crc32c)>> {
        let (engine, size_bytes) = (self.context.engine, image.size_bytes);
        let SourceFile::File { file, directory, .. } = source else {
            return Ok(None);
        };
        if !engine.options().reflink || shareable(&image.name).is_none() || !directory.may_share_blocks() {
            return Ok(None);
        }
        let Some(staged) = self
            .context
            .store()
            .upload_clone(self.area, key, file, size_bytes)?
        else {
            directory.shares_no_blocks();
            return Ok(None);
        };
        let object = self.context.store().open_upload(&staged)?;
        let ends = ends::Ends::read(object.as_ref());
        let ends = ends.map_err(|error| Error::io(format!("reading {key}"), error))?;
        self.context.unknown_formats.judge(&ends, image)?;
        if let Some(crc32c) = image.crc32c {
            meter.skip(size_bytes);
            return Ok(Some((staged, crc32c)));
        }
        let mut reader = Metered::new(ObjectReader::new(object.as_ref()), key, size_bytes, meter);
        let crc32c = reader.drain(&mut engine.read_buffer())?;
        Ok(Some((staged, crc32c)))
    }
}

fn complete(job: &Job<'_>, staged: Upload, crc32c: Crc32c) -> Result<StagedFile> {
    check(job, crc32c)?;
    let size_bytes = job.file.size_bytes();
    tracing::debug!(key = %staged.key, bytes = size_bytes, "copied");
    Ok(StagedFile {
        path: job.target.path(crc32c, size_bytes),
        crc32c,
        staged,
        durable: false,
        by_killed_run: false,
    })
}

/// A checksum that the MANIFEST has, or that is in the name because the file had it when it was last backed up.
fn check(job: &Job<'_>, crc32c: Crc32c) -> Result<()> {
    let image = job.file.image;
    let named = match job.target {
        Target::Shared(path) => path.crc32c(),
        _ => None,
    };
    let damaged = |wanted: Crc32c, who: &str| {
        let reason =
            format!("its checksum is {crc32c:#010x}, {who} {wanted:#010x}: the database's file is damaged");
        Err(Error::corrupt(image.name.to_string(), reason))
    };
    match (image.crc32c, named) {
        (Some(wanted), _) if wanted != crc32c => damaged(wanted, "the MANIFEST has"),
        (_, Some(wanted)) if wanted != crc32c => damaged(wanted, "in the backup before it was"),
        _ => Ok(()),
    }
}

/// Whether what a killed run has staged cannot be extended.
fn is_useless(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::Refused | ErrorKind::Corrupt
    ) && !error.is_source_changed()
}
