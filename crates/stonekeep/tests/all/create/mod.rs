//! Creating backups.

pub(crate) mod basics;
pub(crate) mod conflicts;
pub(crate) mod crash;
pub(crate) mod damaged_files;
pub(crate) mod direct_reads;
pub(crate) mod ended_copies;
pub(crate) mod excluded_files;
pub(crate) mod facts;
pub(crate) mod heal;
pub(crate) mod ids;
pub(crate) mod in_object_stores;
pub(crate) mod included_files;
pub(crate) mod incremental;
pub(crate) mod journal;
pub(crate) mod live;
pub(crate) mod named_uploads;
pub(crate) mod naming;
pub(crate) mod order;
pub(crate) mod rates;
pub(crate) mod reflink;
pub(crate) mod repository_modes;
pub(crate) mod run;
pub(crate) mod sources;
mod together;
pub(crate) mod unknown_files;
