//! What may be removed from a repository.
//!
//! [`Inventory`] is everything that is found, [`plan()`] decides what of it goes, without changing anything.
//!
//! Files that no backup names are of two kinds. Where one of our own records says where they come from (the meta
//! file of a deleted backup in `stonekeep/deleted`, facts without a backup, a journal), they go at once. All others
//! may belong to a backup that a foreign engine is making at this moment, which is no backup before its last step: they
//! go when they have not been changed for a while. So do shared files that are younger than the record that names them: a run puts
//! its records after its files, and a foreign engine that deletes our backup, or collects, leaves our records.
//!
//! A deletion is the record put, then the meta file deleted; [`withdraw`] has the states that a crash leaves.

mod deadline;
mod deletion;
mod included;
mod inventory;
mod kept;
mod metas;
mod modified;
mod origins;
mod plan;
mod records;
mod verdict;

pub use self::deadline::{Deadline, ToDelete};
pub use self::deletion::{Withdrawn, after_deleting, drop_void_records, secure, withdraw};
pub use self::inventory::Inventory;
pub use self::metas::{Examine, Metas};
pub use self::plan::{
    Area, Garbage, GarbageKind, GarbagePlan, HeldByPin, KeptForUndelete, Policy, RetainingBackup, Total,
};
pub use self::records::deleted;
pub use self::verdict::plan;
