//! What one look at a followed database gives, as plain data.

use std::fmt;

use stonekeep_format::wal::SequenceBounds;
use stonekeep_format::{FileNumber, SequenceNumber};

use super::position::Position;

/// What came since the tick before.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tick {
    /// Before the WALs were measured: what the next tick brings was not there yet, unless [`Tick::more`], or a WAL that was just made
    /// was not opened yet.
    pub before: Clocks,
    /// After they were measured: everything in this tick was there.
    pub after: Clocks,
    /// The bytes of the WALs, oldest first.
    pub pieces: Vec<Piece>,
    /// The WALs that ended, oldest first.
    pub finals: Vec<FinalWal>,
    /// The column families that came or went, in their order.
    pub edits: Vec<ColumnFamilyEdit>,
    /// The places that no restore may cross.
    pub breaks: Vec<Break>,
    /// The newest OPTIONS file, if it is another one than before.
    pub options: Option<OptionsContent>,
    /// Where a follower can begin when this tick was kept.
    pub position: Position,
    /// There was more than one tick takes: tick again at once.
    pub more: bool,
    /// How many bytes of WALs were there and are not in this tick, half of a record among them.
    pub bytes_behind: u64,
}

/// What the WALs of one look give.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) pieces: Vec<Piece>,
    pub(super) finals: Vec<FinalWal>,
    pub(super) breaks: Vec<Break>,
    pub(super) more: bool,
}

impl Tick {
    /// Whether there is nothing in it that must be kept.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
            && self.finals.is_empty()
            && self.edits.is_empty()
            && self.breaks.is_empty()
            && self.options.is_none()
    }

    /// How many bytes of WALs it has.
    pub fn wal_bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.bytes.len() as u64).sum()
    }

    /// Adds the tick that follows.
    pub fn append(&mut self, next: Tick) {
        let mut pieces = next.pieces.into_iter();
        match (self.pieces.last_mut(), pieces.next()) {
            (Some(last), Some(piece)) if last.wal == piece.wal => last.append(piece),
            (_, first) => self.pieces.extend(first),
        }
        self.pieces.extend(pieces);
        self.finals.extend(next.finals);
        self.edits.extend(next.edits);
        self.breaks.extend(next.breaks);
        self.options = next.options.or(self.options.take());
        (self.before, self.after) = (next.before, next.after);
        (self.position, self.more, self.bytes_behind) = (next.position, next.more, next.bytes_behind);
    }
}

/// The time on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// Milliseconds since 1970. May go back.
    pub wall_ms: u64,
    /// Milliseconds since this follower began. Never goes back.
    pub monotonic_ms: u64,
}

/// Bytes of one WAL, from the end of a record to the end of a record.
#[derive(Clone, PartialEq, Eq)]
pub struct Piece {
    /// The WAL.
    pub wal: FileNumber,
    /// The offset of the first byte.
    pub from: u64,
    /// The sequence number of the first batch in it; none if it has no batch.
    pub first_sequence: Option<SequenceNumber>,
    /// The last sequence number in use after the last batch in it.
    pub last_sequence: Option<SequenceBounds>,
    /// How many batches it has.
    pub records: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Piece {
    /// The offset of the byte behind the last one.
    pub fn to(&self) -> u64 {
        self.from + self.bytes.len() as u64
    }

    /// Adds what follows in the same WAL.
    fn append(&mut self, next: Piece) {
        self.first_sequence = self.first_sequence.or(next.first_sequence);
        self.last_sequence = next.last_sequence.or(self.last_sequence);
        self.records += next.records;
        self.bytes.extend(next.bytes);
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Piece")
            .field("wal", &self.wal)
            .field("from", &self.from)
            .field("to", &self.to())
            .field("first_sequence", &self.first_sequence)
            .field("last_sequence", &self.last_sequence)
            .field("records", &self.records)
            .finish_non_exhaustive()
    }
}

/// A WAL that gets no more records and ended cleanly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FinalWal {
    /// The WAL.
    pub wal: FileNumber,
    /// Where its last record ends.
    pub end: u64,
}

/// A column family that was added or dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnFamilyEdit {
    /// The number of the MANIFEST.
    pub manifest: FileNumber,
    /// Where the record ends in it.
    pub end_offset: u64,
    /// The version edit, as it is in the record.
    pub record: Vec<u8>,
}

/// The content of an OPTIONS file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionsContent {
    /// The number in its name.
    pub number: FileNumber,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A place that no restore may cross.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// What was seen.
    pub kind: BreakKind,
    /// Where. See the [module](super) for what lies before it.
    pub place: Place,
    /// The last sequence number in use before it, where that is known. Of a MANIFEST it is not.
    pub last_sequence: Option<SequenceNumber>,
    /// What was seen, in words.
    pub text: String,
}

/// A place in a WAL or a MANIFEST.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// In a WAL.
    Wal {
        /// Its number.
        number: FileNumber,
        /// The byte offset.
        offset: u64,
    },
    /// In a MANIFEST.
    Manifest {
        /// Its number.
        number: FileNumber,
        /// The byte offset.
        offset: u64,
    },
}

/// What a break is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BreakKind {
    /// Sequence numbers are missing in the WALs: writes without a WAL (`disableWAL`), or a WAL that was missed.
    SequenceGap,
    /// Sequence numbers go back: the writer lost what was followed before.
    SequenceWentBack,
    /// A WAL vanished before it was opened.
    MissedWal,
    /// A WAL does not end cleanly, though newer WALs hold data, or has another length than the next one says.
    UncleanEnd,
    /// A WAL became shorter than what was followed of it.
    LostBytes,
    /// A recycled WAL was overwritten while it was read, and nothing shows that all of it was read.
    Overwritten,
    /// A transaction is committed that is prepared in no WAL that was followed.
    UnknownCommit,
    /// The MANIFEST has sequence numbers that are in no WAL (`disableWAL`).
    WritesWithoutWal,
    /// Tables came from outside: an ingested file, an imported column family.
    Ingestion,
    /// Tables were taken away without others in their place, as `DeleteFilesInRange` does.
    TablesDropped,
    /// A MANIFEST vanished before it was opened.
    MissedManifest,
}

impl BreakKind {
    /// Its name, which is stable.
    pub fn as_str(self) -> &'static str {
        match self {
            BreakKind::SequenceGap => "sequence-gap",
            BreakKind::SequenceWentBack => "sequence-went-back",
            BreakKind::MissedWal => "missed-wal",
            BreakKind::UncleanEnd => "unclean-end",
            BreakKind::LostBytes => "lost-bytes",
            BreakKind::Overwritten => "overwritten",
            BreakKind::UnknownCommit => "unknown-commit",
            BreakKind::WritesWithoutWal => "writes-without-wal",
            BreakKind::Ingestion => "ingestion",
            BreakKind::TablesDropped => "tables-dropped",
            BreakKind::MissedManifest => "missed-manifest",
        }
    }
}

impl Break {
    /// Of a WAL that vanished before it was opened.
    pub(super) fn missed_wal(number: FileNumber) -> Break {
        let text = format!("WAL {number} vanished before it was opened");
        Break {
            kind: BreakKind::MissedWal,
            place: Place::Wal { number, offset: 0 },
            last_sequence: None,
            text,
        }
    }

    pub(super) fn in_manifest(
        kind: BreakKind,
        number: FileNumber,
        offset: u64,
        text: impl Into<String>,
    ) -> Break {
        Break {
            kind,
            place: Place::Manifest { number, offset },
            last_sequence: None,
            text: text.into(),
        }
    }
}
