//! A database that is followed while it is written.

pub(crate) mod batches;
pub(crate) mod events;
pub(crate) mod gaps;
pub(crate) mod manifests;
pub(crate) mod measured;
pub(crate) mod recycled;
pub(crate) mod refused;
pub(crate) mod resume;
pub(crate) mod scene;
pub(crate) mod source;
pub(crate) mod stream;
pub(crate) mod verb;
pub(crate) mod wals;
