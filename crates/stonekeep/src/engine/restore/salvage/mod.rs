//! `best_effort`: a damaged backup comes back without what is damaged.
//!
//! # Steps
//! - **S1** The backup is verified: files that are missing, have another size or checksum, or cannot be read are lost.
//! - **S2** The backup is restored as any other, without the lost files. So what is not lost is verified once more while it is
//!   copied, and a crash leaves what a crash of any restore leaves. The next run begins with S1.
//! - **S3** A MANIFEST that names lost tables ends with a record that removes them, as `ldb unsafe_remove_sst_file` would write
//!   it. So RocksDB opens the database, and new files get no number twice.
//!
//! | lost | then |
//! |---|---|
//! | a table | its keys are gone. Older values of keys that it overwrites, and keys that it deletes, may be back |
//! | a blob file | the tables stay; RocksDB fails to read the values in the blob file, and no others |
//! | a WAL | its writes are gone; later WALs are there. The MANIFEST no longer tracks any WAL |
//! | CURRENT | it is written anew, if the backup has one MANIFEST |
//! | OPTIONS, files of the application | they are left out |
//! | the MANIFEST, the meta file | the backup cannot be salvaged |
//!
//! The target must not have a database: a damaged state never takes the place of another one.

mod complete;
mod gone;
mod lost;
mod manifest;
mod report;

pub(super) use self::complete::complete;
pub(super) use self::lost::Lost;
pub use self::report::{LossOfFamily, LostFile, Salvage};
