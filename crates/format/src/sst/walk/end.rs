//! What can be said when all blocks were read.

use super::state::Walk;
use super::visitor::{BlockKind, KeyRange};
use crate::sst::key_order::KeyOrder;
use crate::sst::{BlockHandle, ReadError, TableProperties};
use crate::{FileKind, FormatError};

/// The property of tables that have values between their blocks (`table/embedded_blob_sst.h`, RocksDB 11.9).
const EMBEDDED_BLOBS: &[u8] = b"rocksdb.embedded.blob.stats";

impl Walk<'_> {
    /// What can be said at the end: whether the properties, which are at `at`, are right, and whether bytes are left over.
    pub(super) fn end(
        &mut self,
        properties: &TableProperties,
        order: KeyOrder,
        at: BlockHandle,
    ) -> Result<(), ReadError> {
        self.padding_behind_data(properties)?;
        self.summary.counts.data_end = self.data.end;
        if properties.others.contains_key(EMBEDDED_BLOBS) {
            let reason = "the values that the table has outside of its blocks were not read";
            let error = FormatError::unsupported(FileKind::Table, 0, reason);
            self.report(
                BlockKind::Unnamed,
                BlockHandle::default(),
                Some(KeyRange::default()),
                &error,
            );
            return Ok(());
        }
        if self.is_complete {
            // In the size of values, the end of a range deletion has the timestamp that was stripped
            // (`BlockBasedTableBuilder::Add`).
            let stripped = if order.is_stripped() { 8 } else { 0 };
            for error in self.summary.contradictions(properties, stripped) {
                self.report(BlockKind::Properties, at, None, &error.at(at.offset));
            }
        }
        if self.has_whole_index {
            self.gaps();
        }
        Ok(())
    }

    /// Reports the bytes that no block has.
    fn gaps(&mut self) {
        let Some(gaps) = self.coverage.gaps(self.footer.offset) else {
            let error =
                FormatError::unsupported(FileKind::Table, 0, "there are too many bytes that no block has");
            self.report(BlockKind::Unnamed, BlockHandle::default(), None, &error);
            return;
        };
        for gap in gaps {
            let size = gap.end - gap.start;
            let error = FormatError::corrupt(
                FileKind::Table,
                gap.start,
                format!("no block has these {size} bytes"),
            );
            let handle = BlockHandle {
                offset: gap.start,
                size,
            };
            self.report(BlockKind::Unnamed, handle, None, &error);
        }
    }
}
