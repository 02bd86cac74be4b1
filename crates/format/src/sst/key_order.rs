//! The order of keys.
//!
//! Keys of data blocks are internal keys (`db/dbformat.h`): the user's key, then a fixed64 of sequence number and type. They
//! ascend by the comparator, and for one key from the largest number to the smallest. With user-defined timestamps
//! (`util/comparator.cc`) the user's key ends in a fixed64 timestamp, later ones first.

use std::cmp::Ordering;

use super::properties::TableProperties;

/// Sequence number and type behind an internal key.
pub(super) const TRAILER_LEN: usize = 8;
const TIMESTAMP_LEN: usize = 8;

/// How a table's comparator orders keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Comparator {
    /// `leveldb.BytewiseComparator`
    Bytewise,
    /// `rocksdb.ReverseBytewiseComparator`
    ReverseBytewise,
    /// `leveldb.BytewiseComparator.u64ts`
    BytewiseU64Timestamp,
    /// `rocksdb.ReverseBytewiseComparator.u64ts`
    ReverseBytewiseU64Timestamp,
    /// One of the application's, or the table does not name it: order is not checked.
    Unknown,
}

impl Comparator {
    /// The comparator with this name, as properties and MANIFEST have it.
    pub fn from_name(name: &str) -> Self {
        match name {
            "leveldb.BytewiseComparator" => Comparator::Bytewise,
            "rocksdb.ReverseBytewiseComparator" => Comparator::ReverseBytewise,
            "leveldb.BytewiseComparator.u64ts" => Comparator::BytewiseU64Timestamp,
            "rocksdb.ReverseBytewiseComparator.u64ts" => Comparator::ReverseBytewiseU64Timestamp,
            _ => Comparator::Unknown,
        }
    }

    fn has_timestamps(self) -> bool {
        matches!(
            self,
            Comparator::BytewiseU64Timestamp | Comparator::ReverseBytewiseU64Timestamp
        )
    }

    fn is_reverse(self) -> bool {
        matches!(
            self,
            Comparator::ReverseBytewise | Comparator::ReverseBytewiseU64Timestamp
        )
    }
}

/// How keys of one kind of block are composed and ordered.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyOrder {
    comparator: Comparator,
    /// Bytes of a timestamp at the end of the user's key.
    timestamp_len: usize,
    /// Bytes behind the user's key.
    trailer_len: usize,
    /// Whether timestamps were taken off, so that the order of equal keys is not known.
    is_stripped: bool,
}

impl KeyOrder {
    /// The order of internal keys in the data blocks of a table.
    pub(super) fn internal(properties: &TableProperties) -> Self {
        let name = properties.comparator.as_deref().unwrap_or_default();
        let comparator = Comparator::from_name(name);
        let has_timestamps = comparator.has_timestamps();
        let is_stripped = has_timestamps && !properties.timestamps_persisted();
        KeyOrder {
            comparator,
            timestamp_len: if has_timestamps && !is_stripped {
                TIMESTAMP_LEN
            } else {
                0
            },
            trailer_len: TRAILER_LEN,
            is_stripped,
        }
    }

    /// The same for keys without sequence number and type, as index blocks may have them.
    pub(super) fn user(self) -> Self {
        KeyOrder {
            trailer_len: 0,
            ..self
        }
    }

    pub(super) fn comparator(self) -> Comparator {
        self.comparator
    }

    /// Whether a key may follow one with which it compares so. Without their timestamps keys that differed may be equal.
    pub(super) fn may_follow(self, order: Ordering) -> bool {
        order.is_gt() || order.is_eq() && self.is_stripped
    }

    /// Whether timestamps were taken off the keys.
    pub(super) fn is_stripped(self) -> bool {
        self.is_stripped
    }

    pub(super) fn is_known(self) -> bool {
        self.comparator != Comparator::Unknown
    }

    /// What of a key is not compared bytewise.
    fn suffix_len(self) -> usize {
        self.timestamp_len + self.trailer_len
    }

    /// How `left` compares with `right`.
    pub(super) fn compare(self, left: &[u8], right: &[u8]) -> Ordering {
        self.compare_next(left, 0, right).reverse()
    }

