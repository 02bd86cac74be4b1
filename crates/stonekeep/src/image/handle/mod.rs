//! A database that this process has open, captured with RocksDB's help: what RocksDB's own engine does, with file
//! deletions disabled for as long as it takes to open files instead of to copy them.
//!
//! # Steps
//! 1. RocksDB is asked for its files, after a flush if that is wanted. The MANIFEST is read, the host says which files it
//!    needs. Where those are many, the host copies them at once, and the step is repeated for what is new since.
//! 2. File deletions are disabled. RocksDB is asked once more: now every file that it names stays, every WAL too.
//! 3. The MANIFEST is read on, up to the size that RocksDB told. What is new is opened, if the host needs it.
//! 4. The WALs are opened, of which the sizes count that RocksDB told. Those that may be recycled are read: they are
//!    written over as soon as they are obsolete, whoever has them open.
//! 5. **Close.** What was added to the MANIFEST behind that size is looked at. Flushes and compactions change nothing in
//!    what the database holds. Column families that came or went and ingested files do, and the WALs may have writes
//!    that came after them: then steps 2 to 5 are repeated. RocksDB's engine does not look.
//! 6. File deletions are enabled again, whatever happened. The WALs are read through, and cut behind their last complete
//!    record.
//! 7. When all is copied, the length of each open file is looked at: `SstFileManager` shortens large files that it
//!    deletes slowly, open or not. One that has become too short means another capture.
//!
//! The last attempt keeps deletions disabled until all is copied, as RocksDB's engine does; so does one whose files are
//! more than may be open, for a host that copies nothing early.
//!
//! # Why it is one state
//! Let M be the state when RocksDB answers in step 2. Its tables and blobs are kept from there on. Each write that they
//! lack is in a WAL that M needs, and those are kept as well; a WAL that is younger than M is not in the answer. RocksDB
//! flushes its WAL buffers after M and before it takes the sizes (`DBImpl::GetLiveFilesStorageInfo`,
//! `db/db_filesnapshot.cc`), so every write that was acknowledged before is there. What M holds and what the WALs add is
//! therefore one prefix of all writes, for all column families, unless something changed the database that stands in
//! the MANIFEST alone. Step 5 excludes that.

mod deletions;
mod live_file;
mod open_database;
mod report;
mod reported;
mod session;

pub use self::live_file::{LiveFile, LiveFiles, Memtables};
pub use self::open_database::OpenDatabase;
