//! Databases that are followed while another process writes them, and restored to points between backups.
//!
//! - [`settings`]: the kinds of databases; the writer and what it writes are those of [`hot`](crate::hot).
//! - [`run`]: follows one database as a [`plan`] says; [`told`] is what the follower said.
//! - [`followed`]: restores what was followed to points.
//! - [`judge`]: whether a restored database is the one state that is allowed at its point.
//! - [`report`]: counts them.

pub mod followed;
pub mod judge;
pub mod plan;
pub mod report;
pub mod run;
pub mod settings;
pub mod told;
