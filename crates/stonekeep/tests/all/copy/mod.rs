//! Copies of backups between repositories.

mod basics;
mod crash;
mod refusals;
