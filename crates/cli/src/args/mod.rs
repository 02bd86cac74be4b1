//! The arguments as they are typed; each command converts them once.

pub(crate) mod choice;
pub(crate) mod engine;
pub(crate) mod optional_repository;
pub(crate) mod path;
pub(crate) mod place;
pub(crate) mod point;
pub(crate) mod quantity;
pub(crate) mod repositories;
pub(crate) mod repository;
pub(crate) mod retention;
pub(crate) mod sample;
pub(crate) mod select;
pub(crate) mod sources;
pub(crate) mod time;
pub(crate) mod which;
