//! Captures through an open handle.

pub(crate) mod image;
pub(crate) mod scene;
