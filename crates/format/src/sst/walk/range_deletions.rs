//! The block of range deletions.

use super::state::Walk;
use super::visitor::{BlockKind, KeyRange};
use crate::sst::entries::{Entries, WithLength};
use crate::sst::key_order::KeyOrder;
use crate::sst::{BlockHandle, EntryType, InternalKey, ReadError};
use crate::{FileKind, FormatError};

impl Walk<'_> {
    /// Reads the range deletions. They are in the order in which they were added (`BlockBasedTableBuilder::Add`), which
    /// is no promise, so it is not checked.
    pub(super) fn range_deletions(&mut self, handle: BlockHandle, order: KeyOrder) -> Result<(), ReadError> {
        let kind = BlockKind::RangeDeletion;
        let everything = Some(KeyRange::default());
        let Some(content) = self.content(kind, handle, everything)? else {
            self.is_complete = false;
            return Ok(());
        };
        if let Err(error) = self.read_range_deletions(handle, &content, order) {
            self.is_complete = false;
            self.report(kind, handle, everything, &error);
        }
        Ok(())
    }

    fn read_range_deletions(
        &mut self,
        handle: BlockHandle,
        content: &[u8],
        order: KeyOrder,
    ) -> Result<(), FormatError> {
        let mut entries = Entries::new(handle.offset, content, order, WithLength)?;
        while let Some(entry) = entries.next_entry()? {
            let key = InternalKey::parse(entry.key).map_err(|error| error.at(handle.offset))?;
            if key.entry_type != EntryType::RangeDeletion {
                let reason = format!("an entry of type {:?} among the range deletions", key.entry_type);
                return Err(FormatError::corrupt(FileKind::Table, handle.offset, reason));
            }
            self.summary.count(entry.key.len(), &key, entry.value.len());
            self.visitor.entry(&key, entry.value);
        }
        Ok(())
    }
}
