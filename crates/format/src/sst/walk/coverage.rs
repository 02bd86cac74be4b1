//! Which bytes of a file something names.

use std::collections::BTreeMap;
use std::ops::Range;

/// A table that RocksDB wrote has few holes: one where all data blocks are, at most. With more than so many parts it is no
/// longer said what lies between them.
const MAX_PARTS: usize = 64 * 1024;

/// Ranges that do not overlap; those that touch are one.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    /// Beginnings to ends.
    parts: BTreeMap<u64, u64>,
    is_incomplete: bool,
}

impl Coverage {
    /// Adds a range; returns whether something else had a byte of it.
    pub(super) fn add(&mut self, range: Range<u64>) -> bool {
        if range.is_empty() {
            return false;
        }
        let (mut start, mut end, mut overlaps) = (range.start, range.end, false);
        // From the last part that begins in the range, or at its end, to the one that reaches into it.
        while let Some((part_start, part_end)) = self.parts.range(..=end).next_back().map(|(s, e)| (*s, *e)) {
            if part_end < range.start {
                break;
            }
            overlaps |= part_start < range.end && range.start < part_end;
            start = start.min(part_start);
            end = end.max(part_end);
            self.parts.remove(&part_start);
        }
        if self.parts.len() >= MAX_PARTS {
            self.is_incomplete = true;
        } else {
            self.parts.insert(start, end);
        }
        overlaps
    }

    /// What lies between the ranges up to `end`, unless there were too many.
    pub(super) fn gaps(&self, end: u64) -> Option<Vec<Range<u64>>> {
        if self.is_incomplete {
            return None;
        }
        let mut gaps = Vec::new();
        let mut covered = 0;
        for (start, part_end) in &self.parts {
            if *start > covered {
                gaps.push(covered..*start);
            }
            covered = covered.max(*part_end);
        }
        if covered < end {
            gaps.push(covered..end);
        }
        Some(gaps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against one flag for each byte.
        #[test]
        fn ranges_are_kept_like_flags(ranges in prop::collection::vec((0u64..60, 0u64..12), 0..20)) {
            let mut coverage = Coverage::default();
            let mut flags = [false; 80];
            for (start, len) in ranges {
                let bytes = &mut flags[start as usize..(start + len) as usize];
                let expected = bytes.contains(&true);
                bytes.fill(true);
                prop_assert_eq!(coverage.add(start..start + len), expected);
                let gaps = coverage.gaps(80).unwrap();
                for (at, flag) in flags.iter().enumerate() {
                    let in_gap = gaps.iter().any(|gap| gap.contains(&(at as u64)));
                    prop_assert_eq!(in_gap, !flag, "byte {}", at);
                }
            }
        }
    }
}
