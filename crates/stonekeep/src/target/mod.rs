//! Where a restore writes: the directories of a database, over the local file system.
//!
//! A [`TargetDirectory`] is read; whatever changes it goes through the one [`TargetDisk`], which a test can watch and
//! stop through a [`TargetHook`].

mod directories;
mod directory;
mod disk;
mod file;
mod hook;
mod lock_file;
mod names;
mod path;
mod root;
mod write;

pub(crate) use self::directories::{Area, TargetDirectories};
pub(crate) use self::directory::{ListedFiles, TargetDirectory, TargetEntry};
pub use self::disk::TargetDisk;
pub(crate) use self::file::TargetFile;
pub use self::hook::{TargetHook, TargetOperation};
pub(crate) use self::lock_file::{LockFile, lock_as_rocksdb, lock_staging};
pub(crate) use self::names::{ARCHIVE, CURRENT, CURRENT_LIMIT_BYTES, STAGING, is_kept_open};
pub use self::path::TargetPath;
pub(crate) use crate::disk::real_path;
