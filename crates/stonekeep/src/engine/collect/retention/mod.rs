//! Which backups a purge keeps, decided from plain data.
//!
//! Only valid backups are counted and deleted. Each rule is applied to all of them by itself, and a backup goes if no rule keeps
//! it; so one more rule never keeps less, and the same rules applied again delete nothing. `max_total_size_bytes` is no rule
//! but a limit, which is applied to what the rules keep.
//!
//! - Rules that count backups (`num_backups_to_keep`, `min_count`) go by the ids, as RocksDB's `PurgeOldBackups` does.
//! - Rules by the calendar go by the times in the meta files, in a time zone: the newest backup of each of the last N hours,
//!   days, ISO weeks and so on that have a backup. While fewer are found, the oldest backup stays as well, so that the history
//!   becomes as long as the rule allows. An hour that a clock repeats, when summer time ends, counts as two.
//! - Periods reach back from the newest backup, not from now: a database that is backed up no more loses nothing. A backup whose
//!   time is in the future counts as made now.
//! - The newest valid backup always stays, unless the only rule is to keep none.

mod calendar;
mod decide;
mod keep;
mod options;
mod report;
#[cfg(test)]
mod tests;

pub(super) use self::decide::{Candidate, decide, drop_over};
pub use self::keep::{Keep, Period};
pub use self::options::PurgeOptions;
pub use self::report::{BackupDecision, Goes, KeepRule, KeptBy};
