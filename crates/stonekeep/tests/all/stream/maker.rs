//! Makes segments of WALs that are written here, as a follower would.

use std::collections::BTreeMap;

use stonekeep::Store;
use stonekeep::format::checksum::crc32c;
use stonekeep::format::wal::{Replay, WalTail};
use stonekeep::format::{Crc32c, FileNumber, SequenceNumber};
use stonekeep::repo::stream::encode::{EncodedSegment, encode};
use stonekeep::repo::stream::put::put_segment;
use stonekeep::repo::stream::segment_header::{
    Break, ClockReading, Measured, OptionsFile, Origin, Part, Piece, PieceSequences, SegmentHeader,
    WalPosition,
};
use stonekeep::repo::stream::segment_name::{Ordinal, Owner, SegmentName};
use stonekeep::repo::stream::stream_id::{StreamId, Token};
use stonekeep::store::Durability;
use stonekeep::store::memory::MemoryStore;
use stonekeep_format_testkit::coding::{put_fixed32, put_fixed64, put_length_prefixed};
use stonekeep_format_testkit::log::LogBuilder;

pub(crate) const STREAM: &str = "00112233445566778899aabbccddeeff";

pub(crate) fn stream() -> StreamId {
    StreamId::parse(STREAM).unwrap()
}

pub(crate) fn store() -> Store {
    let store: Store = MemoryStore::new().into();
    store.create_root(Durability::Durable).unwrap();
    store
}

/// A database that is written, and its follower.
pub(crate) struct Maker {
    pub(crate) owner: u64,
    pub(crate) token: Token,
    /// The ordinal of the next segment.
    pub(crate) next: u64,
    /// Checksum of the last segment.
    pub(crate) previous: Option<Crc32c>,
    /// The time of the next measurement.
    pub(crate) wall_ms: i64,
    /// The last sequence number that was written.
    pub(crate) sequence: u64,
    wal: u64,
    log: LogBuilder,
    /// What was written and is in no segment yet, by WAL.
    pending: Vec<Pending>,
    finals: Vec<WalPosition>,
    breaks: Vec<Break>,
    options: Option<(u64, Vec<u8>)>,
    /// All bytes of each WAL.
    pub(crate) wals: BTreeMap<u64, Vec<u8>>,
    /// Where the records end, and the last sequence number of each.
    pub(crate) ends: Vec<(WalPosition, u64)>,
}

struct Pending {
    wal: u64,
    from: u64,
    bytes: Vec<u8>,
}

pub(crate) fn at(wal: u64, offset: u64) -> WalPosition {
    WalPosition {
        number: FileNumber(wal),
        offset,
    }
}

fn batch(first: u64, keys: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_fixed64(&mut bytes, first);
    put_fixed32(&mut bytes, keys);
    for key in 0..keys {
        bytes.push(1);
        put_length_prefixed(&mut bytes, &key.to_le_bytes());
        put_length_prefixed(&mut bytes, value);
    }
    bytes
}

impl Maker {
    pub(crate) fn new() -> Self {
        Maker {
            owner: 1,
            token: Token::parse("0123456789abcdef").unwrap(),
            next: 0,
            previous: None,
            wall_ms: 1_796_000_000_000,
            sequence: 0,
            wal: 12,
            log: LogBuilder::new(),
            pending: Vec::new(),
            finals: Vec::new(),
            breaks: Vec::new(),
            options: None,
            wals: BTreeMap::from([(12, Vec::new())]),
            ends: Vec::new(),
        }
    }

    /// Where the newest WAL ends.
    pub(crate) fn end(&self) -> WalPosition {
        at(self.wal, self.wals[&self.wal].len() as u64)
    }

    /// Writes a batch of so many keys.
    pub(crate) fn write(&mut self, keys: u32) -> &mut Self {
        self.write_value(keys, b"value")
    }

    pub(crate) fn write_value(&mut self, keys: u32, value: &[u8]) -> &mut Self {
        self.log.write(&batch(self.sequence + 1, keys, value));
        self.sequence += u64::from(keys);
        let (bytes, wal) = (self.log.take_bytes(), self.wal);
        let file = self.wals.get_mut(&wal).unwrap();
        let from = file.len() as u64;
        file.extend_from_slice(&bytes);
        match self.pending.last_mut().filter(|pending| pending.wal == wal) {
            Some(pending) => pending.bytes.extend_from_slice(&bytes),
            None => self.pending.push(Pending { wal, from, bytes }),
        }
        self.ends.push((self.end(), self.sequence));
        self
    }

