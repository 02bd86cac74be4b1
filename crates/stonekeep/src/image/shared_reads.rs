//! Tables and blobs that several backups copy at the same time, read once for all of them.
//!
//! Each backup says which files it will read. Who reads a piece first keeps it for the others, in memory of limited size; the
//! oldest pieces go when that is full. Nobody waits for another one except while that one reads the very piece: a backup that
//! is slower than the others by more than the memory holds reads again by itself.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use crate::disk::SparingReads;
use crate::sync::{Mutex, MutexGuard};

/// How much is read at a time, and kept at most.
const PIECE_BYTES: usize = 256 << 10;
const MOST_PIECES: usize = 256;

/// How many pieces that nobody needs any more are kept to be used again: fresh memory costs as much as the copying.
const MOST_SPARE: usize = 32;

/// The most backups that can share: one bit for each.
pub(crate) const MOST_SHARERS: usize = 64;

/// A piece of a file: its path, and its number.
type PieceId = (Arc<Path>, u64);

/// The bytes of a piece: locked while they are read, `None` if that failed.
type Bytes = Arc<Mutex<Option<Arc<Vec<u8>>>>>;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct SharedReads(Mutex<Pieces>);

#[derive(Debug, Default)]
struct Pieces {
    /// Who will read a file: the bit of each backup, and the piece that it has come to.
    readers: HashMap<Arc<Path>, Vec<(u64, u64)>>,
    kept: HashMap<PieceId, Kept>,
    /// The kept pieces, the oldest first, and some that are gone already.
    order: VecDeque<PieceId>,
    spare: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Kept {
    /// Who has not had it yet.
    left: u64,
    bytes: Bytes,
}

/// The part that one backup has in it. When it ends, nothing is kept for it any more.
#[derive(Debug)]
pub(crate) struct Share {
    reads: Arc<SharedReads>,
    bit: u64,
}

impl Share {
    /// That of the backup with this number, below [`MOST_SHARERS`].
    pub(crate) fn new(reads: &Arc<SharedReads>, number: usize) -> Self {
        Share {
            reads: Arc::clone(reads),
            bit: 1 << (number % MOST_SHARERS),
        }
    }

    /// Says that this backup will read a file.
    pub(crate) fn announce(&self, path: &Path) {
        let mut pieces = self.reads.lock();
        let readers = pieces.readers.entry(path.into()).or_default();
        readers.retain(|(bit, _)| *bit != self.bit);
        readers.push((self.bit, 0));
    }

    /// Reads a file, for the others as well.
    pub(crate) fn reader(
        self: &Arc<Self>,
        path: PathBuf,
        file: Arc<File>,
        reads: Arc<SparingReads>,
        offset: u64,
    ) -> SharedReader {
        SharedReader {
            share: Arc::clone(self),
            path: path.into(),
            file,
            reads,
            offset,
            piece: None,
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut pieces = self.reads.lock();
        pieces.readers.retain(|_, readers| {
            readers.retain(|(bit, _)| *bit != self.bit);
            !readers.is_empty()
        });
        pieces.kept.retain(|_, kept| {
            kept.left &= !self.bit;
            kept.left != 0
        });
    }
}

impl SharedReads {
    fn lock(&self) -> MutexGuard<'_, Pieces> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pieces {
    /// Notes how far a backup is with a file that it has announced.
    fn come_to(&mut self, path: &Arc<Path>, bit: u64, piece: u64) {
        let mut readers = self.readers.get_mut(path).into_iter().flatten();
        if let Some((_, next)) = readers.find(|(of, _)| *of == bit) {
            *next = piece;
        }
    }

    /// Takes a piece that another backup has read, or is reading.
    fn take(&mut self, id: &PieceId, bit: u64) -> Option<Bytes> {
        let kept = self.kept.get_mut(id)?;
        let bytes = Arc::clone(&kept.bytes);
        kept.left &= !bit;
        if kept.left == 0 {
            self.kept.remove(id);
        }
        Some(bytes)
    }

    /// A place for a piece that is about to be read; `None` if nobody else will want it.
    fn begin(&mut self, id: &PieceId, bit: u64) -> Option<Bytes> {
        let readers = self.readers.get(&id.0).map(Vec::as_slice).unwrap_or_default();
        let still_want = readers
            .iter()
            .filter(|(other, next)| *other != bit && *next <= id.1);
        let left = still_want.fold(0, |left, (other, _)| left | other);
        if left == 0 {
            return None;
        }
        let bytes = Bytes::default();
        let kept = Kept {
            left,
            bytes: Arc::clone(&bytes),
        };
        self.kept.insert(id.clone(), kept);
        self.order.push_back(id.clone());
        while self.order.len() > MOST_PIECES {
            if let Some(oldest) = self.order.pop_front() {
                self.kept.remove(&oldest);
            }
        }
        Some(bytes)
    }
}

/// Reads a file from some byte on.
#[derive(Debug)]
pub(crate) struct SharedReader {
    share: Arc<Share>,
    path: Arc<Path>,
    file: Arc<File>,
    reads: Arc<SparingReads>,
    offset: u64,
    /// The piece that is being read.
    piece: Option<(u64, Arc<Vec<u8>>)>,
}

impl SharedReader {
    fn piece(&mut self, number: u64) -> io::Result<Arc<Vec<u8>>> {
        if let Some((_, bytes)) = self.piece.as_ref().filter(|(of, _)| *of == number) {
            return Ok(Arc::clone(bytes));
        }
        self.put_back();
        let bytes = self.fetch(number)?;
        self.piece = Some((number, Arc::clone(&bytes)));
        Ok(bytes)
    }

