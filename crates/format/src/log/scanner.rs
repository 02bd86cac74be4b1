//! Reads a log in pieces of any size.

use super::blocks::{Blocks, Found, Physical};
use super::end::{EndReason, LogEnd};
use super::record::{LogRecord, PredecessorWal, RecordKind};
use super::{BLOCK_BYTES, RECYCLABLE_HEADER_BYTES, record_type};
use crate::coding::Reader;
use crate::{FileKind, FileNumber, FormatError, Result};

/// Takes each logical record when it is complete. Its error ends the scan.
pub type RecordSink<'s> = dyn FnMut(LogRecord<'_>) -> Result<()> + 's;

/// Reads a log that is pushed in pieces. It holds one block and one logical record.
#[derive(Debug)]
pub struct LogScanner {
    file: FileKind,
    log_number: Option<FileNumber>,
    blocks: Blocks,
    headers: Headers,
    /// As the records up to `valid_bytes` say.
    settled_headers: Headers,
    fragments: Fragments,
    valid_bytes: u64,
    data_records: u64,
    compression_known: bool,
    stop: Option<EndReason>,
    bytes_after_stop: u64,
}

/// A column family and the size of its timestamps (`UserDefinedTimestampSizeRecord`, `util/udt_util.h`).
const TIMESTAMP_SIZE_BYTES: usize = 6;

/// Which headers the log has: decided by its first valid record that is not the compression's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Headers {
    Unknown,
    Legacy,
    Recyclable,
}

/// The fragments so far of a logical record.
#[derive(Debug, Default)]
struct Fragments {
    /// Where the record starts; none between records.
    start: Option<u64>,
    bytes: Vec<u8>,
}

impl Fragments {
    /// Whether another record must not begin now. Old writers leave an empty first fragment at the end of a
    /// block and begin the record again in the next one (`ReadRecord`, `db/log_reader.cc`).
    fn is_open(&self) -> bool {
        !self.bytes.is_empty()
    }

    fn add(&mut self, record: &Physical, payload: &[u8]) {
        if record_type::plain(record.record_type) == record_type::FIRST {
            self.start = Some(record.offset);
        }
        self.bytes.extend_from_slice(payload);
    }

    fn clear(&mut self) {
        self.start = None;
        self.bytes.clear();
    }
}

impl LogScanner {
    /// For a MANIFEST, from its start.
    pub fn manifest() -> Self {
        Self::manifest_from(0)
    }

    /// For a MANIFEST that has been read up to `offset`, the end of a logical record.
    pub fn manifest_from(offset: u64) -> Self {
        Self::new(FileKind::Manifest, None, offset)
    }

    /// For a WAL, from its start. `number` is the one in its name: it identifies records of other logs.
    pub fn wal(number: FileNumber) -> Self {
        Self::new(FileKind::Wal, Some(number), 0)
    }

    fn new(file: FileKind, log_number: Option<FileNumber>, offset: u64) -> Self {
        LogScanner {
            file,
            log_number,
            blocks: Blocks::starting_at(offset),
            headers: Headers::Unknown,
            settled_headers: Headers::Unknown,
            fragments: Fragments::default(),
            valid_bytes: offset,
            data_records: 0,
            compression_known: false,
            stop: None,
            bytes_after_stop: 0,
        }
    }

    /// Takes the next bytes of the file and hands every logical record that they complete to `sink`.
    ///
    /// # Errors
    /// Unsupported for a type that only a newer reader knows, Corrupt for a valid record about the log itself
    /// that makes no sense, and whatever `sink` returns; nothing can be pushed after an error. Damage is no
    /// error here: see [`LogEnd`].
    pub fn push(&mut self, mut bytes: &[u8], sink: &mut RecordSink<'_>) -> Result<()> {
        while self.stop.is_none() {
            match self.blocks.next() {
                Found::More if bytes.is_empty() => break,
                Found::More => bytes = self.blocks.fill(bytes),
                Found::Stop(reason) => self.stop = Some(reason),
                Found::Record(record) => self.take(&record, sink)?,
            }
        }
        self.bytes_after_stop += bytes.len() as u64;
        Ok(())
    }

    /// Whether the log has ended, so that nothing that is pushed from now on is looked at.
    pub fn is_over(&self) -> bool {
        self.stop.is_some()
    }

    /// The end of the last complete logical record.
    pub fn valid_bytes(&self) -> u64 {
        self.valid_bytes
    }

    /// Forgets what lies behind the last complete logical record, for a log that is being written: the next bytes that are
    /// pushed begin at [`LogScanner::valid_bytes`]. What ended the log there may have been an older log's, or half of a record.
    pub fn rewind(&mut self) {
        self.blocks = Blocks::starting_at(self.valid_bytes);
        self.fragments.clear();
        self.stop = None;
        self.bytes_after_stop = 0;
        self.headers = self.settled_headers;
    }

    /// What is known when nothing more will be pushed.
    pub fn finish(self) -> LogEnd {
        self.end()
    }

    /// What is known so far: the end of the log, if nothing more comes.
    pub fn end(&self) -> LogEnd {
        LogEnd {
            file: self.file,
            valid_bytes: self.valid_bytes,
            scanned_bytes: self.blocks.end() + self.bytes_after_stop,
            data_records: self.data_records,
            recycled: self.headers == Headers::Recyclable,
            inside_record: self.fragments.start.is_some(),
            reason: self.end_reason(),
        }
    }

