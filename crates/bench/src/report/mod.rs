//! The reports of a run: tables, charts, JSON.

mod cells;
pub(crate) mod chart;
pub(crate) mod curves;
pub(crate) mod growth;
mod judgements;
pub(crate) mod live;
mod table;

use serde::Serialize;

use crate::machine::Machine;
use crate::result::Comparison;

/// Everything that a run found out so far; also the form of `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Seconds since 1970.
    pub(crate) time: u64,
    pub(crate) machine: Machine,
    pub(crate) rounds: usize,
    /// Why system calls were not counted, if they were not.
    pub(crate) not_counted: Option<String>,
    pub(crate) command_bytes: Option<u64>,
    pub(crate) comparisons: Vec<Comparison>,
}
