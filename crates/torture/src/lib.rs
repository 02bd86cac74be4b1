//! Machines that try to break Stonekeep's promises. Whatever one of them does follows from a seed, so that a failure can be had again.
//!
//! - [`corruption`]: damages files of repositories and of restored databases, and looks at what verify and restore say.
//! - [`crashes`]: kills a verb, and the run after it, and lets the power fail.
//! - [`faults`]: lets one operation of a verb fail, in each way.
//! - [`kills`]: kills the real command before its system calls.
//! - [`power`]: clones the disk of the running command, and mounts the clone.
//! - [`simulation`]: lets several clients work at the same time, in simulated time.
//! - [`strangers`]: gives the real command repositories, databases and targets that are made to hurt.
//!
//! They use the library, or the real command, without RocksDB. `cargo xtask torture` runs them for long, the tests of this crate for seconds.

pub mod binary;
pub mod budget;
pub mod case;
pub mod corruption;
pub mod crashes;
pub mod disturb;
pub mod faults;
pub mod kills;
pub mod leaks;
pub mod place;
pub mod power;
pub mod simulation;
pub mod stage;
pub mod strangers;
pub mod tree;
pub mod verbs;
pub mod world;

pub use anyhow::Result;
