//! Who takes part on an S3 server, and where.

use std::path::PathBuf;

use super::Scale;
use super::tools::Tool;
use crate::scenario::Setting;
use crate::server::bucket::Bucket;

/// Who takes part, and where.
pub(crate) struct S3<'a> {
    pub(crate) setting: &'a Setting,
    pub(crate) scale: Scale,
    /// A prefix of this run.
    pub(crate) bucket: Bucket,
    /// The same through a proxy without latency, and through one with it.
    pub(crate) near: Bucket,
    pub(crate) far: Bucket,
    pub(crate) stonekeep: PathBuf,
}

impl S3<'_> {
    pub(super) fn stonekeep(&self) -> Tool {
        Tool::Stonekeep {
            command: self.stonekeep.clone(),
            transfers: None,
        }
    }

    /// Stonekeep first, then eat-rocks if it is there.
    pub(super) fn tools(&self) -> Vec<Tool> {
        let eat_rocks = self
            .setting
            .programs
            .eat_rocks
            .iter()
            .map(|command| Tool::EatRocks {
                command: command.clone(),
                transfers: None,
            });
        [self.stonekeep()].into_iter().chain(eat_rocks).collect()
    }
}
