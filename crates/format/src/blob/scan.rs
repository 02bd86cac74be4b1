//! Every record of a blob file, which is pushed in pieces.

use super::{BlobFileFooter, BlobFileHeader, FOOTER_LEN, HEADER_LEN, RECORD_HEADER_LEN, corrupt};
use crate::checksum::{crc32c, crc32c_extend, unmask};
use crate::coding::Reader;
use crate::{Crc32c, FileKind, FormatError, Result};

/// So much of the key of a record is kept while its value is read.
const KEPT_KEY_BYTES: usize = 128;

/// Something that is wrong with a blob file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlobFinding {
    /// What is damaged.
    pub part: BlobPart,
    /// What is wrong; its offset is that of the part.
    pub error: FormatError,
    /// The first 128 bytes of the record's key, if only one record is affected.
    pub key: Option<Vec<u8>>,
}

/// A part of a blob file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BlobPart {
    /// The first bytes.
    Header,
    /// A record, and what follows it if its lengths are wrong.
    Record,
    /// The last bytes.
    Footer,
}

impl std::fmt::Display for BlobPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            BlobPart::Header => "header",
            BlobPart::Record => "blob record",
            BlobPart::Footer => "footer",
        })
    }
}

/// What was found in a blob file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BlobSummary {
    /// The header, if it could be read.
    pub header: Option<BlobFileHeader>,
    /// The footer, if it could be read.
    pub footer: Option<BlobFileFooter>,
    /// How many records were read.
    pub records: u64,
    /// Their bytes: what `BlobFileAddition::total_bytes` counts.
    pub record_bytes: u64,
    /// Whether all records were read.
    pub is_complete: bool,
}

/// Takes what is wrong, in the order of the file.
pub type BlobSink<'s> = dyn FnMut(BlobFinding) + 's;

/// Scans a finished blob file of known size, as `BlobLogSequentialReader` (`db/blob/blob_log_sequential_reader.cc`) reads it:
/// each record's header with its checksum, key and value with theirs, the footer with the number of records. Values stay
/// compressed. It holds no value, and no more of a key than its first bytes.
#[derive(Debug)]
pub struct BlobScanner {
    size_bytes: u64,
    /// Of the byte that comes next.
    offset: u64,
    state: State,
    /// A header, a record's header or the footer, as far as it is there.
    head: Vec<u8>,
    summary: BlobSummary,
}

#[derive(Debug)]
enum State {
    Header,
    RecordHeader,
    Record(Record),
    /// Nothing can be read up to the footer.
    Lost,
    Footer,
    End,
}

#[derive(Debug)]
struct Record {
    offset: u64,
    key_left: u64,
    value_left: u64,
    wanted: Crc32c,
    found: Crc32c,
    key: Vec<u8>,
}

impl BlobScanner {
    /// For a file of that size.
    pub fn new(size_bytes: u64) -> Self {
        BlobScanner {
            size_bytes,
            offset: 0,
            state: State::Header,
            head: Vec::with_capacity(RECORD_HEADER_LEN),
            summary: BlobSummary::default(),
        }
    }

    /// Takes the next bytes of the file.
    pub fn push(&mut self, mut bytes: &[u8], sink: &mut BlobSink<'_>) {
        while !bytes.is_empty() {
            let taken = self.step(bytes, sink);
            self.offset += taken as u64;
            bytes = bytes.get(taken..).unwrap_or_default();
            self.settle(sink);
        }
    }

    /// What the file is, when nothing more will be pushed.
    pub fn finish(mut self, sink: &mut BlobSink<'_>) -> BlobSummary {
        if !matches!(self.state, State::End) && self.summary.footer.is_none() {
            let reason = format!("{} bytes are too few for a finished file", self.size_bytes);
            self.add(BlobPart::Footer, corrupt(self.offset, reason), None, sink);
            self.summary.is_complete = false;
        }
        self.summary
    }

    /// Where the footer begins: the file may be too short for one.
    fn footer_at(&self) -> u64 {
        self.size_bytes.saturating_sub(FOOTER_LEN as u64)
    }

