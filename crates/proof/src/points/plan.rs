//! What is done to one database.

use std::path::PathBuf;

use crate::hot::settings::Setting;

/// What is done to one database.
#[derive(Clone, Debug)]
pub struct Points {
    /// The program that becomes a writer when its first argument is `writer`.
    pub program: PathBuf,
    /// The kind of database.
    pub setting: &'static Setting,
    /// What everything derives from that is left to chance.
    pub seed: u64,
    /// Where the database is made, in a directory of its own.
    pub place: PathBuf,
    /// How many points are restored.
    pub points: u64,
    /// How many times are compared with those of the writer.
    pub times: u64,
    /// How many batches of each lane are followed.
    pub batches: u64,
    /// The repository is in a directory, not in memory.
    pub local: bool,
    /// The follower dies at random, and is started again.
    pub restarts: bool,
    /// Where wrong points are kept.
    pub keep: PathBuf,
}
