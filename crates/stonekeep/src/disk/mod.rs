//! The local file system: safe paths below a root, durable files and names, cheap copies, directory listings.
//!
//! The stores of repositories, the capture of a database and the target of a restore work on local directories through
//! this layer. It knows nothing of backups. [`Tree`] is a root with what lies below it, [`Place`] a name in an open
//! directory; how files become durable is described in `sync.rs` and `flush.rs`.

mod clone;
pub(crate) mod copying;
mod descent;
pub(crate) mod direct_reader;
mod directory;
mod entry;
mod file_reader;
pub(crate) mod file_system;
mod flush;
pub(crate) mod listing;
mod making;
pub(crate) mod new_file;
mod no_directory;
mod page_cache;
mod place;
mod places;
pub(crate) mod rename;
mod renames;
mod sync;
pub(crate) mod tree;
mod unavailable;
mod write_back;

pub(crate) use self::clone::Clones;
pub(crate) use self::directory::Directory;
pub use self::entry::{Entry, EntryKind};
pub(crate) use self::file_reader::FileReader;
pub use self::flush::SyncMethod;
pub(crate) use self::making::Making;
pub(crate) use self::new_file::write_error;
pub(crate) use self::no_directory::no_directory;
pub(crate) use self::page_cache::{FileSystems, SparingReads};
pub(crate) use self::place::Place;
pub(crate) use self::places::{real_path, refuse_inside};
pub(crate) use self::sync::{Syncs, Written};
pub(crate) use self::tree::Tree;
pub(crate) use self::write_back::WriteBack;
