//! Captures of a database that another process writes.

pub(crate) mod directory;
pub(crate) mod fallback;
pub(crate) mod host;
pub(crate) mod image;
pub(crate) mod meddler;
pub(crate) mod random;
pub(crate) mod recycled;
pub(crate) mod refused;
pub(crate) mod rounds;
pub(crate) mod scene;
pub(crate) mod wal_dir;
pub(crate) mod wals;
