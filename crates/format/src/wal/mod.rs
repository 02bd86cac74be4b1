//! Write batches in a WAL: sequence numbers, counts and column families.
//!
//! ```text
//! batch      sequence:fixed64 count:fixed32 record*
//! record     tag:u8 [column family:varint32] string{0,1,2}
//! string     length:varint32 bytes
//! ```
//!
//! Every data record of a WAL's log framing is one batch; `count` is the number of its records that write a key.
//! With `wal_compression`, the first record of the log says so, and every batch is a zstd frame of its own.
//!
//! Source of truth: `db/write_batch.cc`, `db/dbformat.h` (`ValueType`), `util/compression.cc`. Version rule: there is
//! none, so an unknown tag is an error.
//!
//! Keys and values are passed over, never held, and a compressed batch is never unfolded in memory: a
//! [`BatchWalker`] is fed with pieces. [`WalScanner`] does the same for a complete WAL, [`WalTail`] for the WALs of a
//! database that is being written.
//!
//! # The last sequence number
//! Normally each key of a batch has a sequence number of its own, from the batch's on, so the last one is known.
//! Transactions change that, and only the database's owner knows their write policy (no file has it):
//! - WriteCommitted: the keys of a prepared section get theirs when it is committed, maybe in a later WAL. This is
//!   exact when the WALs are scanned in order with one [`Replay`], and the WAL with the section is still there. If
//!   it is not, the keys are in tables already, and the MANIFEST's last sequence number covers them.
//! - WritePrepared and WriteUnprepared: one number for each section, and one more each time a key comes twice in
//!   it. Without keeping keys and knowing their order, only bounds can be said.
//!
//! Which policy it is shows as soon as one batch of the live WALs prepares something or ends without the marker
//! that WritePrepared puts at every end. Until then the bounds hold for both. [`SequenceBounds`] says all this.

mod batch;
mod decompress;
mod parser;
mod replay;
mod scanner;
mod tag;
mod tail;

pub use batch::{BatchSummary, BatchWalker};
pub use decompress::Decompressor;
pub use replay::{Replay, ReplayState, SequenceBounds};
pub use scanner::{BatchSink, WalCompression, WalScanner, WalSummary, summarize};
pub use tail::{FollowedRecord, SequenceBreak, WalTail};
