//! Captures a database directory that another process is writing.
//!
//! The image is what a `kill -9` of the writer at one instant would have left: it contains every write that had reached the
//! operating system by then and no later one, and all column families end at the same point of the WAL. The writer takes no
//! part: no lock is taken, no file is opened for writing, and nothing is created in its directory.
//!
//! # Steps
//! - **H0** Once: read CURRENT, the MANIFEST and the newest OPTIONS; derive the directories from them; refuse what cannot be
//!   captured. The host checks the database id.
//! - **H1** Where only the fallback rule can help: list and open all WALs.
//! - **H2** Follow the MANIFEST to its newest edit, and hold the tables and blobs of that state. Files that the host has are
//!   not opened. Where many are new, the host copies them at once. The rest is held by open descriptors. This is repeated until
//!   a look shows no new edit. Held files stay held from round to round, as long as they are live.
//! - **H3** The window: list the WALs twice, open them, and measure them, newest first. WALs that may be recycled are read
//!   here. If this is not the first attempt, all are: a slow deletion was faster than the copy.
//! - **H4** The close: read the MANIFEST once more, then CURRENT, then check the names of the WALs that were read. A new edit,
//!   another MANIFEST or a lost name starts another round at H1. The fallback rule tolerates some edits.
//! - **H5** Read the newest OPTIONS. If its settings changed, as after a restart of the writer, start another round. If its
//!   column families are not those of the state, take the OPTIONS file before if that fits; else start another round, a few
//!   times.
//! - **H6** Scan the WALs, check their checksums, and cut them to what counts. If one is not as it must be, a write may have
//!   been under way: start another round, a few times.
//! - **H7** The image. When the host has copied it, [`Capture::confirm`](super::Capture::confirm) checks whether any open file
//!   lost bytes meanwhile.
//!
//! # Why it is right
//! Three properties of RocksDB make it right:
//! - *The edit comes before its effect.* A table, a blob or a WAL is removed, and a WAL is renamed for reuse, after the edit
//!   that releases it is in the MANIFEST (`VersionSet::ProcessManifestWrites`, `db/version_set.cc`;
//!   `DBImpl::PurgeObsoleteFiles`, `db/db_impl/db_impl_files.cc`). So a file that is missing must have left the state by the
//!   next look, and a WAL that the state needs cannot vanish while no edit comes.
//! - *The WAL comes before the table.* What is in a table was in a WAL before (except with `disableWAL`). So WALs that are
//!   measured after the state was read contain everything that its tables contain, and no column family is ahead of another.
//! - *Files only grow.* Tables, blobs and older WALs do not change; the newest WAL and the MANIFEST are appended to. There are
//!   two exceptions. Recycled WALs are read in the window and must have their names after it. Slow deletions cut files that are
//!   open here, so lengths are checked after the copy.
//!
//! Let the state be read at t0 and the WALs be measured at t1, with no new edit at t2. No needed WAL was removed between t0
//! and t1. WALs up to the largest number of a first listing were made before the second listing began, so the second one has
//! all of them. When the newest length covers data, all other WALs get no more writes. So the WALs are one prefix of all writes,
//! without a hole. What changes a database without a WAL (ingested files, column families that are added and dropped, deleted
//! ranges of files) is an edit, and there was none. Whether a round closes is a matter of chance, not of the writer's help: the
//! window takes less than a millisecond in a directory of some hundred files.
//!
//! # The fallback rule
//! After [a limit](super::Directory::with_strict_limit) a round also closes if edits came, but none of them brings ingested files, a
//! column family or another MANIFEST, and none releases WALs beyond those that were open before the state was read. Then the
//! WALs of the image contain everything that those edits did. Deletions of complete files are tolerated; whether a user
//! requested one (`DeleteFilesInRange`) cannot be seen. [`LiveCapture::rule`](super::LiveCapture::rule) says by which rule a
//! round closed.
//!
//! # What is cut
//! The MANIFEST ends with the last record, and atomic group, that is complete. The newest WAL with data ends with its last
//! complete record. WALs before it must be complete. WALs after it contain only records about themselves, or the rest of an
//! older log: they are cut to nothing, since with `manual_wal_flush` they may be ahead of it.
//!
//! # What is refused
//! - A file system that is not known to be local; `enable_blob_direct_write`; a MANIFEST that names further paths, if none
//!   were given; a database without any WAL; a WAL that is damaged at several attempts. [Forced](super::Directory::forced), these
//!   are warnings.
//! - A live file that is missing or has another size than the MANIFEST says; a MANIFEST that is damaged before its end, at
//!   two attempts; synced WALs (`track_and_verify_wals_in_manifest`) and preceding ones (`track_and_verify_wals`) that are not
//!   as recorded.
//! - A CURRENT of a custom `Env`; whatever a newer RocksDB wrote that must not be ignored.
//! - Another database in the same place: another directory, another database id, a smaller MANIFEST number.
//! - More files than may be open at once, for a host that copies none early.
//!
//! # What is not in it
//! What the process keeps in memory: writes with `disableWAL` that were not flushed, and the buffer of the WAL with
//! `manual_wal_flush`. A warning reports either where it shows.

pub(super) mod closing;
mod file_system;
pub(super) mod find_file;
pub(super) mod followed;
pub(super) mod held_files;
pub(super) mod open_files;
pub(super) mod probe;
mod session;
pub(super) mod settings;
pub(super) mod wal_listing;
mod wal_window;

#[cfg(feature = "probes")]
pub use self::probe::{Probe, Step};
pub(super) use self::session::capture;
