//! The entries of index blocks: up to which key which block reaches.
//!
//! The key is a separator: at least the last key in the block, less than the first key of the next one. The value (`IndexValue` in
//! `table/format.cc`) is the block's handle, in indexes of the type `kBinarySearchWithFirstKey` followed by the first key in
//! the block with its length. From format version 4 on, an entry that shares a prefix with the one before it has instead of the
//! handle only by how much its size differs (a zigzag varint64): the block follows that of the entry before it.

use std::ops::Range;

use super::block_handle::{BLOCK_TRAILER_LEN, BlockHandle};
use super::entries::{Entries, Entry, ValueForm, WithLength};
use super::key_order::KeyOrder;
use super::properties::TableProperties;
use crate::coding::Reader;
use crate::{FileKind, FormatError, Result};

/// What a table's index blocks are like, as its properties say.
#[derive(Debug, Clone, Copy)]
pub(super) struct IndexForm {
    /// How separators are ordered: as user keys or as internal keys.
    pub(super) order: KeyOrder,
    /// How the keys of data blocks are ordered.
    pub(super) internal: KeyOrder,
    /// Whether separators lack sequence number and type.
    pub(super) is_user_key: bool,
    has_short_handles: bool,
    has_first_keys: bool,
    /// Whether the index names index blocks, which name the data blocks.
    pub(super) has_two_levels: bool,
}

/// `IndexType` in `include/rocksdb/table.h`.
const TWO_LEVELS: u32 = 2;
const FIRST_KEYS: u32 = 3;

impl IndexForm {
    pub(super) fn of(properties: &TableProperties) -> Self {
        let index_type = properties.index_type();
        let is_user_key = properties.is_set("rocksdb.index.key.is.user.key");
        let order = KeyOrder::internal(properties);
        IndexForm {
            order: if is_user_key { order.user() } else { order },
            internal: order,
            is_user_key,
            has_short_handles: properties.is_set("rocksdb.index.value.is.delta.encoded"),
            has_first_keys: index_type == FIRST_KEYS,
            has_two_levels: index_type == TWO_LEVELS,
        }
    }

    /// The form of what has no first keys in any table: top-level indexes, and those of filters.
    pub(super) fn without_first_keys(self) -> Self {
        IndexForm {
            has_first_keys: false,
            ..self
        }
    }
}

/// An entry of an index.
#[derive(Debug, Clone, Copy)]
pub(super) struct IndexEntry<'a> {
    pub(super) separator: &'a [u8],
    pub(super) handle: BlockHandle,
    /// The first internal key in the block.
    pub(super) first_key: Option<&'a [u8]>,
}

/// Reads the entries of an index block.
pub(super) struct IndexEntries<'a> {
    offset: u64,
    has_first_keys: bool,
    entries: Form<'a>,
}

enum Form<'a> {
    Short(Entries<'a, ShortHandles>),
    Whole(Entries<'a, WithLength>),
}

impl<'a> IndexEntries<'a> {
    /// The entries of the block at `offset`.
    pub(super) fn new(offset: u64, content: &'a [u8], form: IndexForm) -> Result<Self> {
        let entries = if form.has_short_handles {
            let handles = ShortHandles {
                has_first_keys: form.has_first_keys,
                handle: BlockHandle::default(),
                first_key: 0..0,
            };
            Form::Short(Entries::new(offset, content, form.order, handles)?)
        } else {
            Form::Whole(Entries::new(offset, content, form.order, WithLength)?)
        };
        Ok(IndexEntries {
            offset,
            has_first_keys: form.has_first_keys,
            entries,
        })
    }

    /// The next entry; `None` behind the last one.
    ///
    /// # Errors
    /// As [`Entries::next_entry`].
    pub(super) fn next_entry(&mut self) -> Result<Option<IndexEntry<'_>>> {
        let (offset, has_first_keys) = (self.offset, self.has_first_keys);
        match &mut self.entries {
            Form::Short(entries) => {
                let Some((entry, form)) = entries.next_with_form()? else {
                    return Ok(None);
                };
                Ok(Some(IndexEntry {
                    separator: entry.key,
                    handle: form.handle,
                    first_key: has_first_keys.then(|| &entry.value[form.first_key.clone()]),
                }))
            }
            Form::Whole(entries) => match entries.next_entry()? {
                Some(entry) => whole(offset, entry, has_first_keys).map(Some),
                None => Ok(None),
            },
        }
    }
}

/// An entry whose value has a length: handle, then maybe the first key.
fn whole(offset: u64, entry: Entry<'_>, has_first_key: bool) -> Result<IndexEntry<'_>> {
    let mut reader = Reader::new(FileKind::Table, 0, entry.value);
    let mut parse = || -> Result<_> {
        let handle = BlockHandle::decode(&mut reader)?;
        let first_key = if has_first_key {
            Some(reader.length_prefixed()?)
        } else {
            None
        };
        Ok((handle, first_key))
    };
    let (handle, first_key) = parse().map_err(|error| FormatError { offset, ..error })?;
    if !reader.is_empty() {
        let reason = format!("an index entry has {} bytes too many", reader.rest().len());
        return Err(FormatError::corrupt(FileKind::Table, offset, reason));
    }
    Ok(IndexEntry {
        separator: entry.key,
        handle,
        first_key,
    })
}

/// Values that are handles without a length before them.
struct ShortHandles {
    has_first_keys: bool,
    /// That of the entry that was read last.
    handle: BlockHandle,
    /// Where in the value the first key is.
    first_key: Range<usize>,
}

impl ValueForm for ShortHandles {
    const HAS_LENGTH: bool = false;

    fn length(&mut self, rest: &[u8], is_shared: bool) -> Result<usize> {
        let mut reader = Reader::new(FileKind::Table, 0, rest);
        if is_shared {
            let zigzag = reader.varint64()?;
            let difference = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
            let next = || {
                let offset = self.handle.end(BLOCK_TRAILER_LEN)?;
                let size = self.handle.size.checked_add_signed(difference)?;
                Some(BlockHandle { offset, size })
            };
            self.handle = next().ok_or_else(|| reader.corrupt("the size of a block is no number"))?;
        } else {
            self.handle = BlockHandle::decode(&mut reader)?;
        }
        if self.has_first_keys {
            let key = reader.length_prefixed()?;
            self.first_key = reader.position() - key.len()..reader.position();
        }
        Ok(reader.position())
    }
}
