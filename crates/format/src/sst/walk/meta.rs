//! The blocks that the metaindex names.

use super::state::Walk;
use super::visitor::{BlockKind, KeyRange};
use crate::coding::Reader;
use crate::sst::block::Block;
use crate::sst::index_entries::{IndexEntries, IndexForm};
use crate::sst::key_order::KeyOrder;
use crate::sst::read::parse_properties;
use crate::sst::{BlockHandle, ReadError, TableProperties};
use crate::{FileKind, FormatError};

/// What the metaindex says.
pub(super) struct MetaBlocks {
    /// From format version 6 on.
    pub(super) index: Option<BlockHandle>,
    pub(super) properties: Option<BlockHandle>,
    others: Vec<(BlockKind, BlockHandle)>,
}

/// Names of meta blocks, in `table/meta_blocks.cc`, `block_based_table_factory.cc` and `block_based_table_builder.cc`.
fn kind_of(name: &[u8]) -> BlockKind {
    match name {
        b"rocksdb.index" => BlockKind::Index,
        b"rocksdb.properties" | b"rocksdb.stats" => BlockKind::Properties,
        b"rocksdb.range_del" => BlockKind::RangeDeletion,
        b"rocksdb.compression_dict" => BlockKind::CompressionDictionary,
        b"rocksdb.hashindex.prefixes" | b"rocksdb.hashindex.metadata" => BlockKind::HashIndex,
        _ if name.starts_with(b"partitionedfilter.") => BlockKind::FilterIndex,
        _ if name.starts_with(b"fullfilter.") || name.starts_with(b"filter.") => BlockKind::Filter,
        _ => BlockKind::Other,
    }
}

impl Walk<'_> {
    /// Reads the metaindex; nothing else can be found without it.
    pub(super) fn metaindex(&mut self) -> Result<Option<MetaBlocks>, ReadError> {
        let handle = self.footer.metaindex;
        let everything = Some(KeyRange::default());
        let Some(content) = self.content(BlockKind::Metaindex, handle, everything)? else {
            return Ok(None);
        };
        let mut meta = MetaBlocks {
            index: None,
            properties: None,
            others: Vec::new(),
        };
        let block = Block::of_content(handle.offset, &content);
        let mut damage = None;
        let read = block.for_each(|name, value, _| {
            let mut reader = Reader::new(FileKind::Table, handle.offset, value);
            match (kind_of(name), BlockHandle::decode(&mut reader)) {
                (_, Err(error)) => damage = Some(error),
                (BlockKind::Index, Ok(index)) => meta.index = Some(index),
                (BlockKind::Properties, Ok(properties)) => meta.properties = Some(properties),
                (kind, Ok(other)) => meta.others.push((kind, other)),
            }
        });
        if let Some(error) = read.err().or(damage) {
            self.report(BlockKind::Metaindex, handle, everything, &error);
            self.is_complete = false;
            self.has_whole_index = false;
            return Ok(None);
        }
        Ok(Some(meta))
    }

    /// The properties; all unknown if the table has none. `None` if they are damaged: they say how to read everything else.
    pub(super) fn properties(&mut self, meta: &MetaBlocks) -> Result<Option<TableProperties>, ReadError> {
        let Some(handle) = meta.properties else {
            return Ok(Some(TableProperties::default()));
        };
        let everything = Some(KeyRange::default());
        if !self.has_place(BlockKind::Properties, handle, everything) {
            return Ok(None);
        }
        let limit = self.options.properties_bytes();
        if handle.size > limit as u64 {
            self.checksum(BlockKind::Properties, handle, everything)?;
            self.too_large(BlockKind::Properties, handle, everything, limit);
            return Ok(None);
        }
        let footer = self.footer;
        let stored = self.stored(BlockKind::Properties, handle)?.map(|_| ());
        let len = handle.size as usize + footer.block_trailer_len();
        // Also if the checksum is wrong: a sequence number may have been written over.
        let bytes = self.window.get(handle.offset, len)?;
        let parsed = parse_properties(&footer, handle, bytes.into(), TableProperties::decode);
        let parsed = parsed.map_err(|error| stored.err().unwrap_or(error));
        Ok(parsed
            .map_err(|error| self.report(BlockKind::Properties, handle, everything, &error))
            .ok())
    }

    /// All others.
    pub(super) fn meta_blocks(
        &mut self,
        meta: &MetaBlocks,
        properties: &TableProperties,
        order: KeyOrder,
    ) -> Result<(), ReadError> {
        for (kind, handle) in &meta.others {
            match kind {
                BlockKind::RangeDeletion => self.range_deletions(*handle, order)?,
                BlockKind::CompressionDictionary => self.dictionary(*handle)?,
                BlockKind::FilterIndex => self.filter_index(*handle, properties)?,
                kind if self.has_place(*kind, *handle, None) => self.checksum(*kind, *handle, None)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Without the dictionary no data block can be read that was compressed with it.
    fn dictionary(&mut self, handle: BlockHandle) -> Result<(), ReadError> {
        let kind = BlockKind::CompressionDictionary;
        let everything = Some(KeyRange::default());
        match self.content(kind, handle, everything)? {
            Some(dictionary) => self.decompressor.set_dictionary(dictionary),
            None => self.is_complete = false,
        }
        Ok(())
    }

    /// The parts of a partitioned filter.
    fn filter_index(&mut self, handle: BlockHandle, properties: &TableProperties) -> Result<(), ReadError> {
        let kind = BlockKind::FilterIndex;
        let Some(content) = self.content(kind, handle, None)? else {
            // Its parts are not known, and seem to be unnamed bytes.
            self.has_whole_index = false;
            return Ok(());
        };
        let form = IndexForm::of(properties).without_first_keys();
        let read = self.filters_of(handle, &content, form)?;
        if let Err(error) = read {
            self.has_whole_index = false;
            self.report(kind, handle, None, &error);
        }
        Ok(())
    }

    fn filters_of(
        &mut self,
        handle: BlockHandle,
        content: &[u8],
        form: IndexForm,
    ) -> Result<Result<(), FormatError>, ReadError> {
        let mut entries = match IndexEntries::new(handle.offset, content, form) {
            Ok(entries) => entries,
            Err(error) => return Ok(Err(error)),
        };
        loop {
            let entry = match entries.next_entry() {
                Ok(Some(entry)) => entry,
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            };
            if self.has_place(BlockKind::Filter, entry.handle, None) {
                self.checksum(BlockKind::Filter, entry.handle, None)?;
            }
        }
    }
}
