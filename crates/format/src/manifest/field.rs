//! Fields that carry their own length, known or not.

use crate::coding::Reader;
use crate::{FileKind, Result};

use super::tag::custom::NON_SAFE_IGNORE_MASK;

/// A field that RocksDB marks as safe to ignore and that is not known here; kept, so that it is written again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownField {
    /// Its tag.
    pub tag: u32,
    /// Its bytes, without the length.
    pub value: Vec<u8>,
}

/// The next length-prefixed bytes, as a reader of their own that still knows their offset.
pub(super) fn nested<'a>(reader: &mut Reader<'a>) -> Result<Reader<'a>> {
    let bytes = reader.length_prefixed()?;
    let start = reader.offset().saturating_sub(bytes.len() as u64);
    Ok(Reader::new(FileKind::Manifest, start, bytes))
}

/// A custom field under a tag that is not known: kept, or refused when its bit 6 says that it matters.
pub(super) fn unknown_custom(tag: u32, field: &Reader<'_>) -> Result<UnknownField> {
    if tag & NON_SAFE_IGNORE_MASK != 0 {
        return Err(field.unsupported(format!(
            "custom tag {tag} is not known and must not be ignored; a newer RocksDB wrote it"
        )));
    }
    let value = field.rest().to_vec();
    Ok(UnknownField { tag, value })
}
