//! Deleting, purging and collecting garbage.

pub(crate) mod basics;
pub(crate) mod crash;
mod damaged;
pub(crate) mod fixtures;
pub(crate) mod foreign_records;
pub(crate) mod generated;
mod holds;
pub(crate) mod misread_metas;
mod not_removed;
pub(crate) mod origin;
mod past_retention;
pub(crate) mod retained;
pub(crate) mod scene;
mod undelete;
pub(crate) mod unfinished;
pub(crate) mod went_back;
mod younger;