    /// How the key that consists of the first `shared` bytes of `last`, and of `rest`, compares with `last`. It looks at
    /// nothing that is shared, so that checking a block takes time by its length and not by that of its keys.
    pub(super) fn compare_next(self, last: &[u8], shared: usize, rest: &[u8]) -> Ordering {
        let suffix_len = self.suffix_len();
        let last_end = last.len().saturating_sub(suffix_len);
        let next_end = (shared + rest.len()).saturating_sub(suffix_len);
        let equal = shared.min(last_end).min(next_end);
        // If the key ends within what is shared, nothing of it is left to compare.
        let next_tail = if equal == shared {
            &rest[..next_end - shared]
        } else {
            &[]
        };
        let next_tail_len = next_end - equal;
        let last_tail = &last[equal..last_end];
        let order = if equal == shared || next_tail_len == 0 {
            next_tail.cmp(last_tail)
        } else {
            // `last` ends within what is shared, the key goes on.
            Ordering::Greater
        };
        let order = if self.comparator.is_reverse() {
            order.reverse()
        } else {
            order
        };
        order.then_with(|| self.compare_suffixes(last, shared, rest))
    }

    /// Timestamps and trailers: both are numbers, of which the larger one comes first.
    fn compare_suffixes(self, last: &[u8], shared: usize, rest: &[u8]) -> Ordering {
        let mut order = Ordering::Equal;
        if self.is_stripped {
            // Timestamps decided, and are not there any more.
            return order;
        }
        let mut from_end = self.suffix_len();
        while from_end > 0 {
            let of_last = number_at(last.len(), from_end, |at| last.get(at).copied());
            let of_next = number_at(shared + rest.len(), from_end, |at| match at.checked_sub(shared) {
                Some(at) => rest.get(at).copied(),
                None => last.get(at).copied(),
            });
            order = order.then(of_last.cmp(&of_next));
            from_end = from_end.saturating_sub(8);
        }
        order
    }
}

/// The eight bytes that begin `from_end` bytes before the end of a key, little-endian.
fn number_at(len: usize, from_end: usize, byte: impl Fn(usize) -> Option<u8>) -> u64 {
    let start = len.saturating_sub(from_end);
    (0..8).rev().fold(0, |number, at| {
        number << 8 | u64::from(byte(start + at).unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order(comparator: Comparator, timestamp_len: usize, trailer_len: usize) -> KeyOrder {
        KeyOrder {
            comparator,
            timestamp_len,
            trailer_len,
            is_stripped: false,
        }
    }

    fn key(user: &[u8], timestamp: Option<u64>, packed: u64) -> Vec<u8> {
        let timestamp = timestamp.map(u64::to_le_bytes);
        let timestamp = timestamp.as_ref().map(<[u8; 8]>::as_slice).unwrap_or_default();
        [user, timestamp, &packed.to_le_bytes()].concat()
    }

    proptest! {
        /// However much of the key is given as shared, the result is that of the definition.
        #[test]
        fn shared_bytes_do_not_change_the_order(
            left in "[ab]{0,6}", right in "[ab]{0,6}", times: (u8, u8), packed: (u8, u8), cut: prop::sample::Index,
        ) {
            for timestamps in [false, true] {
                let time = |time: u8| timestamps.then_some(u64::from(time % 3) << 40);
                let a = key(left.as_bytes(), time(times.0), u64::from(packed.0 % 3) << 50);
                let b = key(right.as_bytes(), time(times.1), u64::from(packed.1 % 3) << 50);
                let common = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
                let shared = cut.index(common + 1);
                let timestamp_len = if timestamps { 8 } else { 0 };
                let rest = time(times.0).cmp(&time(times.1)).then((packed.0 % 3).cmp(&(packed.1 % 3)));
                let bytewise = right.as_bytes().cmp(left.as_bytes());
                let up = order(Comparator::Bytewise, timestamp_len, 8);
                prop_assert_eq!(up.compare_next(&a, shared, &b[shared..]), bytewise.then(rest));
                prop_assert_eq!(up.compare(&b, &a), bytewise.then(rest));
                let down = order(Comparator::ReverseBytewise, timestamp_len, 8);
                prop_assert_eq!(down.compare_next(&a, shared, &b[shared..]), bytewise.reverse().then(rest));
            }
        }

        #[test]
        fn any_bytes_have_an_order(last: Vec<u8>, shared: prop::sample::Index, rest: Vec<u8>) {
            let shared = shared.index(last.len() + 1);
            order(Comparator::Bytewise, 8, 8).compare_next(&last, shared, &rest);
        }
    }
}
