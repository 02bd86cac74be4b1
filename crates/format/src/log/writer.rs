//! Writes a log.

use super::record_type::{FIRST, FULL, LAST, MIDDLE};
use super::{BLOCK_BYTES, HEADER_BYTES, physical};

/// Frames data records with legacy headers, as a MANIFEST has them.
#[derive(Debug, Default)]
pub struct LogWriter {
    in_block: usize,
    out: Vec<u8>,
}

impl LogWriter {
    /// At the start of a log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Behind the last record of a log that has so many bytes.
    pub fn behind(size_bytes: u64) -> Self {
        LogWriter {
            in_block: (size_bytes % BLOCK_BYTES as u64) as usize,
            out: Vec::new(),
        }
    }

    /// Adds a data record.
    pub fn write(&mut self, record: &[u8]) {
        let mut rest = record;
        let mut begins = true;
        loop {
            let (fragment, later) = rest.split_at(rest.len().min(self.room_for_payload()));
            let record_type = match (begins, later.is_empty()) {
                (true, true) => FULL,
                (true, false) => FIRST,
                (false, false) => MIDDLE,
                (false, true) => LAST,
            };
            physical::put(&mut self.out, record_type, fragment);
            self.in_block += HEADER_BYTES + fragment.len();
            if later.is_empty() {
                return;
            }
            begins = false;
            rest = later;
        }
    }

    /// The bytes written since the last call.
    pub fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Fills up the block if no header fits, and returns how much payload fits after one. Where only a header fits, a record
    /// begins with an empty fragment, as RocksDB's do.
    fn room_for_payload(&mut self) -> usize {
        if BLOCK_BYTES - self.in_block < HEADER_BYTES {
            self.out.resize(self.out.len() + BLOCK_BYTES - self.in_block, 0);
            self.in_block = 0;
        }
        BLOCK_BYTES - self.in_block - HEADER_BYTES
    }
}
