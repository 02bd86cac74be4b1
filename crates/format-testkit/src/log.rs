//! Logs as every version of RocksDB writes them; see `stonekeep_format::log` for the layout.

use stonekeep_format::checksum::{crc32c, mask};
use stonekeep_format::log::{BLOCK_BYTES, LogEnd, LogRecord, LogScanner, PredecessorWal, RecordKind};
use stonekeep_format::{ColumnFamilyId, FileNumber, Result};

use crate::coding::{put_fixed32, put_fixed64};

const FULL: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
const LAST: u8 = 4;
const SET_COMPRESSION: u8 = 9;
const TIMESTAMP_SIZES: u8 = 10;
const PREDECESSOR_WAL: u8 = 130;

/// Frames logical records as RocksDB does, from the start of a file on.
#[derive(Debug, Default)]
pub struct LogBuilder {
    log_number: Option<FileNumber>,
    in_block: usize,
    out: Vec<u8>,
}

/// How long the user-defined timestamps of a column family are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampSize {
    /// The column family.
    pub column_family: ColumnFamilyId,
    /// Bytes at the end of each of its keys.
    pub bytes: u16,
}

impl LogBuilder {
    /// A log with legacy headers: a MANIFEST, or a WAL of a database that does not reuse WALs.
    pub fn new() -> Self {
        Self::default()
    }

    /// A WAL with recyclable headers (`recycle_log_file_num`).
    pub fn recyclable(number: FileNumber) -> Self {
        LogBuilder {
            log_number: Some(number),
            ..Self::default()
        }
    }

    /// Adds a data record.
    pub fn write(&mut self, record: &[u8]) {
        self.write_chunks(&[record]);
    }

    /// Adds a data record that comes in chunks, each of which begins a fragment: so RocksDB writes what its
    /// compressor returns. An empty chunk makes no fragment unless it is the first.
    pub fn write_chunks(&mut self, chunks: &[&[u8]]) {
        let pieces: Vec<&[u8]> = chunks.iter().copied().filter(|chunk| !chunk.is_empty()).collect();
        let mut begun = false;
        for (index, piece) in pieces.iter().enumerate() {
            let mut rest = *piece;
            while !rest.is_empty() {
                let room = self.room_for_payload();
                let (fragment, later) = rest.split_at(rest.len().min(room));
                let ends = later.is_empty() && index + 1 == pieces.len();
                self.put(fragment_type(begun, ends), fragment);
                begun = true;
                rest = later;
            }
        }
        if !begun {
            self.room_for_payload();
            self.put(FULL, &[]);
        }
    }

    /// Adds the record of the compression of all data that follows (`CompressionType`); it must be the first.
    pub fn set_compression(&mut self, compression_type: u32) {
        self.put(SET_COMPRESSION, &compression_type.to_le_bytes());
    }

    /// Adds facts about the WAL before this one.
    pub fn predecessor_wal(&mut self, predecessor: &PredecessorWal) {
        let mut payload = Vec::new();
        put_fixed64(&mut payload, predecessor.number.0);
        put_fixed64(&mut payload, predecessor.size_bytes);
        put_fixed64(&mut payload, predecessor.last_sequence.0);
        self.put_unsplit(PREDECESSOR_WAL, &payload);
    }

    /// Adds sizes of user-defined timestamps, which must fit into one block.
    pub fn timestamp_sizes(&mut self, sizes: &[TimestampSize]) {
        let mut payload = Vec::new();
        for size in sizes {
            put_fixed32(&mut payload, size.column_family.0);
            payload.extend_from_slice(&size.bytes.to_le_bytes());
        }
        self.put_unsplit(TIMESTAMP_SIZES, &payload);
    }

    /// The bytes written since the last call.
    pub fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Fills up the block if no header fits, and returns how much payload fits after one.
    fn room_for_payload(&mut self) -> usize {
        let header = self.header_bytes();
        if BLOCK_BYTES - self.in_block < header {
            self.fill_block();
        }
        BLOCK_BYTES - self.in_block - header
    }

