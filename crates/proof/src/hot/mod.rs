//! Databases that are captured while another process writes them at full speed.
//!
//! - [`settings`]: the kinds of databases, and [`history`]: what a writer writes, derived from a seed.
//! - [`writer`]: the writing process; [`process`] starts and kills it, [`counters`] count its batches, [`journal`] has their times.
//! - `state`: what the database must hold after any prefix of that, and [`verifier`]: whether an image is such a state.
//! - [`run`]: captures one database again and again; `taking` makes a database directory of each image, [`jitter`]
//!   provokes races, [`report`] counts.

pub(crate) mod attended;
pub mod counters;
pub mod history;
pub mod jitter;
pub mod journal;
pub mod process;
pub mod report;
pub mod run;
pub mod settings;
mod slow_deletion;
mod state;
mod taking;
pub mod verifier;
pub mod writer;
