//! Machines that try to break Stonekeep's promises. Whatever one of them does follows from a seed, so that a failure can be had again.
//!
//! - [`corruption`]: damages files of repositories and of restored databases, and looks at what verify and restore say.
//!
//! They use the library without RocksDB. `cargo xtask torture` runs them for long, the tests of this crate for seconds.

pub mod budget;
pub mod corruption;
pub mod place;
pub mod tree;
pub mod world;

pub use anyhow::Result;
