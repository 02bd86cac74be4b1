//! The WALs of a followed database, from the one that is followed on.

use std::collections::BTreeMap;

use stonekeep_format::FileNumber;
use stonekeep_format::log::{EndReason, LogEnd};
use stonekeep_format::options::CaptureOptions;
use stonekeep_format::wal::WalTail;

use super::chunks::{BEGINNING_BYTES, Chunk, Chunks, may_go_on};
use super::position::{RECENT_BYTES, Recent, WalPosition};
use super::records::{BreakBefore, Records, Rules};
use super::tick::{Break, BreakKind, FinalWal, Piece, Place, Scanned};
use crate::image::pinned::Pinned;
use crate::{Error, ErrorKind, Observer, Result};

/// The open WALs, and how far they have been handed out.
#[derive(Debug)]
pub(super) struct Wals {
    files: BTreeMap<FileNumber, Pinned>,
    tail: WalTail,
    /// How much of the WAL of the tail was handed out.
    handed: u64,
    /// What lies before that, up to 64 KiB.
    recent: Vec<u8>,
    /// The first bytes of the WAL of the tail, as far as they were handed out.
    beginning: Vec<u8>,
    has_data: bool,
    /// A loss of bytes was reported.
    lost_bytes: bool,
    /// WALs may be recycled.
    recycles: bool,
    /// The WAL before, if it ended well.
    before: Option<FinalWal>,
    /// The WAL before was overwritten when it was read: whether all of it was, its successor must show.
    is_unproven: bool,
}

/// What was handed out of the WAL of the tail.
#[derive(Debug, Default)]
pub(super) struct SoFar {
    /// The last bytes, up to 64 KiB.
    pub(super) recent: Vec<u8>,
    /// The first bytes, up to [`BEGINNING_BYTES`].
    pub(super) beginning: Vec<u8>,
    /// Whether there was a batch.
    pub(super) has_data: bool,
}

impl Wals {
    /// The WALs, of which the tail has read what was handed out before.
    pub(super) fn new(files: BTreeMap<FileNumber, Pinned>, tail: WalTail, so_far: SoFar) -> Wals {
        let SoFar {
            recent,
            beginning,
            has_data,
        } = so_far;
        Wals {
            files,
            handed: tail.valid_bytes(),
            has_data,
            tail,
            recent,
            beginning,
            lost_bytes: false,
            recycles: false,
            before: None,
            is_unproven: false,
        }
    }

    /// The WAL that is followed.
    pub(super) fn number(&self) -> FileNumber {
        self.tail.number()
    }

    /// The tail.
    pub(super) fn tail(&self) -> &WalTail {
        &self.tail
    }

    /// How far they were handed out.
    pub(super) fn position(&self) -> WalPosition {
        WalPosition {
            number: self.number(),
            end: self.handed,
            recent: Recent::of(&self.recent),
        }
    }

    /// Whether this WAL is open, or not needed.
    pub(super) fn knows(&self, number: FileNumber) -> bool {
        number < self.number() || self.files.contains_key(&number)
    }

    /// A WAL was found.
    pub(super) fn add(&mut self, number: FileNumber, file: Pinned) {
        if !self.knows(number) {
            self.files.insert(number, file);
        }
    }

