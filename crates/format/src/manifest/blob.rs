//! What a version edit says about blob files.

use crate::coding::Reader;
use crate::{FileNumber, Result};

use super::field::{UnknownField, nested, unknown_custom};
use super::tag::BLOB_END_MARKER;

/// A blob file that is added (`db/blob/blob_file_addition.cc`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlobFileAddition {
    /// The number in its name.
    pub number: FileNumber,
    /// How many blobs it holds.
    pub total_count: u64,
    /// How many bytes its records have, without the header and footer of the file.
    pub total_bytes: u64,
    /// The name of the function of [`checksum_value`](Self::checksum_value); empty when there is none.
    pub checksum_method: Vec<u8>,
    /// The checksum of the complete file, in the encoding of its function.
    pub checksum_value: Vec<u8>,
    /// Custom fields that are not known here and safe to ignore.
    pub ignored: Vec<UnknownField>,
}

/// Bytes of a blob file's header and footer (`db/blob/blob_log_format.h`).
const HEADER_AND_FOOTER_BYTES: u64 = 30 + 32;

impl BlobFileAddition {
    /// The size of the file in bytes (`SharedBlobFileMetaData::GetBlobFileSize` in `db/blob/blob_file_meta.cc`).
    pub fn file_size_bytes(&self) -> u64 {
        self.total_bytes.saturating_add(HEADER_AND_FOOTER_BYTES)
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(BlobFileAddition {
            number: FileNumber(reader.varint64()?),
            total_count: reader.varint64()?,
            total_bytes: reader.varint64()?,
            checksum_method: reader.length_prefixed()?.to_vec(),
            checksum_value: reader.length_prefixed()?.to_vec(),
            ignored: custom_fields(reader)?,
        })
    }
}

/// Blobs of one file that became garbage, to be added to what was garbage before (`db/blob/blob_file_garbage.cc`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlobFileGarbage {
    /// The number in the file's name.
    pub number: FileNumber,
    /// How many blobs became garbage.
    pub count: u64,
    /// How many bytes became garbage.
    pub bytes: u64,
    /// Custom fields that are not known here and safe to ignore.
    pub ignored: Vec<UnknownField>,
}

impl BlobFileGarbage {
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(BlobFileGarbage {
            number: FileNumber(reader.varint64()?),
            count: reader.varint64()?,
            bytes: reader.varint64()?,
            ignored: custom_fields(reader)?,
        })
    }
}

fn custom_fields(reader: &mut Reader<'_>) -> Result<Vec<UnknownField>> {
    let mut fields = Vec::new();
    loop {
        let tag = reader.varint32()?;
        if tag == BLOB_END_MARKER {
            return Ok(fields);
        }
        let field = nested(reader)?;
        fields.push(unknown_custom(tag, &field)?);
    }
}