    fn header_bytes(&self) -> usize {
        if self.log_number.is_some() { 11 } else { 7 }
    }

    fn fill_block(&mut self) {
        self.out.resize(self.out.len() + BLOCK_BYTES - self.in_block, 0);
        self.in_block = 0;
    }

    /// Adds a record that must not be split (`MaybeSwitchToNewBlock`, `db/log_writer.cc`).
    fn put_unsplit(&mut self, plain: u8, payload: &[u8]) {
        if BLOCK_BYTES - self.in_block < self.header_bytes() + payload.len() {
            self.fill_block();
        }
        self.put(plain, payload);
    }

    fn put(&mut self, plain: u8, payload: &[u8]) {
        let start = self.out.len();
        self.out.extend_from_slice(&[0; 4]);
        // A block has 32 KiB, so the length fits.
        self.out.extend_from_slice(&(payload.len() as u16).to_le_bytes());
        match (self.log_number, plain) {
            (None, _) | (_, SET_COMPRESSION) => self.out.push(plain),
            (Some(number), _) => {
                self.out.push(if plain <= LAST { plain + 4 } else { plain | 1 });
                put_fixed32(&mut self.out, number.0 as u32);
            }
        }
        self.out.extend_from_slice(payload);
        let checksum = mask(crc32c(&self.out[start + 6..]));
        self.out[start..start + 4].copy_from_slice(&checksum.to_le_bytes());
        self.in_block += self.out.len() - start;
    }
}

fn fragment_type(begun: bool, ends: bool) -> u8 {
    match (begun, ends) {
        (false, true) => FULL,
        (false, false) => FIRST,
        (true, false) => MIDDLE,
        (true, true) => LAST,
    }
}

/// A [`LogRecord`] that owns its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedRecord {
    /// See [`LogRecord::offset`].
    pub offset: u64,
    /// See [`LogRecord::end_offset`].
    pub end_offset: u64,
    /// See [`LogRecord::kind`].
    pub kind: RecordKind,
    /// See [`LogRecord::recyclable`].
    pub recyclable: bool,
    /// See [`LogRecord::payload`].
    pub payload: Vec<u8>,
}

impl From<LogRecord<'_>> for OwnedRecord {
    fn from(record: LogRecord<'_>) -> Self {
        OwnedRecord {
            offset: record.offset,
            end_offset: record.end_offset,
            kind: record.kind,
            recyclable: record.recyclable,
            payload: record.payload.to_vec(),
        }
    }
}

/// Reads a log that is in memory, with a scanner that is at its start.
///
/// # Errors
/// As [`LogScanner::push`].
pub fn scan(mut scanner: LogScanner, bytes: &[u8]) -> Result<(Vec<OwnedRecord>, LogEnd)> {
    let mut records = Vec::new();
    scanner.push(bytes, &mut |record| {
        records.push(OwnedRecord::from(record));
        Ok(())
    })?;
    Ok((records, scanner.finish()))
}

/// Sets the checksum of every physical record that is complete, as whoever changes records and wants to be believed would.
pub fn repair_checksums(log: &mut [u8]) {
    for block in log.chunks_mut(BLOCK_BYTES) {
        let mut at = 0;
        while let Some(header) = block.get(at..at + 7) {
            let payload = usize::from(u16::from_le_bytes([header[4], header[5]]));
            let with_number = matches!(header[6], 5..=8) || (header[6] > 9 && header[6] & 1 == 1);
            let end = at + if with_number { 11 } else { 7 } + payload;
            if header.iter().all(|byte| *byte == 0) || end > block.len() {
                break;
            }
            let stored = mask(crc32c(&block[at + 6..end]));
            block[at..at + 4].copy_from_slice(&stored.to_le_bytes());
            at = end;
        }
    }
}