    /// Goes on with another WAL.
    pub(crate) fn switch(&mut self) -> &mut Self {
        self.finals.push(self.end());
        self.wal += 2;
        self.log = LogBuilder::new();
        self.wals.insert(self.wal, Vec::new());
        self
    }

    pub(crate) fn add_break(&mut self, broken: Break) -> &mut Self {
        self.breaks.push(broken);
        self
    }

    pub(crate) fn options(&mut self, number: u64, bytes: &[u8]) -> &mut Self {
        self.options = Some((number, bytes.to_vec()));
        self
    }

    /// What the next segment says of itself, and its raw bytes.
    pub(crate) fn header(&mut self) -> (SegmentHeader, Vec<u8>) {
        let (mut raw, mut pieces) = (Vec::new(), Vec::new());
        for pending in std::mem::take(&mut self.pending) {
            pieces.push(piece_of(&pending, &self.wals[&pending.wal]));
            raw.extend_from_slice(&pending.bytes);
        }
        let options = self.options.take().map(|(number, bytes)| {
            raw.extend_from_slice(&bytes);
            OptionsFile {
                number: FileNumber(number),
                size_bytes: bytes.len() as u64,
                crc32c: crc32c(&bytes),
            }
        });
        let ordinal = Ordinal(self.next);
        let reading = |wall_ms| ClockReading {
            wall_ms,
            monotonic_ms: self.next * 1000,
        };
        let part = Part {
            ordinal,
            measured: Measured {
                before: reading(self.wall_ms - 10),
                after: reading(self.wall_ms),
            },
            pieces,
            finals: std::mem::take(&mut self.finals),
            edits: Vec::new(),
            breaks: std::mem::take(&mut self.breaks),
            options,
        };
        let header = SegmentHeader {
            stream: stream(),
            name: SegmentName::new(ordinal, ordinal, self.token).unwrap(),
            owner: Owner(self.owner),
            previous_crc32c: self.previous,
            last_crc32c: None,
            origin: Origin {
                database_id: Some("a-b-c".to_owned()),
                directory: "/data/db".to_owned(),
            },
            parts: vec![part],
            resume: None,
        };
        (header, raw)
    }

    /// The next segment, after a change to its header.
    pub(crate) fn segment_with(&mut self, change: impl FnOnce(&mut SegmentHeader)) -> EncodedSegment {
        let (mut header, raw) = self.header();
        change(&mut header);
        let encoded = encode(&header, &mut &*raw).unwrap();
        self.previous = Some(encoded.crc32c);
        self.next += 1;
        self.wall_ms += 1000;
        encoded
    }

    /// The next segment.
    pub(crate) fn segment(&mut self) -> EncodedSegment {
        self.segment_with(|_| {})
    }

    /// Puts the next segment.
    pub(crate) fn put(&mut self, store: &Store) -> EncodedSegment {
        let segment = self.segment();
        assert!(put_segment(store, "run", &segment).unwrap());
        segment
    }
}

/// The piece of a WAL that is pending, as reading the WAL from its beginning shows it.
fn piece_of(pending: &Pending, file: &[u8]) -> Piece {
    let (from, to) = (pending.from, pending.from + pending.bytes.len() as u64);
    let number = FileNumber(pending.wal);
    let mut tail = WalTail::new(number, Replay::default(), None);
    let (mut records, mut sequences) = (0, None::<PieceSequences>);
    let whole = &file[..to as usize];
    tail.push(whole, &mut |record| {
        if record.end_offset > from {
            let first = sequences.map_or(record.batch.sequence, |sequences| sequences.first);
            sequences = Some(PieceSequences {
                first,
                last_lowest: record.last_sequence.lowest,
                last_highest: record.last_sequence.highest,
            });
            records += 1;
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(tail.valid_bytes(), to);
    Piece {
        wal: number,
        from,
        to,
        records,
        sequences,
        crc32c: crc32c(&pending.bytes),
    }
}

pub(crate) fn sequence(number: u64) -> SequenceNumber {
    SequenceNumber(number)
}
