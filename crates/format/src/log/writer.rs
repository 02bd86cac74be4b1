//! Writes a log.

use super::record::{PredecessorWal, TimestampSize};
use super::{BLOCK_BYTES, physical, record_type};
use crate::FileNumber;
use crate::coding::{put_fixed16, put_fixed32};

/// Frames logical records as RocksDB does, from the start of a file on.
#[derive(Debug, Default)]
pub struct LogWriter {
    log_number: Option<FileNumber>,
    in_block: usize,
    out: Vec<u8>,
}

impl LogWriter {
    /// A log with legacy headers: a MANIFEST, or a WAL of a database that does not reuse WALs.
    pub fn new() -> Self {
        Self::default()
    }

    /// A WAL with recyclable headers (`recycle_log_file_num`).
    pub fn recyclable(number: FileNumber) -> Self {
        LogWriter {
            log_number: Some(number),
            ..Self::default()
        }
    }

    /// Adds a data record.
    pub fn write(&mut self, record: &[u8]) {
        self.write_chunks(&[record]);
    }

    /// Adds a data record that comes in chunks, each of which begins a fragment: so RocksDB writes what its
    /// compressor hands out. An empty chunk makes no fragment unless it is the first.
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
            self.put(record_type::FULL, &[]);
        }
    }

    /// Adds the record that says how all data that follows is compressed (`CompressionType`); it must be the
    /// first.
    pub fn set_compression(&mut self, compression_type: u32) {
        self.put(record_type::SET_COMPRESSION, &compression_type.to_le_bytes());
    }

    /// Adds facts about the WAL before this one.
    pub fn predecessor_wal(&mut self, predecessor: &PredecessorWal) {
        self.put_whole(record_type::PREDECESSOR_WAL, &predecessor.encode());
    }

    /// Adds sizes of user-defined timestamps, which must fit into one block.
    pub fn timestamp_sizes(&mut self, sizes: &[TimestampSize]) {
        let mut payload = Vec::new();
        for size in sizes {
            put_fixed32(&mut payload, size.column_family.0);
            put_fixed16(&mut payload, size.bytes);
        }
        self.put_whole(record_type::TIMESTAMP_SIZES, &payload);
    }

    /// The bytes written since the last call.
    pub fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Fills up the block if no header fits, and says how much payload fits after one.
    fn room_for_payload(&mut self) -> usize {
        let header = self.header_bytes();
        if BLOCK_BYTES - self.in_block < header {
            self.fill_block();
        }
        BLOCK_BYTES - self.in_block - header
    }

    fn header_bytes(&self) -> usize {
        physical::header_bytes(self.typed(record_type::FULL))
    }

    fn fill_block(&mut self) {
        self.out.resize(self.out.len() + BLOCK_BYTES - self.in_block, 0);
        self.in_block = 0;
    }

    /// Adds a record that must not be split (`MaybeSwitchToNewBlock`, `db/log_writer.cc`).
    fn put_whole(&mut self, plain: u8, payload: &[u8]) {
        if BLOCK_BYTES - self.in_block < self.header_bytes() + payload.len() {
            self.fill_block();
        }
        self.put(plain, payload);
    }

    fn put(&mut self, plain: u8, payload: &[u8]) {
        let before = self.out.len();
        let log_number = self.log_number.map_or(0, |number| number.0 as u32);
        let record_type = self.typed(plain);
        physical::put(&mut self.out, record_type, log_number, payload);
        self.in_block += self.out.len() - before;
    }

    fn typed(&self, plain: u8) -> u8 {
        match self.log_number {
            Some(_) => record_type::recyclable(plain),
            None => plain,
        }
    }
}

fn fragment_type(begun: bool, ends: bool) -> u8 {
    match (begun, ends) {
        (false, true) => record_type::FULL,
        (false, false) => record_type::FIRST,
        (true, false) => record_type::MIDDLE,
        (true, true) => record_type::LAST,
    }
}
