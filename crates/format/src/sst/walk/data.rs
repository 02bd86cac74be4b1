//! Data blocks, one after the other.

use super::data_entries::{EntryChecks, Problem, read_entries};
use super::state::Walk;
use super::visitor::{BlockKind, KeyRange, WalkedBlock};
use crate::sst::index_entries::{IndexEntry, IndexForm};
use crate::sst::{BlockHandle, ReadError, StoredBlock, TableProperties};
use crate::{FileKind, FormatError};

/// More zeros than this are no padding; RocksDB pads to pages, and to multiples of `super_block_alignment_size`.
const MAX_PADDING_BYTES: u64 = 2 << 20;

impl Walk<'_> {
    /// Reads the data block of an entry of the index block at `index`.
    pub(super) fn data_block(
        &mut self,
        index: BlockHandle,
        form: IndexForm,
        entry: &IndexEntry<'_>,
    ) -> Result<(), ReadError> {
        let last_separator = self.data.last_separator.take();
        let last = last_separator.as_deref();
        let keys = KeyRange {
            from: last.map(|it| form.user_key_of(it)),
            to: Some(form.user_key_of(entry.separator)),
        };
        self.summary.counts.data_blocks += 1;
        if last.is_some_and(|last| form.order.is_known() && !form.ascends(last, entry)) {
            let error = FormatError::corrupt(FileKind::Table, index.offset, "the separators do not ascend");
            self.report(BlockKind::Index, index, Some(keys), &error);
        }
        if !self.known_data_block(form, entry, last, keys)? {
            self.is_complete = false;
            self.data.last_key = None;
        }
        let mut separator = last_separator.unwrap_or_default();
        separator.clear();
        separator.extend_from_slice(entry.separator);
        self.data.last_separator = Some(separator);
        Ok(())
    }

    /// Whether all entries of the block could be read.
    fn known_data_block(
        &mut self,
        form: IndexForm,
        entry: &IndexEntry<'_>,
        last_separator: Option<&[u8]>,
        keys: KeyRange<'_>,
    ) -> Result<bool, ReadError> {
        let (kind, handle) = (BlockKind::Data, entry.handle);
        if handle.offset < self.data.end {
            let reason = format!(
                "the block, {handle}, is before the end of the last one at {}",
                self.data.end
            );
            let error = FormatError::corrupt(FileKind::Table, handle.offset, reason);
            self.report(kind, handle, Some(keys), &error);
            return Ok(false);
        }
        if !self.has_place(kind, handle, Some(keys)) {
            return Ok(false);
        }
        self.take_padding(self.data.end, handle.offset)?;
        self.data.end = handle.offset + handle.size + self.footer.block_trailer_len() as u64;
        let limit = self.options.block_bytes();
        if handle.size > limit as u64 {
            self.checksum(kind, handle, Some(keys))?;
            self.too_large(kind, handle, Some(keys), limit);
            return Ok(false);
        }
        let problem = self.entries_of(form, entry, last_separator)?;
        let Some(problem) = problem else { return Ok(true) };
        self.report(kind, handle, Some(keys), &problem.error);
        Ok(problem.is_all_read)
    }

    /// Reads, checks and counts the entries of a block.
    fn entries_of(
        &mut self,
        form: IndexForm,
        entry: &IndexEntry<'_>,
        last_separator: Option<&[u8]>,
    ) -> Result<Option<Problem>, ReadError> {
        let handle = entry.handle;
        let Walk {
            window,
            decompressor,
            summary,
            visitor,
            footer,
            data,
            ..
        } = self;
        let len = handle.size as usize + footer.block_trailer_len();
        let stored = window.get(handle.offset, len)?;
        let block = match StoredBlock::split(footer, handle.offset, stored) {
            Ok(block) => block,
            Err(error) => return Ok(Some(Problem::unread(error))),
        };
        summary.counts.blocks += 1;
        visitor.block(&WalkedBlock {
            kind: BlockKind::Data,
            handle,
            compression: block.compression,
            checksum: block.checksum,
        });
        let content = block.checksum.check(handle.offset);
        let content = match content.and_then(|()| decompressor.decompress(&block, true)) {
            Ok(content) => content,
            Err(error) => return Ok(Some(Problem::unread(error))),
        };
        let checks = EntryChecks {
            form,
            last_key: data.last_key.as_deref(),
            last_separator,
            separator: entry.separator,
            first_key: entry.first_key,
        };
        let buffer = std::mem::take(&mut data.buffer);
        let read = read_entries(handle.offset, content, &checks, buffer, summary, *visitor);
        data.buffer = read.buffer;
        data.last_key = read.last_key;
        Ok(read.problem)
    }

    /// Zeros between data blocks are padding; whatever else is there shows up as unnamed in the end.
    fn take_padding(&mut self, start: u64, end: u64) -> Result<bool, ReadError> {
        let len = end.saturating_sub(start);
        if len == 0 || len > MAX_PADDING_BYTES {
            return Ok(false);
        }
        let is_padding = self
            .window
            .get(start, len as usize)?
            .iter()
            .all(|byte| *byte == 0);
        if is_padding {
            self.coverage.add(start..end);
        }
        Ok(is_padding)
    }

    /// What follows the last data block up to where the properties say that the data end.
    pub(super) fn padding_behind_data(&mut self, properties: &TableProperties) -> Result<(), ReadError> {
        let start = self.data.end;
        let end = properties.data_size.filter(|end| *end <= self.footer.offset);
        if let Some(end) = end
            && start > 0
            && self.take_padding(start, end)?
        {
            self.data.end = end;
        }
        Ok(())
    }
}

impl IndexForm {
    /// Whether the separator of `entry` follows `last`.
    fn ascends(self, last: &[u8], entry: &IndexEntry<'_>) -> bool {
        self.order.may_follow(self.order.compare(entry.separator, last))
    }
}
