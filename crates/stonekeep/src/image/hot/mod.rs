//! A database directory that another process is writing as the source of an image.
//!
//! The image is what a `kill -9` of the writer at one instant would have left: every write that had reached the operating
//! system by then is in it, nothing that came after, and all column families end at the same point of the WAL. The writer
//! is not asked and does not notice: no lock is taken, no file is opened for writing, nothing is made in its directory.
//!
//! # Steps
//! - **H0** Once: CURRENT and the MANIFEST, the newest OPTIONS, by them the directories, and whether all this can be
//!   captured at all. The host hears the database id.
//! - **H1** Where only the fallback rule can help: all WALs are listed and opened.
//! - **H2** The MANIFEST is followed to its newest edit, and the tables and blobs of that state are held: those that the
//!   host has are not opened, where much is new the host takes it at once, the rest is held by open descriptors. This goes
//!   on until a look shows no new edit. What is held stays so from round to round, as long as it is live.
//! - **H3** The window: the WALs are listed twice, opened, and measured, newest first. Those that may be recycled are read
//!   here, and all when this is not the first attempt: a slow deletion was faster than the copy.
//! - **H4** The close: the MANIFEST once more, then CURRENT, then the names of the WALs that were read. A new edit, another
//!   MANIFEST or a lost name begins another round at H1. By the fallback rule some edits are borne.
//! - **H5** The newest OPTIONS. If they say something else than before, as after a restart of the writer: another round.
//!   If they have other column families than the state, the ones before are taken if those fit; else another round, a few times.
//! - **H6** The WALs are read through, checksum by checksum, and cut to what counts. If one is not as it must be, a write may
//!   have been under way: another round, a few times.
//! - **H7** The image. When the host has copied it, [`Capture::confirm`] looks whether any open file lost bytes meanwhile.
//!
//! # Why it is right
//! Three habits of RocksDB carry it:
//! - *The edit comes before its effect.* A table, a blob or a WAL is removed, and a WAL renamed to be written over, after the
//!   edit that lets it go is in the MANIFEST (`VersionSet::ProcessManifestWrites`, `db/version_set.cc`;
//!   `DBImpl::PurgeObsoleteFiles`, `db/db_impl/db_impl_files.cc`). So a file that is missing must have left the state by the
//!   next look, and a WAL that the state needs cannot vanish while no edit comes.
//! - *The WAL comes before the table.* What is in a table was in a WAL before (`disableWAL` apart). So WALs that are measured
//!   after the state was read hold everything that its tables hold, and no column family is ahead of another.
//! - *Files only grow.* Tables, blobs and older WALs do not change, the newest WAL and the MANIFEST are appended to. The two
//!   exceptions are recycled WALs, which are read in the window and must have their names after it, and slow deletions, which
//!   cut a file that is open here: lengths are looked at after the copy.
//!
//! Let the state be read at t0, the WALs measured at t1, and no edit be there at t2. No needed WAL went between t0 and t1.
//! Those up to the largest number of a first listing were made before the second one began, so none is missing in it.
//! When the newest length covers data, all other WALs get no more writes. So the WALs are one prefix of what was written,
//! without a hole. What changes a database without a WAL - ingested files, column families that come and go, deleted ranges
//! of files - is an edit, and there was none. That it closes at all is a matter of chance for each round, not of the
//! writer's help: the window takes less than a millisecond in a directory of some hundred files.
//!
//! # The fallback rule
//! After [a limit](HotDirectory::with_strict_limit) a round also closes if edits came, but none that brings ingested files,
//! a column family or another MANIFEST, and none that lets WALs go beyond those that were open before the state was read:
//! then everything that those edits did is told by WALs that are in the image. Deletions of whole files are borne; whether a
//! user asked for one (`DeleteFilesInRange`) cannot be seen. [`LiveCapture::rule`](super::LiveCapture::rule) says by which
//! rule a round closed.
//!
//! # What is cut
//! The MANIFEST ends with the last record, and atomic group, that is there in full. The newest WAL with data ends with its
//! last complete record; WALs before it must be complete; those after it, which hold only records about themselves or the
//! rest of an older log, are cut to nothing, since with `manual_wal_flush` they may be ahead of it.
//!
//! # What is refused
//! - A file system that is not known to be local; `enable_blob_direct_write`; a MANIFEST that names further paths, if none
//!   were given; a database without any WAL; a WAL with damage in it, after several looks. [Forced](HotDirectory::forced),
//!   these are warnings.
//! - A live file that is missing or has another size than the MANIFEST says; a MANIFEST that is damaged before its end, at
//!   two looks; synced WALs (`track_and_verify_wals_in_manifest`) and preceding ones (`track_and_verify_wals`) that are not
//!   as they were written down.
//! - A CURRENT of a custom `Env`; whatever a newer RocksDB wrote that must not be ignored.
//! - Another database in the same place: another directory, another database id, a smaller MANIFEST number.
//! - More files than may be open at once, for a host that takes none early.
//!
//! # What is not in it
//! What the process keeps in memory: writes with `disableWAL` that were not flushed, and the buffer of the WAL with
//! `manual_wal_flush`. Where either shows, it is warned of.

pub(super) mod capture;
pub(super) mod closing;
mod directory;
mod file_system;
pub(super) mod find_file;
mod followed;
pub(super) mod held_files;
pub(super) mod open_files;
pub(super) mod probe;
mod session;
mod settings;
mod source;
mod wal_listing;
mod wal_window;

pub use self::directory::HotDirectory;
#[cfg(feature = "probes")]
pub use self::probe::{Probe, Step};