    /// Takes some of the bytes, at least one.
    fn step(&mut self, bytes: &[u8], sink: &mut BlobSink<'_>) -> usize {
        match &mut self.state {
            State::Header => self.fill(HEADER_LEN, bytes, Self::header, sink),
            State::RecordHeader => self.fill(RECORD_HEADER_LEN, bytes, Self::record_header, sink),
            State::Record(record) => record.take(bytes),
            State::Lost => {
                let left = self.footer_at().saturating_sub(self.offset);
                usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()))
            }
            State::Footer => self.fill(FOOTER_LEN, bytes, Self::footer, sink),
            State::End => bytes.len(),
        }
    }

    /// Gathers `len` bytes, and hands them over when they are there.
    fn fill(
        &mut self,
        len: usize,
        bytes: &[u8],
        parse: fn(&mut Self, u64, &[u8], &mut BlobSink<'_>),
        sink: &mut BlobSink<'_>,
    ) -> usize {
        let begin = self.offset - self.head.len() as u64;
        let taken = bytes.len().min(len - self.head.len());
        self.head
            .extend_from_slice(bytes.get(..taken).unwrap_or_default());
        if self.head.len() == len {
            let head = std::mem::take(&mut self.head);
            parse(self, begin, &head, sink);
            self.head = head;
            self.head.clear();
        }
        taken
    }

    fn header(&mut self, begin: u64, bytes: &[u8], sink: &mut BlobSink<'_>) {
        self.state = State::RecordHeader;
        self.summary.is_complete = true;
        match BlobFileHeader::decode(bytes) {
            Ok(header) => self.summary.header = Some(header),
            Err(error) => {
                if error.is_unsupported() {
                    // Records may look otherwise.
                    self.summary.is_complete = false;
                    self.state = State::Lost;
                }
                self.add(BlobPart::Header, error.at(begin), None, sink);
            }
        }
    }

    fn record_header(&mut self, begin: u64, bytes: &[u8], sink: &mut BlobSink<'_>) {
        let behind = begin + RECORD_HEADER_LEN as u64;
        match record_header(begin, bytes, self.footer_at().saturating_sub(behind)) {
            Ok(record) => {
                self.summary.records += 1;
                self.summary.record_bytes += RECORD_HEADER_LEN as u64 + record.key_left + record.value_left;
                self.state = State::Record(record);
            }
            Err(error) => self.lose(error, sink),
        }
    }

    fn footer(&mut self, begin: u64, bytes: &[u8], sink: &mut BlobSink<'_>) {
        self.state = State::End;
        let footer = match BlobFileFooter::decode(begin, bytes) {
            Ok(footer) => footer,
            Err(error) => return self.add(BlobPart::Footer, error, None, sink),
        };
        self.summary.footer = Some(footer);
        let (counted, found) = (footer.blob_count, self.summary.records);
        if self.summary.is_complete && counted != found {
            let reason = format!("it counts {counted} blobs, but the file has {found}");
            self.add(BlobPart::Footer, corrupt(begin, reason), None, sink);
        }
    }

    /// Goes on to the next state where one has ended.
    fn settle(&mut self, sink: &mut BlobSink<'_>) {
        if let State::Record(record) = &mut self.state
            && record.key_left == 0
            && record.value_left == 0
        {
            let (wanted, found) = (record.wanted, record.found);
            if wanted != found {
                let reason = format!(
                    "the checksum of key and value is {:#010x}, not {:#010x}",
                    found.0, wanted.0
                );
                let (error, key) = (corrupt(record.offset, reason), std::mem::take(&mut record.key));
                self.add(BlobPart::Record, error, Some(key), sink);
            }
            self.state = State::RecordHeader;
        }
        let left = self.footer_at().checked_sub(self.offset);
        if matches!(self.state, State::RecordHeader) && self.head.is_empty() {
            match left {
                Some(0) => self.state = State::Footer,
                Some(left) if left < RECORD_HEADER_LEN as u64 => {
                    let reason = format!("{left} bytes before the footer are too few for a record");
                    self.lose(corrupt(self.offset, reason), sink);
                }
                Some(_) => {}
                None => {
                    let reason = format!("{} bytes are too few for a finished file", self.size_bytes);
                    self.lose(corrupt(self.offset, reason), sink);
                }
            }
        }
        if matches!(self.state, State::Lost) {
            match left {
                Some(0) => self.state = State::Footer,
                Some(_) => {}
                None => self.state = State::End,
            }
        }
    }

    /// What follows up to the footer cannot be divided into records.
    fn lose(&mut self, error: FormatError, sink: &mut BlobSink<'_>) {
        self.summary.is_complete = false;
        self.state = State::Lost;
        self.add(BlobPart::Record, error, None, sink);
    }

    fn add(&self, part: BlobPart, error: FormatError, key: Option<Vec<u8>>, sink: &mut BlobSink<'_>) {
        sink(BlobFinding { part, error, key });
    }
}

/// Reads the header of a record behind which there are so many bytes.
fn record_header(begin: u64, bytes: &[u8], room: u64) -> Result<Record> {
    let mut reader = Reader::new(FileKind::Blob, begin, bytes);
    let (key_len, value_len, _expiration) = (reader.fixed64()?, reader.fixed64()?, reader.fixed64()?);
    let computed = crc32c(bytes.get(..reader.position()).unwrap_or_default());
    let stored = unmask(reader.fixed32()?);
    if stored != computed {
        let reason = format!(
            "the checksum of its header is {:#010x}, not {:#010x}; what follows cannot be read",
            computed.0, stored.0
        );
        return Err(corrupt(begin, reason));
    }
    if key_len.checked_add(value_len).is_none_or(|len| len > room) {
        let reason = format!("key and value of {key_len} and {value_len} bytes do not fit before the footer");
        return Err(corrupt(begin, reason));
    }
    Ok(Record {
        offset: begin,
        key_left: key_len,
        value_left: value_len,
        wanted: unmask(reader.fixed32()?),
        found: crc32c(&[]),
        key: Vec::new(),
    })
}

impl Record {
    /// Takes bytes of the key, or of the value.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let is_key = self.key_left > 0;
        let left = if is_key {
            &mut self.key_left
        } else {
            &mut self.value_left
        };
        let taken = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
        *left -= taken as u64;
        let part = bytes.get(..taken).unwrap_or_default();
        if is_key {
            let kept = part.len().min(KEPT_KEY_BYTES.saturating_sub(self.key.len()));
            self.key.extend_from_slice(part.get(..kept).unwrap_or_default());
        }
        self.found = crc32c_extend(self.found, part);
        taken
    }
}
