//! Fixed-width integers, varints and length-prefixed strings, as RocksDB encodes them (`util/coding.h`).

use crate::{FileKind, FormatError, Result};

/// So many groups of seven bits hold 64.
const MOST_VARINT_BYTES: usize = 10;

/// A cursor over bytes that knows which file they are from, for its errors.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    file: FileKind,
    base: u64,
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    /// Reads `bytes`, which are at `base` of a file of this kind.
    pub fn new(file: FileKind, base: u64, bytes: &'a [u8]) -> Self {
        Reader {
            file,
            base,
            bytes,
            position: 0,
        }
    }

    /// The offset in the file of the next byte.
    pub fn offset(&self) -> u64 {
        self.base.saturating_add(self.position as u64)
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.position
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// An error at the present place that calls the bytes damaged.
    pub fn corrupt(&self, reason: impl Into<String>) -> FormatError {
        FormatError::corrupt(self.file, self.offset(), reason)
    }

    /// An error at the present place that calls the bytes too new.
    pub fn unsupported(&self, reason: impl Into<String>) -> FormatError {
        FormatError::unsupported(self.file, self.offset(), reason)
    }

    /// The next `count` bytes.
    #[inline]
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        match self.rest().get(..count) {
            Some(taken) => {
                self.position += count;
                Ok(taken)
            }
            None => Err(self.cut_short(count)),
        }
    }

    #[cold]
    fn cut_short(&self, count: usize) -> FormatError {
        self.corrupt(format!("{count} bytes wanted, {} there", self.rest().len()))
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    /// Four bytes, little-endian.
    pub fn fixed32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Eight bytes, little-endian.
    pub fn fixed64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A base-128 integer of at most 64 bits.
    #[inline]
    pub fn varint64(&mut self) -> Result<u64> {
        // Most have one byte.
        match self.bytes.get(self.position) {
            Some(byte) if *byte < 0x80 => {
                self.position += 1;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint64(),
        }
    }

    fn long_varint64(&mut self) -> Result<u64> {
        let rest = self.rest();
        let mut value = 0u64;
        for (index, byte) in rest.iter().take(MOST_VARINT_BYTES).enumerate() {
            let part = u64::from(byte & 0x7f);
            if index + 1 == MOST_VARINT_BYTES && part > 1 {
                break;
            }
            value |= part << (7 * index);
            if byte & 0x80 == 0 {
                self.position += index + 1;
                return Ok(value);
            }
        }
        Err(self.corrupt(match rest.len() {
            0..MOST_VARINT_BYTES => "a varint is cut short",
            _ => "a varint has more than 64 bits",
        }))
    }

    /// A base-128 integer of at most 32 bits.
    #[inline]
    pub fn varint32(&mut self) -> Result<u32> {
        let start = self.offset();
        let value = self.varint64()?;
        let too_large = |_| FormatError::corrupt(self.file, start, "a varint has more than 32 bits");
        u32::try_from(value).map_err(too_large)
    }

    /// A varint length, then that many bytes (`GetLengthPrefixedSlice`).
    #[inline]
    pub fn length_prefixed(&mut self) -> Result<&'a [u8]> {
        let length = self.varint32()?;
        self.bytes(length as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlong_varints_are_refused() {
        let bytes = [0xff; 11];
        let mut reader = Reader::new(FileKind::Manifest, 100, &bytes);
        assert_eq!(reader.varint64().unwrap_err().offset, 100);
        let mut top_bit = vec![0xff; 9];
        top_bit.push(1);
        assert_eq!(
            Reader::new(FileKind::Manifest, 0, &top_bit).varint64(),
            Ok(u64::MAX)
        );
        top_bit[9] = 2;
        assert!(Reader::new(FileKind::Manifest, 0, &top_bit).varint64().is_err());
    }
}
