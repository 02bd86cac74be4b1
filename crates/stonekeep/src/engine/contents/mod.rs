//! What a backup has: its files, where the bytes of each one are, and what is wrong with them.
//!
//! Verifying, restoring and opening in place share this, so that they agree on which files a backup consists of, where
//! excluded files come from, and what an OPTIONS file becomes in another directory.

mod alternates;
pub(super) mod assembly;
mod backup_contents;
mod content;
pub(super) mod current;
pub(super) mod damage;
mod file;
mod file_copier;
mod options_files;

pub(super) use self::backup_contents::{BackupContents, Find, require_stored};
pub(super) use self::content::{Content, FileSource};
pub(super) use self::file::BackupFile;
pub(super) use self::file_copier::FileCopier;
pub use self::options_files::RewrittenOptions;
pub(super) use self::options_files::{
    AdjustedOptions, Destination, adjust_options, is_same_directory, wal_dir_of,
};
