//! A backup engine for RocksDB databases, in the directory format of RocksDB's own `BackupEngine`.
//!
//! The floors, each of which knows only those below it: [`engine`] (the verbs), [`repo`] (RocksDB's directory
//! layout over a store), [`image`] (what to back up) beside [`store`] (where bytes go), and the crate
//! `stonekeep_format` at the bottom. The library is silent and synchronous: progress goes to an [`Observer`],
//! diagnosis to `tracing`, time comes from a [`Clock`].

mod clock;
pub mod engine;
mod error;
pub mod image;
mod observer;
pub mod repo;
pub mod store;

pub use clock::{Clock, SystemClock};
pub use error::{Error, ErrorKind, Finding, IoContext, Result};
pub use observer::{Observer, Phase, Progress, Quiet, StopSwitch, Warning};
pub use stonekeep_format as format;