    fn end_reason(&self) -> EndReason {
        let torn = EndReason::TornTail {
            offset: self.fragments.start.unwrap_or(self.blocks.offset()),
        };
        match self.stop {
            // In a file that ends inside the block, a length beyond the block is a tail that was not written in
            // full (`kBadRecordLen`, `db/log_reader.cc`).
            Some(EndReason::BadLength { .. }) if !self.blocks.is_full() => torn,
            Some(reason) => reason,
            None if self.fragments.start.is_some() || self.blocks.rest_has_data() => torn,
            None => match self.blocks.zeros() {
                Some(offset) => EndReason::ZerosToEnd { offset },
                None if self.blocks.offset() < self.blocks.end() => EndReason::ZerosToEnd {
                    offset: self.blocks.offset(),
                },
                None => EndReason::Clean,
            },
        }
    }

    /// Deals with a physical record.
    fn take(&mut self, record: &Physical, sink: &mut RecordSink<'_>) -> Result<()> {
        self.learn_headers(record);
        if let Some(reason) = self.objection(record) {
            self.stop = Some(reason);
            return Ok(());
        }
        let payload = self.blocks.payload(record);
        let end_offset = self.blocks.offset();
        let plain = record_type::plain(record.record_type);
        let (offset, kind, payload) = match plain {
            record_type::FIRST | record_type::MIDDLE => {
                self.fragments.add(record, payload);
                return Ok(());
            }
            record_type::LAST => {
                self.fragments.add(record, payload);
                let start = self.fragments.start.unwrap_or(record.offset);
                (start, RecordKind::Data, self.fragments.bytes.as_slice())
            }
            _ => match self.kind(record, payload)? {
                Some(kind) => (record.offset, kind, payload),
                None => {
                    self.settle(end_offset);
                    return Ok(());
                }
            },
        };
        sink(LogRecord {
            offset,
            end_offset,
            kind,
            recyclable: record.log_number.is_some(),
            payload,
        })?;
        self.fragments.clear();
        self.settle(end_offset);
        self.data_records += u64::from(kind == RecordKind::Data);
        self.compression_known |= plain == record_type::SET_COMPRESSION;
        Ok(())
    }

    /// A logical record is complete.
    fn settle(&mut self, end_offset: u64) {
        self.valid_bytes = end_offset;
        self.settled_headers = self.headers;
    }

    fn learn_headers(&mut self, record: &Physical) {
        if self.headers == Headers::Unknown && record.record_type != record_type::SET_COMPRESSION {
            self.headers = match record.log_number {
                Some(_) if self.log_number.is_some() => Headers::Recyclable,
                _ => Headers::Legacy,
            };
        }
    }

    /// Why the log ends before this valid record, if it does.
    fn objection(&self, record: &Physical) -> Option<EndReason> {
        let offset = record.offset;
        if let Some(zeros) = record.zeros.filter(|zeros| !self.is_trailer(offset - zeros)) {
            return Some(EndReason::Hole { offset: zeros });
        }
        let ours = self.log_number.map(|number| number.0 as u32);
        match record.log_number {
            Some(log_number) if self.headers == Headers::Recyclable && ours != Some(log_number) => {
                Some(EndReason::ForeignLogNumber { offset, log_number })
            }
            _ if self.fits(record) => None,
            _ => Some(EndReason::Misplaced {
                offset,
                record_type: record.record_type,
            }),
        }
    }

    /// Whether a writer leaves that many zeros before a record: inside a logical record, only when no header
    /// fits (`AddRecord`, `db/log_writer.cc`; an uncompressed record fills its blocks, a compressed one is
    /// written in chunks that may end anywhere); otherwise, up to a block (`MaybeSwitchToNewBlock`).
    fn is_trailer(&self, zeros: u64) -> bool {
        let limit = if self.fragments.is_open() {
            RECYCLABLE_HEADER_BYTES
        } else {
            BLOCK_BYTES
        };
        zeros < limit as u64
    }

    /// Whether a record of its type can be here.
    fn fits(&self, record: &Physical) -> bool {
        let plain = record_type::plain(record.record_type);
        let recyclable = record.log_number.is_some();
        match plain {
            record_type::SET_COMPRESSION => self.headers == Headers::Unknown && !self.compression_known,
            _ if recyclable != (self.headers == Headers::Recyclable) => false,
            record_type::MIDDLE | record_type::LAST => self.fragments.start.is_some(),
            _ => !self.fragments.is_open(),
        }
    }

    /// What an unfragmented record is; none if it may be ignored.
    fn kind(&self, record: &Physical, payload: &[u8]) -> Result<Option<RecordKind>> {
        let plain = record_type::plain(record.record_type);
        let mut reader = Reader::new(self.file, record.offset, payload);
        Ok(Some(match plain {
            record_type::FULL => RecordKind::Data,
            record_type::SET_COMPRESSION => RecordKind::SetCompression(reader.fixed32()?),
            record_type::PREDECESSOR_WAL => RecordKind::PredecessorWal(PredecessorWal::decode(&mut reader)?),
            record_type::TIMESTAMP_SIZES if payload.len().is_multiple_of(TIMESTAMP_SIZE_BYTES) => {
                RecordKind::TimestampSizes
            }
            record_type::TIMESTAMP_SIZES => {
                return Err(reader.corrupt("a record of timestamp sizes is cut short"));
            }
            _ if record_type::is_ignorable(plain) => return Ok(None),
            _ => return Err(self.unknown_type(record)),
        }))
    }

    fn unknown_type(&self, record: &Physical) -> FormatError {
        let reason = format!("log record of unknown type {}", record.record_type);
        FormatError::unsupported(self.file, record.offset, reason)
    }
}
