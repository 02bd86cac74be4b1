//! What a repository reports of its backups.

pub(crate) mod basics;
pub(crate) mod fixtures_backups;
pub(crate) mod sizes;
pub(crate) mod verified;