    /// The lengths of the WALs. They are taken newest first: if a batch is within the length of one, the older ones are final.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn measure(&self) -> Result<BTreeMap<FileNumber, u64>> {
        let newest_first = self.files.iter().rev();
        newest_first
            .map(|(number, file)| Ok((*number, file.length()?)))
            .collect()
    }

    /// How many of so many bytes were not handed out.
    pub(super) fn bytes_behind(&self, measured: &BTreeMap<FileNumber, u64>) -> u64 {
        let lengths = measured.range(self.number()..).map(|(number, length)| {
            let handed = if *number == self.number() { self.handed } else { 0 };
            length.saturating_sub(handed)
        });
        lengths.sum()
    }

    /// Reads what came, of WALs that have these lengths.
    ///
    /// # Errors
    /// `Io`, `Stopped`.
    pub(super) fn read(
        &self,
        measured: &BTreeMap<FileNumber, u64>,
        settings: &CaptureOptions,
        observer: &dyn Observer,
    ) -> Result<Chunks> {
        let recycles = self.recycles || settings.recycle_log_file_num > 0;
        Chunks::read(measured, &self.files, self.handed, recycles, observer)
    }

    /// Scans what was read into the tick.
    ///
    /// # Errors
    /// `Unsupported` and `Corrupt` for what cannot be understood; no further scan is possible then.
    pub(super) fn scan(&mut self, mut chunks: Chunks, rules: Rules<'_>, scanned: &mut Scanned) -> Result<()> {
        while let Some(mut chunk) = chunks.take(self.number()) {
            let may_grow = chunk.bytes.is_empty();
            let is_final = chunks.hold_data_behind(self.number(), &self.files, may_grow, rules.observer)?;
            let end = self.scan_chunk(&mut chunk, is_final, rules, scanned)?;
            if chunk.is_cut() && may_go_on(&end) {
                scanned.more = true;
                return Ok(());
            }
            if !is_final {
                break;
            }
            self.finish(&chunk, &end, rules, scanned)?;
        }
        scanned.more |= chunks.are_incomplete();
        Ok(())
    }

    fn scan_chunk(
        &mut self,
        chunk: &mut Chunk,
        is_final: bool,
        rules: Rules<'_>,
        scanned: &mut Scanned,
    ) -> Result<LogEnd> {
        let mut records = Records::default();
        let last = self.tail.last_sequence();
        let end = loop {
            let from = self.tail.valid_bytes();
            let bytes = chunk
                .bytes
                .get((from - self.handed) as usize..)
                .unwrap_or_default();
            let pushed = self.tail.push(bytes, &mut |record| {
                records.take(record, last, rules);
                Ok(())
            });
            let end = pushed.map_err(|error| Error::format(self.name(), error))?;
            match self.files.get(&self.number()) {
                Some(file) if chunk.is_cut() && self.tail.valid_bytes() == from => {
                    chunk.grow(file, rules.observer)?
                }
                _ => break end,
            }
        };
        self.refuse_numbers_in_no_record(rules)?;
        self.recycles |= end.recycled;
        scanned.breaks.append(&mut records.breaks);
        if let Some(first) = records.first.filter(|_| !self.has_data) {
            self.has_data = true;
            let is_next = first.is_next && first.before.last_sequence.is_some();
            self.judge_beginning(first.before, is_next, rules, scanned);
        }
        if chunk.lost_bytes && !self.lost_bytes {
            self.lost_bytes = true;
            let text = format!("{} became shorter than what was followed of it", self.name());
            scanned.breaks.push(self.behind_end(BreakKind::LostBytes, text));
        }
        let length = (end.valid_bytes - self.handed) as usize;
        if length > 0 && chunk.bytes.len() >= length && (self.has_data || is_final) {
            chunk.bytes.truncate(length);
            self.hand_out(std::mem::take(&mut chunk.bytes), &records, scanned);
        }
        Ok(end)
    }

    fn hand_out(&mut self, bytes: Vec<u8>, records: &Records, scanned: &mut Scanned) {
        let missing = BEGINNING_BYTES
            .saturating_sub(self.beginning.len())
            .min(bytes.len());
        if self.handed == self.beginning.len() as u64 {
            self.beginning.extend_from_slice(&bytes[..missing]);
        }
        let newest = &bytes[bytes.len().saturating_sub(RECENT_BYTES)..];
        let surplus = (self.recent.len() + newest.len()).saturating_sub(RECENT_BYTES);
        self.recent.drain(..surplus);
        self.recent.extend_from_slice(newest);
        let from = self.handed;
        self.handed += bytes.len() as u64;
        scanned.pieces.push(Piece {
            wal: self.number(),
            from,
            first_sequence: records.first_sequence,
            last_sequence: records.last_sequence,
            records: records.count,
            bytes,
        });
    }

    /// The WAL of the tail gets no more records: judges its end, and goes on to the next one.
    fn finish(&mut self, chunk: &Chunk, end: &LogEnd, rules: Rules<'_>, scanned: &mut Scanned) -> Result<()> {
        let wal = self.number();
        self.before = None;
        if !chunk.lost_bytes && !end.is_complete() {
            let reason = end
                .damage()
                .map_or("it ends inside a record".to_owned(), |damage| damage.to_string());
            let text = format!(
                "{} does not end cleanly, though newer WALs hold data: {reason}",
                self.name()
            );
            scanned.breaks.push(self.behind_end(BreakKind::UncleanEnd, text));
        } else if !chunk.lost_bytes {
            self.is_unproven |= end.recycled && self.was_overwritten(end, rules.observer)?;
            let end = end.valid_bytes;
            let this = FinalWal { wal, end };
            scanned.finals.push(this);
            self.before = Some(this);
        }
        self.files.remove(&wal);
        if let Some(next) = self.files.keys().find(|number| **number > wal) {
            self.tail.go_on(*next);
        }
        self.handed = 0;
        self.has_data = false;
        self.lost_bytes = false;
        self.recent.clear();
        self.beginning.clear();
        Ok(())
    }

    /// Whether a newer WAL was written over the one of the tail, perhaps before all of it was read.
    fn was_overwritten(&self, end: &LogEnd, observer: &dyn Observer) -> Result<bool> {
        if let EndReason::ForeignLogNumber { log_number, .. } = end.reason
            && log_number > self.number().0 as u32
        {
            return Ok(true);
        }
        let Some(file) = self.files.get(&self.number()) else {
            return Ok(false);
        };
        let now = file.bytes(0, self.beginning.len() as u64, observer)?;
        Ok(now != self.beginning)
    }

    /// Judges the end of the WAL before by the first batch of this one.
    fn judge_beginning(
        &mut self,
        before: BreakBefore,
        is_next: bool,
        rules: Rules<'_>,
        scanned: &mut Scanned,
    ) {
        let mut add = |kind, text: String| scanned.breaks.push(before.is(kind, text));
        let predecessor = self.tail.predecessor();
        let same = predecessor
            .zip(self.before)
            .filter(|(says, before)| says.number == before.wal);
        match (same, predecessor, self.before) {
            (Some((says, before)), ..) if says.size_bytes != before.end => add(
                BreakKind::UncleanEnd,
                format!(
                    "WAL {} ended at byte {}, where {} says {}",
                    before.wal,
                    before.end,
                    self.name(),
                    says.size_bytes
                ),
            ),
            (None, Some(says), Some(before)) if says.number > before.wal => add(
                BreakKind::MissedWal,
                format!("{} follows WAL {}, which was not seen", self.name(), says.number),
            ),
            _ => {}
        }
        let is_proven = same.is_some() || (is_next && !rules.settings.allow_2pc);
        if std::mem::take(&mut self.is_unproven) && !is_proven {
            let text =
                "the WAL before was recycled while it was read, and nothing shows that all of it was read";
            add(BreakKind::Overwritten, text.to_owned());
        }
    }

    /// # Errors
    /// `Unsupported` if some sequence numbers are in no record, so that nothing shows whether something is missing.
    fn refuse_numbers_in_no_record(&self, rules: Rules<'_>) -> Result<()> {
        if !rules.settings.two_write_queues || !self.tail.replay().numbers_per_batch() {
            return Ok(());
        }
        let message = format!(
            "the database cannot be followed: it has WritePrepared or WriteUnprepared transactions with two_write_queues, some \
             of whose sequence numbers are in no record, so that nothing shows whether {} is complete",
            self.name()
        );
        Err(Error::new(ErrorKind::Unsupported, message)
            .with_hint("set two_write_queues to false, or use WriteCommitted transactions"))
    }

    fn behind_end(&self, kind: BreakKind, text: String) -> Break {
        let end = BreakBefore {
            place: Place::Wal {
                number: self.number(),
                offset: self.tail.valid_bytes(),
            },
            last_sequence: self.tail.last_sequence().and_then(|last| last.exact()),
        };
        end.is(kind, text)
    }

    fn name(&self) -> String {
        let file = self.files.get(&self.number());
        file.map_or_else(
            || format!("WAL {}", self.number()),
            |file| file.path.display().to_string(),
        )
    }
}
