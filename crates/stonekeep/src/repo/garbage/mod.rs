//! What may be removed from a repository.
//!
//! [`Survey`] is everything that was found, [`plan`] decides what of it goes, without touching anything.
//!
//! Files that no backup names are of two kinds. Where one of our own records tells where they come from (the meta
//! file of a deleted backup in `stonekeep/deleted`, facts without a backup, a journal), they go at once. All others
//! may belong to a backup that a foreign engine is making at this very moment, which is no backup before its last
//! step: they go when they have not been changed for a while.
//!
//! A deletion is the record put, then the meta file deleted; [`withdraw`] has the states that a crash leaves.

mod claims;
mod metas;
mod plan;
mod planner;
mod references;
mod survey;
mod taken_along;
mod withdraw;

pub use self::claims::{Area, Claims};
pub use self::metas::{IsDoomed, Metas};
pub use self::plan::{Garbage, GarbageKind, GarbagePlan, HeldBack, HeldByPin, Policy, Total};
pub use self::planner::plan;
pub use self::references::References;
pub use self::survey::{OrphanFacts, PinnedBackup, PrivateDirectory, Record, Survey};
pub use self::taken_along::TakenAlong;
pub use self::withdraw::{Withdrawn, after_deleting, drop_void_records, secure, withdraw};

use crate::Error;

/// Why something cannot be read, in a line.
fn reason(error: &Error) -> String {
    match error.findings().first() {
        Some(finding) => finding.reason.clone(),
        None => error.one_line(),
    }
}
