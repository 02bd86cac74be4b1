//! What to back up: the immutable list of files that together are one database at one sequence number.

mod assembly;
mod at_rest;
mod closed;
mod database_image;
mod diagnostics;
mod directory;
mod directory_capture;
mod edit_rules;
pub mod follow;
pub mod handle;
pub mod hot;
pub mod include;
mod listing;
mod live_files;
pub mod lock;
mod lock_holder;
mod manifest;
mod measured_wal;
mod named_wal_dir;
mod no_database;
mod opening_traces;
mod options_file;
mod other_database;
mod pinned;
mod shared_reads;
mod source;
mod source_files;
mod spool;
mod torn_manifest;
pub(crate) mod unknown_files;
mod unnamed_blobs;
mod wal_dir;
mod wal_proof;
mod wal_rules;
mod wal_scan;
mod wals_at_rest;

pub use self::database_image::{
    CaptureKind, ClosingRule, Content, DatabaseImage, ImageColumnFamily, ImageFile, LiveCapture,
};
pub use self::directory::{Directory, SourceKind};
pub(crate) use self::live_files::crc32c_of;
pub(crate) use self::shared_reads::{MOST_SHARERS, Share, SharedReads};
pub use self::source::{Capture, CaptureHost, ImageSource, NoHost};
pub(crate) use self::source_files::{SourceFile, SourceFiles, read_from_start};
