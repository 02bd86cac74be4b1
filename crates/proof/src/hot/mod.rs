//! Databases that are captured while another process writes them at full speed.
//!
//! - [`settings`]: the kinds of databases, and [`history`]: what a writer writes, told by a seed.
//! - [`writer`]: the writing process; [`process`] starts and kills it, [`counters`] tell how far it is.
//! - `state`: what the database must hold after any prefix of that, and [`verifier`]: whether an image is such a state.

pub mod counters;
pub mod history;
pub mod process;
pub mod settings;
mod slow_deletion;
mod state;
pub mod verifier;
pub mod writer;
