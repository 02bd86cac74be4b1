//! WALs with their measured lengths, and copies of those that RocksDB may recycle.

use stonekeep_format::FileNumber;
use stonekeep_format::log::{LogScanner, RecordKind, has_recyclable_headers};

use super::Content;
use super::pinned::Pinned;
use super::spool::{Spool, Spooled};
use crate::{Observer, Result};

/// How many bytes of recycled WALs are kept in memory; the others go to temporary files.
const IN_MEMORY_BYTES: u64 = 16 << 20;

/// How much of a WAL is read between checks whether its log has ended.
const PIECE_BYTES: u64 = 1 << 20;

/// How much of a WAL shows whether it may be recycled.
const BEGINNING_BYTES: u64 = 18;

/// A WAL with the length that it had.
#[derive(Debug)]
pub(super) struct MeasuredWal {
    /// Its number.
    pub(super) number: FileNumber,
    /// The file; so many bytes of it count.
    pub(super) file: Pinned,
    /// Those bytes as far as its log goes, if the file will not keep them.
    pub(super) spooled: Option<Spooled>,
    /// Whether data was seen when they were read.
    pub(super) has_data: bool,
}

impl MeasuredWal {
    /// A WAL whose file keeps its bytes.
    pub(super) fn of_file(number: FileNumber, file: Pinned) -> Self {
        MeasuredWal {
            number,
            file,
            spooled: None,
            has_data: false,
        }
    }

    /// Hands the bytes that were measured to `take`, piece by piece.
    pub(super) fn for_each_piece(
        &self,
        observer: &dyn Observer,
        take: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        match &self.spooled {
            Some(spooled) => spooled.for_each_piece(observer, take),
            None => self.file.for_each_piece(observer, take),
        }
    }

    /// How many bytes can be read.
    pub(super) fn readable_bytes(&self) -> u64 {
        let spooled = self.spooled.as_ref().map(Spooled::size_bytes);
        spooled.unwrap_or(self.file.size_bytes)
    }

    /// The first bytes as the content of a file of the image.
    pub(super) fn content(&self, size_bytes: u64) -> Content {
        match &self.spooled {
            Some(spooled) => spooled.content(size_bytes),
            None => self.file.content(),
        }
    }
}

/// Reads the WALs that may be recycled.
pub(super) struct WalReader<'o> {
    memory_left: u64,
    recycles: bool,
    observer: &'o dyn Observer,
}

impl<'o> WalReader<'o> {
    /// For the WALs of a database; whether it has `recycle_log_file_num` set.
    pub(super) fn new(recycles: bool, observer: &'o dyn Observer) -> Self {
        WalReader {
            memory_left: IN_MEMORY_BYTES,
            recycles,
            observer,
        }
    }

    /// Whether the database recycles its WALs, by its settings or by what was found in one.
    pub(super) fn recycles(&self) -> bool {
        self.recycles
    }

    /// A WAL of which so many bytes count. They are read at once if the database recycles its WALs; `None` if it is
    /// shorter by now.
    ///
    /// # Errors
    /// `Io`, also if a temporary file cannot be written; `Stopped`.
    pub(super) fn read(&mut self, number: FileNumber, file: Pinned) -> Result<Option<MeasuredWal>> {
        self.recycles |= self.is_recyclable(&file)?;
        if !self.recycles {
            return Ok(Some(MeasuredWal::of_file(number, file)));
        }
        let Some((spooled, has_data)) = self.spool(number, &file)? else {
            return Ok(None);
        };
        Ok(Some(MeasuredWal {
            has_data,
            ..self.reuse(number, file, spooled)
        }))
    }

    /// A WAL that has been read before and gets no more writes.
    pub(super) fn reuse(&mut self, number: FileNumber, file: Pinned, spooled: Spooled) -> MeasuredWal {
        self.memory_left = self.memory_left.saturating_sub(spooled.bytes_in_memory());
        MeasuredWal {
            number,
            file,
            spooled: Some(spooled),
            has_data: false,
        }
    }

    fn is_recyclable(&self, file: &Pinned) -> Result<bool> {
        let mut beginning = Vec::new();
        let length = file.size_bytes.min(BEGINNING_BYTES);
        file.read_on(0, length, self.observer, &mut |piece| {
            beginning.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(has_recyclable_headers(&beginning))
    }

    /// Reads a WAL as far as its log goes, and whether there is data in it; `None` if it is shorter by now.
    fn spool(&self, number: FileNumber, file: &Pinned) -> Result<Option<(Spooled, bool)>> {
        let mut spool = Spool::of(&file.path, self.memory_left);
        let mut scanner = LogScanner::wal(number);
        let mut offset = 0;
        let (mut has_data, mut is_over) = (false, false);
        while offset < file.size_bytes && !is_over {
            let to = file.size_bytes.min(offset + PIECE_BYTES);
            let end = file.read_on(offset, to, self.observer, &mut |piece| {
                if !is_over {
                    let scanned = scanner.push(piece, &mut |record| {
                        has_data |= record.kind == RecordKind::Data;
                        Ok(())
                    });
                    // What cannot be understood is reported when the WAL is scanned.
                    is_over = scanned.is_err() || scanner.is_over();
                }
                spool.write(piece)
            })?;
            if end < to {
                return Ok(None);
            }
            offset = end;
        }
        Ok(Some((spool.finish()?, has_data)))
    }
}
