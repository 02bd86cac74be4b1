//! Headers, footers and records of blob files; see `stonekeep_format::blob` for the layout.

use stonekeep_format::blob::{BlobFileFooter, BlobFileHeader, ExpirationRange};
use stonekeep_format::checksum::{crc32c, crc32c_extend, mask, unmask};
use stonekeep_format::coding::Reader;
use stonekeep_format::{Crc32c, FileKind, Result};

use crate::Encode;
use crate::coding::{put_fixed32, put_fixed64};

const MAGIC: u32 = 0x0024_8f37;
const VERSION: u32 = 1;

fn put_expiration(out: &mut Vec<u8>, range: ExpirationRange) {
    put_fixed64(out, range.first);
    put_fixed64(out, range.last);
}

impl Encode for BlobFileHeader {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_fixed32(&mut out, MAGIC);
        put_fixed32(&mut out, VERSION);
        put_fixed32(&mut out, self.column_family_id.0);
        out.extend_from_slice(&[self.flags, self.compression]);
        put_expiration(&mut out, self.expiration);
        out
    }
}

impl Encode for BlobFileFooter {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_fixed32(&mut out, MAGIC);
        put_fixed64(&mut out, self.blob_count);
        put_expiration(&mut out, self.expiration);
        let crc = mask(crc32c(&out));
        put_fixed32(&mut out, crc);
        out
    }
}

/// What precedes a key and its value: the head of `BlobLogRecord`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobRecordHeader {
    /// Length of the key in bytes.
    pub key_len: u64,
    /// Length of the value in bytes, as it is in the file.
    pub value_len: u64,
    /// When the blob expires, in seconds since 1970; 0 for never.
    pub expiration: u64,
    /// The checksum of key and value.
    pub blob_crc: Crc32c,
}

impl BlobRecordHeader {
    /// The head of a record with this key and this value, which is compressed already if it is to be.
    pub fn new(key: &[u8], value: &[u8], expiration: u64) -> Self {
        BlobRecordHeader {
            key_len: key.len() as u64,
            value_len: value.len() as u64,
            expiration,
            blob_crc: crc32c_extend(crc32c(key), value),
        }
    }

    /// Reads the head of a record, whose own checksum is not checked.
    ///
    /// # Errors
    /// Bytes that are too few.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(FileKind::Blob, 0, bytes);
        let (key_len, value_len, expiration) = (reader.fixed64()?, reader.fixed64()?, reader.fixed64()?);
        reader.fixed32()?;
        Ok(BlobRecordHeader {
            key_len,
            value_len,
            expiration,
            blob_crc: unmask(reader.fixed32()?),
        })
    }
}

impl Encode for BlobRecordHeader {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_fixed64(&mut out, self.key_len);
        put_fixed64(&mut out, self.value_len);
        put_fixed64(&mut out, self.expiration);
        let header_crc = mask(crc32c(&out));
        put_fixed32(&mut out, header_crc);
        put_fixed32(&mut out, mask(self.blob_crc));
        out
    }
}
