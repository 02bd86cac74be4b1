//! The state of a walk.

use super::coverage::Coverage;
use super::options::WalkOptions;
use super::summary::TableSummary;
use super::visitor::{BlockKind, Finding, KeyRange, TableVisitor};
use super::window::Window;
use crate::FormatError;
use crate::sst::{BlockHandle, Decompressor, Footer};

/// A walk through one table.
pub(super) struct Walk<'w> {
    pub(super) window: Window<'w>,
    pub(super) options: WalkOptions,
    pub(super) footer: Footer,
    /// That of data blocks, with the dictionary.
    pub(super) decompressor: Decompressor,
    pub(super) coverage: Coverage,
    pub(super) data: DataState,
    /// Whether all entries were read, so that they can be counted.
    pub(super) is_complete: bool,
    /// Whether all data blocks are known.
    pub(super) has_whole_index: bool,
    pub(super) summary: TableSummary,
    pub(super) visitor: &'w mut dyn TableVisitor,
}

/// Where the walk is in the data.
#[derive(Debug, Default)]
pub(super) struct DataState {
    /// The end of the last data block.
    pub(super) end: u64,
    pub(super) last_separator: Option<Vec<u8>>,
    /// The last internal key of the block before, if that could be read.
    pub(super) last_key: Option<Vec<u8>>,
    /// For keys that are put together.
    pub(super) buffer: Vec<u8>,
}

impl Walk<'_> {
    /// Tells the visitor of something that is wrong, or that was not checked.
    pub(super) fn report(
        &mut self,
        kind: BlockKind,
        handle: BlockHandle,
        keys: Option<KeyRange<'_>>,
        error: &FormatError,
    ) {
        if error.is_unsupported() {
            self.summary.unchecked += 1;
        } else {
            self.summary.damaged += 1;
        }
        self.visitor.finding(&Finding {
            kind,
            handle,
            keys,
            error,
        });
    }
}
