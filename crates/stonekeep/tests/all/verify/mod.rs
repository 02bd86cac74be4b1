//! Verifying backups.

pub(crate) mod basics;
pub(crate) mod damaged_database;
pub(crate) mod deep;
pub(crate) mod deep_support;
pub(crate) mod interrupted;
pub(crate) mod missing_lines;
pub(crate) mod sample;
pub(crate) mod stamps;
pub(crate) mod stopped;
pub(crate) mod strange_repository;
pub(crate) mod unchecked;
