//! The OPTIONS file: wal_dir, column families and the settings that matter to a backup.
//!
//! ```text
//! [Version]                             rocksdb_version, options_file_version
//! [DBOptions]                           once
//! [CFOptions "default"]                 once for each column family, the default one first
//! [TableOptions/BlockBasedTable "name"] belongs to a column family above it
//!   name=value                          one line each; the first of several counts
//! # comment                             to the end of the line, unless the # has a backslash before it
//! ```
//!
//! Strings are escaped with backslashes: `\\`, `\#`, `\:`, `\r`, `\n`. Options that are empty may be missing: `wal_dir`
//! is, for 7.8 but not for 6.11, when it is the database directory. `db_paths` and `cf_paths` are never there.
//!
//! Source of truth: `options/options_parser.cc`, `util/string_util.cc`, `options/db_options.cc`. Version rule: the
//! lines have stayed the same, names come and go; an unknown section is too new, an unknown name is kept.

mod capture;
mod escape;
mod file;
mod section;
mod wal_dir;

pub use capture::{CaptureOptions, WalRecoveryMode};
pub use escape::{escape, unescape};
pub use file::OptionsFile;
/// An OPTIONS file has some ten kilobytes for each column family, and databases with thousands of them exist.
pub const LIMIT_BYTES: u64 = 64 << 20;

pub use wal_dir::{wal_dirs_by_line, with_wal_dir, with_wal_dir_by_line};
