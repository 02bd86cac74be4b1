//! Which files are copied in which batch, and which of them go on where a killed run was.

use std::collections::VecDeque;
use std::io::Read;

use stonekeep_format::Crc32c;
use stonekeep_format::backup_name::{RepoPath, SharedName};

use super::copy::{Copier, file_facts};
use super::identity::Identity;
use super::one_file::{Job, Under};
use super::plan::{Target, shareable};
use crate::repo::partial::PartialEntry;
use crate::store::{Durability, ObjectReader, Staged};
use crate::{Error, Result};

/// A batch ends after so many bytes or files: what a killed run must copy again at most, against a flush of the disk
/// for each batch. It also ends after some seconds.
const BATCH_BYTES: u64 = 4 << 30;
const BATCH_FILES: usize = 16_384;

impl<'a> Copier<'a> {
    /// The files to copy. Those that a killed run has copied in part are written down as parts of this run's area before
    /// they are moved there: whenever this run is killed, one of both areas has each of them, and its record.
    pub(super) fn jobs<'m>(&mut self, copies: &[usize]) -> Result<Vec<Job<'m>>> {
        let (mut jobs, mut entries) = (Vec::with_capacity(copies.len()), Vec::new());
        for at in copies {
            jobs.push(match self.partial(*at)? {
                Some((staged, entry)) => {
                    let crc32c = Crc32c(entry.crc32c);
                    entries.push(entry);
                    Job::behind(*at, staged, crc32c)
                }
                None => Job::anew(*at),
            });
        }
        self.write_partial(&entries)?;
        Ok(jobs)
    }

    /// How many of them are one batch.
    pub(super) fn in_one_batch(&self, jobs: &VecDeque<Job<'_>>) -> usize {
        let mut bytes = 0u64;
        let sizes = jobs
            .iter()
            .map(|job| self.file(job.at).map_or(0, |(file, _)| file.size_bytes));
        let within = sizes.take(BATCH_FILES).take_while(|size| {
            let fits = bytes < BATCH_BYTES;
            bytes = bytes.saturating_add(*size);
            fits
        });
        within.count()
    }

    /// The entry for a file that a batch has left in the middle. Private files are of one capture only.
    pub(super) fn partial_entry(&self, under: &Under<'_>) -> Result<Option<PartialEntry>> {
        let (target, _) = self.target(under.at)?;
        let (planned, image) = self.file(under.at)?;
        let path = match target {
            Target::Shared(path) => path.clone(),
            Target::SharedByChecksum(number, kind) => {
                let name = SharedName::legacy(*number, *kind, Crc32c(0), planned.size_bytes);
                RepoPath::SharedChecksum(name)
            }
            Target::Private => return Ok(None),
        };
        let entry = PartialEntry {
            staged_as: under.staged.key.as_str().to_owned(),
            size_bytes: under.staged.size_bytes,
            crc32c: under.crc32c().0,
            durable: self.context.engine.durability() == Durability::Durable,
            file: file_facts(planned, image, path.to_string(), Crc32c(0)),
        };
        Ok((entry.size_bytes > 0).then_some(entry))
    }

    fn partial(&mut self, at: usize) -> Result<Option<(Staged, PartialEntry)>> {
        if !self.area.has_partials() {
            return Ok(None);
        }
        let (target, key) = self.target(at)?;
        let (_, image) = self.file(at)?;
        let number = match (target, shareable(&image.name)) {
            (Target::Private, _) | (_, None) => return Ok(None),
            (_, Some((number, _))) => number,
        };
        let identity = Identity::of(image, number)?;
        let Some((staged, entry)) = self.area.take_partial(&identity, &key) else {
            return Ok(None);
        };
        let is_right = entry.durable || self.checksum(&staged)? == Some(Crc32c(entry.crc32c));
        Ok(is_right.then_some((staged, entry)))
    }

    /// The checksum of the first bytes of a staged file; `None` if it has not so many.
    fn checksum(&self, staged: &Staged) -> Result<Option<Crc32c>> {
        let object = self.store().open_staged(staged)?;
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
