//! Streams of WALs in a repository.

pub(crate) mod beside_backups;
pub(crate) mod breaks;
pub(crate) mod chains;
pub(crate) mod forks;
pub(crate) mod maker;
pub(crate) mod points;
pub(crate) mod segment_lies;
pub(crate) mod segments;
pub(crate) mod stored;
pub(crate) mod strangers;
