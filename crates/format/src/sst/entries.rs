//! The entries of a decompressed block, one after the other, with their keys read in place.
//!
//! ```text
//! shared        varint32, how much of the key before begins this one too; 0 at restart points
//! unshared      varint32
//! value length  varint32; not in index blocks with short handles, whose values end by themselves
//! value place   varint32; only with values apart, at restart points
//! rest of the key
//! value         unless values are apart
//! ```
//!
//! From `table/block_based/block_builder.cc`. Every restart point must be the beginning of an entry that shares nothing.

use std::cmp::Ordering;
use std::ops::Range;

use super::key_order::KeyOrder;
use super::layout::BlockLayout;
use crate::coding::Reader;
use crate::{FileKind, FormatError, Result};

/// Larger keys are not read, since several are kept at a time.
const MAX_KEY_BYTES: usize = 1 << 20;

/// Where the key of the present entry is.
#[derive(Debug, Clone)]
enum KeyPlace {
    InBlock(Range<usize>),
    InBuffer,
}

/// An entry of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
    /// How it compares with the key before it; `None` for the first one, and if the order is not known.
    pub(super) order: Option<Ordering>,
}

/// What decides where a value ends.
pub(super) trait ValueForm {
    /// Whether each entry says how long its value is.
    const HAS_LENGTH: bool;

    /// How long the value is that `rest` begins with, if the entry does not say it.
    fn length(&mut self, rest: &[u8], is_shared: bool) -> Result<usize>;
}

/// Values with their length before them.
pub(super) struct WithLength;

impl ValueForm for WithLength {
    const HAS_LENGTH: bool = true;

    fn length(&mut self, _: &[u8], _: bool) -> Result<usize> {
        Ok(0)
    }
}

/// Reads the entries of a block.
pub(super) struct Entries<'a, V> {
    layout: BlockLayout<'a>,
    order: Option<KeyOrder>,
    position: usize,
    next_restart: usize,
    /// Where the next value is, if values are apart.
    value_at: usize,
    key: KeyPlace,
    buffer: Vec<u8>,
    value: &'a [u8],
    last_order: Option<Ordering>,
    is_first: bool,
    form: V,
}

impl<'a, V: ValueForm> Entries<'a, V> {
    /// The entries of the block at `offset`. Keys are compared by `order`.
    pub(super) fn new(offset: u64, content: &'a [u8], order: KeyOrder, form: V) -> Result<Self> {
        Self::with_buffer(offset, content, order, form, Vec::new())
    }

    /// The same with a buffer that was used before.
    pub(super) fn with_buffer(
        offset: u64,
        content: &'a [u8],
        order: KeyOrder,
        form: V,
        buffer: Vec<u8>,
    ) -> Result<Self> {
        let layout = BlockLayout::of(offset, content)?;
        let entries = Entries {
            layout,
            order: order.is_known().then_some(order),
            position: 0,
            next_restart: 0,
            value_at: 0,
            key: KeyPlace::InBlock(0..0),
            buffer,
            value: &[],
            last_order: None,
            is_first: true,
            form,
        };
        if layout.values.is_some() && !V::HAS_LENGTH {
            return Err(entries.unsupported("the block has short handles apart from its keys"));
        }
        Ok(entries)
    }

