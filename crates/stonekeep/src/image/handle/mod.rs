//! A database that this process has open, captured with RocksDB's help. RocksDB's own engine does the same, but disables file
//! deletions until all files are copied; this capture disables them only until all files are open.
//!
//! # Steps
//! 1. Ask RocksDB for its files, after a flush if that is requested. Read the MANIFEST. The host says which files it needs. If
//!    those are many, the host copies them at once, and the step is repeated for files that are new since.
//! 2. Disable file deletions. Ask RocksDB once more: now every file that it names stays, every WAL too.
//! 3. Read the MANIFEST up to the size that RocksDB reported. Open new files that the host needs.
//! 4. Open the WALs, which count up to the sizes that RocksDB reported. Read those that may be recycled: RocksDB overwrites
//!    them as soon as they are obsolete, even while they are open.
//! 5. **Close.** Read what was added to the MANIFEST after that size. Flushes and compactions do not change what the database
//!    contains. Column families that were added or dropped and ingested files do, and the WALs may have writes that came
//!    after them: then steps 2 to 5 are repeated. RocksDB's engine does not check this.
//! 6. Enable file deletions again, whatever happened. Scan the WALs, and cut them after their last complete record.
//! 7. When all is copied, check the length of each open file: `SstFileManager` truncates large files that it deletes slowly,
//!    open or not. A file that is too short means another capture.
//!
//! The last attempt keeps deletions disabled until all is copied, as RocksDB's engine does. So does an attempt with more files
//! than may be open, for a host that copies nothing early.
//!
//! # Why it is one state
//! Let M be the state when RocksDB answers in step 2. Its tables and blobs are kept from then on. Each write that they lack is
//! in a WAL that M needs, and those are kept as well; a WAL that is younger than M is not in the answer. RocksDB flushes its WAL
//! buffers after M and before it takes the sizes (`DBImpl::GetLiveFilesStorageInfo`, `db/db_filesnapshot.cc`), so every write
//! that was acknowledged before is there. So M and the WALs together are one prefix of all writes, for all column families,
//! unless a change that is in the MANIFEST alone came between. Step 5 excludes that.

mod live_files;
mod open_database;
mod report;
mod session;

pub use self::live_files::{LiveFile, LiveFiles, Memtables};
pub use self::open_database::OpenDatabase;
