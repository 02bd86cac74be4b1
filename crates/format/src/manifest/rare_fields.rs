//! What a MANIFEST says of few table files: kept apart, so that the many take less room.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::field::UnknownField;

/// Custom fields of [`NewFile`](super::NewFile) that most tables do not have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RareFields {
    /// How many bytes of the next level its range deletions cover, roughly.
    pub compensated_range_deletion_size_bytes: Option<u64>,
    /// The smallest user-defined timestamp in it.
    pub min_timestamp: Option<Vec<u8>>,
    /// The largest user-defined timestamp in it.
    pub max_timestamp: Option<Vec<u8>>,
    /// What `fast_sst_open` keeps to open it without a read.
    pub file_open_metadata: Option<Vec<u8>>,
    /// Custom fields that are not known here and safe to ignore.
    pub ignored: Vec<UnknownField>,
}

/// [`RareFields`], to be used as if they stood here; while none is there, it is one pointer.
#[derive(Clone, Default)]
pub struct Rare(Option<Box<RareFields>>);

static NONE: RareFields = RareFields {
    compensated_range_deletion_size_bytes: None,
    min_timestamp: None,
    max_timestamp: None,
    file_open_metadata: None,
    ignored: Vec::new(),
};

impl Deref for Rare {
    type Target = RareFields;

    fn deref(&self) -> &RareFields {
        self.0.as_deref().unwrap_or(&NONE)
    }
}

impl DerefMut for Rare {
    fn deref_mut(&mut self) -> &mut RareFields {
        self.0.get_or_insert_default()
    }
}

impl From<RareFields> for Rare {
    fn from(fields: RareFields) -> Self {
        Rare(Some(fields).filter(|fields| *fields != NONE).map(Box::new))
    }
}

impl PartialEq for Rare {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Rare {}

impl fmt::Debug for Rare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_fields_take_memory_only_if_present() {
        let mut rare = Rare::default();
        assert_eq!((rare.min_timestamp.as_deref(), rare.0.is_none()), (None, true));
        rare.min_timestamp = Some(vec![1]);
        assert_eq!(rare.min_timestamp.as_deref(), Some(&[1][..]));
        assert_ne!(rare, Rare::default());
        rare.min_timestamp = None;
        assert_eq!(rare, Rare::default());
        assert!(Rare::from(rare.deref().clone()).0.is_none());
        assert_eq!(size_of::<Rare>(), size_of::<usize>());
    }
}
