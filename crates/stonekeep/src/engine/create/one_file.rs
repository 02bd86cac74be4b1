//! Copying one file, or as much of it as a batch has time for.

use std::io::Read;

use stonekeep_format::Crc32c;
use stonekeep_format::backup_name::{RepoPath, SharedName};

use super::batch::{Copied, Cut, Limit};
use super::copy::{Copier, Ready};
use super::ends;
use super::plan::Target;
use super::reflink;
use super::source::{Source, explain_short_source};
use crate::engine::transfer::{Meter, Metered};
use crate::image::ImageFile;
use crate::store::{Key, Staged};
use crate::{Error, ErrorKind, Result};

/// A file that is to be copied.
pub(super) struct Job<'m> {
    /// Its place among the planned files.
    pub(super) at: usize,
    start: Start<'m>,
}

enum Start<'m> {
    Anew,
    /// Behind the bytes that a killed run has staged.
    Behind(Staged, Crc32c),
    /// Where an earlier batch ended.
    Under(Box<Under<'m>>),
}

/// A file that a batch has left in the middle.
pub(super) struct Under<'m> {
    pub(super) at: usize,
    pub(super) staged: Staged,
    source: ends::Reader<Metered<'m, Box<dyn Read + Send>>>,
    /// Whether its first bytes are of a killed run, so that this one has not seen them.
    resumed: bool,
}

impl Under<'_> {
    /// The checksum of what is copied.
    pub(super) fn crc32c(&self) -> Crc32c {
        self.source.source().crc32c()
    }
}

impl<'m> Job<'m> {
    pub(super) fn anew(at: usize) -> Self {
        let start = Start::Anew;
        Job { at, start }
    }

    pub(super) fn behind(at: usize, staged: Staged, crc32c: Crc32c) -> Self {
        let start = Start::Behind(staged, crc32c);
        Job { at, start }
    }

    pub(super) fn go_on(under: Under<'m>) -> Self {
        let at = under.at;
        let start = Start::Under(Box::new(under));
        Job { at, start }
    }
}

impl<'a> Copier<'a> {
    /// Copies a file, or what of it the batch has time for.
    pub(super) fn copy<'m>(&self, job: Job<'m>, meter: &'m Meter<'m>, limit: &Limit<'_>) -> Result<Copied<'m>>
    where
        'a: 'm,
    {
        meter.check()?;
        if limit.is_over() {
            return Ok(Copied::Later(job));
        }
        let Job { at, start } = job;
        let (_, image) = self.file(at)?;
        let (target, key) = self.target(at)?;
        let under = match start {
            Start::Under(under) => self.go_on(*under, image, limit)?,
            Start::Behind(staged, crc32c) => match self.resume((at, image), (staged, crc32c), meter, limit) {
                // It is of no use: nothing of the database's file has been read yet.
                Err(error) if is_useless(&error) => return self.copy(Job::anew(at), meter, limit),
                under => under?,
            },
            Start::Anew => {
                let source = self.context.sources.open(image)?;
                let name = &self.area.name;
                if let Some(shared) = reflink::stage(&self.context, name, &key, (image, &source), meter)? {
                    return self.whole(at, target, shared).map(Copied::Whole);
                }
                self.begin(&key, (at, image), source, meter, limit)?
            }
        };
        if under.source.source().left() > 0 {
            return Ok(Copied::Cut(under));
        }
        let (resumed, staged) = (under.resumed, under.staged);
        let (source, ends) = under.source.into_parts();
        let ends = if resumed { self.ends_of(&staged)? } else { ends };
        self.context.judge(&ends, image)?;
        self.whole(at, target, (staged, source.crc32c()))
            .map(Copied::Whole)
    }

    fn begin<'m>(
        &self,
        key: &Key,
        (at, image): (usize, &'a ImageFile),
        source: Source,
        meter: &'m Meter<'m>,
        limit: &Limit<'_>,
    ) -> Result<Under<'m>>
    where
        'a: 'm,
    {
        let (size_bytes, buffer_bytes) = (image.size_bytes, self.context.engine.io_buffer_bytes());
        let source = Metered::new(source.into_reader(), image, size_bytes, meter).at_most(buffer_bytes.get());
        let mut source = ends::Reader::new(source, size_bytes);
        let mut content = Cut {
            inner: &mut source,
            limit,
        };
        let staged = self.store().stage(&self.area.name, key, &mut content, size_bytes);
        let staged = staged.map_err(|error| explain_short_source(error, image))?;
        Ok(Under {
            at,
            staged,
            source,
            resumed: false,
        })
    }

    fn resume<'m>(
        &self,
        (at, image): (usize, &'a ImageFile),
        (staged, crc32c): (Staged, Crc32c),
        meter: &'m Meter<'m>,
        limit: &Limit<'_>,
    ) -> Result<Under<'m>>
    where
        'a: 'm,
    {
        let (kept, buffer_bytes) = (staged.size_bytes, self.context.engine.io_buffer_bytes());
        let source = self.context.sources.open_anywhere(image)?;
        let left = image.size_bytes.saturating_sub(kept);
        let source = Metered::new(source.into_reader_at(kept), image, left, meter);
        let source = source.at_most(buffer_bytes.get()).after(crc32c);
        let under = Under {
            at,
            staged,
            source: ends::Reader::new(source, left),
            resumed: true,
        };
        let under = self.go_on(under, image, limit)?;
        meter.skip(kept);
        Ok(under)
    }

    fn go_on<'m>(&self, mut under: Under<'m>, image: &ImageFile, limit: &Limit<'_>) -> Result<Under<'m>> {
        let left = under.source.source().left();
        let mut content = Cut {
            inner: &mut under.source,
            limit,
        };
        let staged = self
            .store()
            .extend(&under.staged, &self.area.name, &mut content, left);
        under.staged = staged.map_err(|error| explain_short_source(error, image))?;
        Ok(under)
    }

    fn ends_of(&self, staged: &Staged) -> Result<ends::Ends> {
        let object = self.store().open_staged(staged)?;
        ends::Ends::read(object.as_ref()).map_err(|error| Error::io(format!("reading {}", staged.key), error))
    }

    fn whole(&self, at: usize, target: &Target, (staged, crc32c): (Staged, Crc32c)) -> Result<Ready> {
        let (file, image) = self.file(at)?;
        check(image, target, crc32c)?;
        tracing::debug!(key = %staged.key, bytes = file.size_bytes, "copied");
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

/// Whether what a killed run has staged cannot be gone on with.
fn is_useless(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::Refused | ErrorKind::Corrupt
    ) && !error.is_source_changed()
}
