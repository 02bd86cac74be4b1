//! Which database is captured while another process writes it, and under which limits.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::probe::Probes;
use crate::Clock;
use crate::image::CaptureKind;

/// A database that another process is writing.
#[derive(Debug, Clone)]
pub(super) struct HotSource {
    pub(super) path: PathBuf,
    pub(super) wal_dir: Option<PathBuf>,
    pub(super) db_paths: Vec<PathBuf>,
    pub(super) strict_limit: StrictLimit,
    pub(super) forced: bool,
    pub(super) open_files_limit: Option<usize>,
    pub(super) kind: CaptureKind,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) probes: Probes,
}

/// When the fallback rule may be used.
#[derive(Debug, Clone, Copy)]
pub(super) struct StrictLimit {
    pub(super) rounds: u64,
    pub(super) time: Duration,
}
