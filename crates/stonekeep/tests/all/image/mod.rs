//! Captures of a database at rest.

pub(crate) mod capture;
pub(crate) mod closed;
pub(crate) mod copies;
pub(crate) mod findings;
pub(crate) mod fixtures;
pub(crate) mod lock;
pub(crate) mod options_differ;
pub(crate) mod other_databases;
pub(crate) mod paths;
pub(crate) mod prepared;
pub(crate) mod torn_manifest;
pub(crate) mod tweaked;
pub(crate) mod unnamed_blobs;
pub(crate) mod wal_absence;
pub(crate) mod wal_dir;
pub(crate) mod wals;
pub(crate) mod writes_without_wal;