    /// The buffer, for another block.
    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    /// The next entry; `None` behind the last one.
    ///
    /// # Errors
    /// Corrupt, at the block's offset, with the place of the entry in the block. Nothing can be read after it.
    pub(super) fn next_entry(&mut self) -> Result<Option<Entry<'_>>> {
        if self.advance()? {
            Ok(Some(self.entry()))
        } else {
            Ok(None)
        }
    }

    fn entry(&self) -> Entry<'_> {
        Entry {
            key: self.key(),
            value: self.value,
            order: self.last_order,
        }
    }

    fn advance(&mut self) -> Result<bool> {
        if self.position >= self.layout.entries.len() {
            return self.end().map(|()| false);
        }
        let is_restart = self.check_restart()?;
        let mut header = self.header(is_restart)?;
        if is_restart && header.shared > 0 {
            return Err(self.corrupt("a restart point shares a prefix"));
        }
        let value = self.take_value(&mut header)?;
        let rest = &self.layout.entries[header.rest.clone()];
        let last = self.key();
        if last.len() < header.shared {
            return Err(self.corrupt("it shares more than the key before it has"));
        }
        if header.shared + rest.len() > MAX_KEY_BYTES {
            return Err(self.unsupported("its key is too large to be checked"));
        }
        self.last_order = match self.order {
            Some(order) if !self.is_first => Some(order.compare_next(last, header.shared, rest)),
            _ => None,
        };
        self.is_first = false;
        self.value = value;
        self.position = header.end;
        self.take_key(header.shared, header.rest);
        Ok(true)
    }

    /// [`Self::next_entry`], and what was found out about its value.
    pub(super) fn next_with_form(&mut self) -> Result<Option<(Entry<'_>, &V)>> {
        if self.advance()? {
            Ok(Some((self.entry(), &self.form)))
        } else {
            Ok(None)
        }
    }

    /// The key of the entry that was read last.
    pub(super) fn key(&self) -> &[u8] {
        match &self.key {
            KeyPlace::InBlock(place) => &self.layout.entries[place.clone()],
            KeyPlace::InBuffer => &self.buffer,
        }
    }

    fn take_key(&mut self, shared: usize, rest: Range<usize>) {
        if shared == 0 {
            self.key = KeyPlace::InBlock(rest);
            return;
        }
        if let KeyPlace::InBlock(place) = &self.key {
            self.buffer.clear();
            let start = place.start;
            self.buffer
                .extend_from_slice(&self.layout.entries[start..start + shared]);
        }
        self.buffer.truncate(shared);
        self.buffer.extend_from_slice(&self.layout.entries[rest]);
        self.key = KeyPlace::InBuffer;
    }

    /// Whether the next entry is a restart point. None may have been passed over.
    fn check_restart(&mut self) -> Result<bool> {
        match self.layout.restart(self.next_restart) {
            Some(at) if at == self.position => {
                self.next_restart += 1;
                Ok(true)
            }
            Some(at) if at < self.position => Err(self.corrupt("the restart point before it is at no entry")),
            _ if self.is_first => Err(self.corrupt("the first entry is no restart point")),
            _ => Ok(false),
        }
    }

    fn end(&self) -> Result<()> {
        // A block without entries has one restart point.
        let is_empty = self.layout.entries.is_empty() && self.layout.restart(0) == Some(0);
        let last = if is_empty { 1 } else { self.next_restart };
        match self.layout.restart(last) {
            None => Ok(()),
            Some(at) => Err(self.corrupt(format!("restart point {last} is at no entry: {at}"))),
        }
    }

    fn header(&self, is_restart: bool) -> Result<Header> {
        let rest = self.layout.entries.get(self.position..).unwrap_or_default();
        let mut reader = Reader::new(FileKind::Table, 0, rest);
        let has_place = is_restart && self.layout.values.is_some();
        let mut parse = || -> Result<Header> {
            let shared = reader.varint32()? as usize;
            let unshared = reader.varint32()? as usize;
            let value_len = if V::HAS_LENGTH {
                reader.varint32()? as usize
            } else {
                0
            };
            let value_at = if has_place {
                Some(reader.varint32()? as usize)
            } else {
                None
            };
            let start = self.position + reader.position();
            reader.bytes(unshared)?;
            Ok(Header {
                shared,
                rest: start..start + unshared,
                value_len,
                value_at,
                end: start + unshared,
            })
        };
        parse().map_err(|error| self.in_entry(&error))
    }

    fn take_value(&mut self, header: &mut Header) -> Result<&'a [u8]> {
        let (bytes, start) = match self.layout.values {
            Some(values) => (values, header.value_at.unwrap_or(self.value_at)),
            None => (self.layout.entries, header.end),
        };
        let rest = bytes.get(start..).unwrap_or_default();
        let len = if V::HAS_LENGTH {
            header.value_len
        } else {
            let length = self.form.length(rest, header.shared > 0);
            length.map_err(|error| self.in_entry(&error))?
        };
        let value = rest.get(..len);
        let value = value.ok_or_else(|| self.corrupt(format!("a value of {len} bytes does not fit")))?;
        if self.layout.values.is_some() {
            self.value_at = start + len;
        } else {
            header.end = start + len;
        }
        Ok(value)
    }

    fn place(&self, reason: &str) -> String {
        format!("entry at {} of the block: {reason}", self.position)
    }

    /// An error about the entry that is read next.
    pub(super) fn corrupt(&self, reason: impl AsRef<str>) -> FormatError {
        FormatError::corrupt(FileKind::Table, self.layout.offset, self.place(reason.as_ref()))
    }

    fn unsupported(&self, reason: &str) -> FormatError {
        FormatError::unsupported(FileKind::Table, self.layout.offset, self.place(reason))
    }

    fn in_entry(&self, error: &FormatError) -> FormatError {
        let (crate::Problem::Corrupt(reason) | crate::Problem::Unsupported(reason)) = &error.problem;
        self.corrupt(reason)
    }
}

/// What an entry says before its key.
struct Header {
    shared: usize,
    rest: Range<usize>,
    value_len: usize,
    value_at: Option<usize>,
    /// Where the next entry begins.
    end: usize,
}
