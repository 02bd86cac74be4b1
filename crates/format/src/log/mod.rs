//! The 32 KiB block framing that WALs and MANIFESTs share.
//!
//! ```text
//! file            block block block ...            every block but the last has 32768 bytes
//! block           physical* trailer
//! physical        crc:fixed32 length:fixed16 type:u8 [log number:fixed32] payload[length]
//! trailer         zeros, when no further header fits or the writer wanted the next record in one piece
//! logical record  Full | First Middle* Last        all payloads together
//! ```
//!
//! The crc is a masked CRC-32C over type, log number and payload. The four data types have a recyclable twin
//! that carries the low 32 bits of the log's number, so that the tail of an older log in a reused file is not
//! taken for records of this one. Records about the log itself (compression, sizes of user-defined timestamps,
//! the preceding WAL) are never split. A physical record never crosses a block.
//!
//! Source of truth: `db/log_format.h`, `db/log_reader.cc`, `db/log_writer.cc`. Version rule (`log_format.h`): a
//! reader ignores unknown types of 128 and above, any other unknown type needs a newer reader.
//!
//! [`LogScanner`] reads a log in pieces of any size. [`LogWriter`] writes the log of a MANIFEST.
//! A scanner never steps over damage: it stops there, and [`LogEnd`] says where and why, since what that means
//! depends on the file: a torn tail is normal in the newest WAL and a hole in an older one.

mod blocks;
mod end;
mod physical;
mod record;
mod record_type;
mod scanner;
mod writer;

pub use end::{EndReason, LogEnd};
pub use physical::has_recyclable_headers;
pub use record::{LogRecord, PredecessorWal, RecordKind};
pub use scanner::{LogScanner, RecordSink};
pub use writer::LogWriter;

/// Bytes in a block (`kBlockSize`, `db/log_format.h`).
pub const BLOCK_BYTES: usize = 32 * 1024;

/// `kHeaderSize` (`db/log_format.h`).
const HEADER_BYTES: usize = 7;

/// `kRecyclableHeaderSize` (`db/log_format.h`): a header with a log number.
const RECYCLABLE_HEADER_BYTES: usize = 11;