    /// Gives the memory of the last piece back, if nobody else has it.
    fn put_back(&mut self) {
        if let Some(bytes) = self.piece.take().and_then(|(_, bytes)| Arc::into_inner(bytes)) {
            let mut pieces = self.share.reads.lock();
            if pieces.spare.len() < MOST_SPARE {
                pieces.spare.push(bytes);
            }
        }
    }

    fn fetch(&self, number: u64) -> io::Result<Arc<Vec<u8>>> {
        let (id, bit) = ((Arc::clone(&self.path), number), self.share.bit);
        let mut pieces = self.share.reads.lock();
        pieces.come_to(&id.0, bit, number + 1);
        if let Some(place) = pieces.take(&id, bit) {
            drop(pieces);
            let bytes = place.lock().unwrap_or_else(PoisonError::into_inner).clone();
            return bytes.map_or_else(|| self.read_piece(number), Ok);
        }
        let Some(place) = pieces.begin(&id, bit) else {
            drop(pieces);
            return self.read_piece(number);
        };
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        drop(pieces);
        let bytes = self.read_piece(number)?;
        *place = Some(Arc::clone(&bytes));
        Ok(bytes)
    }

    fn read_piece(&self, number: u64) -> io::Result<Arc<Vec<u8>>> {
        let (from, mut filled) = (number * PIECE_BYTES as u64, 0);
        let length = self.file.metadata()?.len().saturating_sub(from);
        let mut bytes = self.share.reads.lock().spare.pop().unwrap_or_default();
        bytes.resize(usize::try_from(length).unwrap_or(PIECE_BYTES).min(PIECE_BYTES), 0);
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.reads.read_at(&self.file, rest, from + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(Arc::new(bytes))
    }
}

impl Read for SharedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let number = self.offset / PIECE_BYTES as u64;
        let bytes = self.piece(number)?;
        let at = (self.offset % PIECE_BYTES as u64) as usize;
        let rest = bytes.get(at..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.offset += count as u64;
        Ok(count)
    }
}

impl Drop for SharedReader {
    /// Whoever reads the file once more reads it by itself.
    fn drop(&mut self) {
        self.put_back();
        let mut pieces = self.share.reads.lock();
        let bit = self.share.bit;
        if let Some(readers) = pieces.readers.get_mut(&self.path) {
            readers.retain(|(of, _)| *of != bit);
        }
        let path = Arc::clone(&self.path);
        pieces.kept.retain(|(of, _), kept| {
            if *of == path {
                kept.left &= !bit;
            }
            kept.left != 0
        });
    }
}

#[cfg(all(test, shuttle))]
mod interleaved;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn reader(share: &Arc<Share>, path: &Path, offset: u64) -> SharedReader {
        let file = Arc::new(File::open(path).unwrap());
        share.reader(path.to_owned(), file, Arc::default(), offset)
    }

    #[test]
    fn every_backup_gets_all_bytes_and_what_is_read_once_is_not_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("000007.sst");
        let content: Vec<u8> = (0..3 * PIECE_BYTES + 5).map(|at| (at % 251) as u8).collect();
        fs::write(&path, &content).unwrap();
        let reads = Arc::<SharedReads>::default();
        let shares: Vec<_> = (0..3)
            .map(|number| Arc::new(Share::new(&reads, number)))
            .collect();
        shares[0].announce(&path);
        shares[1].announce(&path);
        let (mut first, mut second) = (reader(&shares[0], &path, 0), reader(&shares[1], &path, 0));
        let mut late = reader(&shares[2], &path, 3);
        let mut all = Vec::new();
        first.read_to_end(&mut all).unwrap();
        assert_eq!(all, content);
        assert_eq!(reads.lock().kept.len(), 4);
        // The bytes come from memory.
        fs::write(&path, vec![0; content.len()]).unwrap();
        all.clear();
        second.read_to_end(&mut all).unwrap();
        assert_eq!(all, content);
        assert_eq!(reads.lock().kept.len(), 0);
        // One that has not said so reads by itself.
        all.clear();
        late.read_to_end(&mut all).unwrap();
        assert_eq!(all, vec![0; content.len() - 3]);
    }

    #[test]
    fn nothing_is_kept_for_a_backup_that_has_ended_nor_more_than_the_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("000007.sst");
        let file = File::create(&path).unwrap();
        file.set_len((MOST_PIECES as u64 + 5) * PIECE_BYTES as u64)
            .unwrap();
        let reads = Arc::<SharedReads>::default();
        let [first, second] = [0, 1].map(|number| Arc::new(Share::new(&reads, number)));
        first.announce(&path);
        second.announce(&path);
        let mut ahead = reader(&first, &path, 0);
        io::copy(&mut ahead, &mut io::sink()).unwrap();
        assert_eq!(reads.lock().kept.len(), MOST_PIECES);
        let mut behind = reader(&second, &path, 0);
        assert_eq!(behind.read(&mut [1; 9]).unwrap(), 9);
        drop(behind);
        assert!(reads.lock().kept.is_empty());
        second.announce(&path);
        drop(reader(&first, &path, 0));
        drop(second);
        assert!(reads.lock().readers.values().all(Vec::is_empty));
    }
}
