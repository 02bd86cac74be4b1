//! What a MANIFEST says of a table, against what a walk found in it.
//!
//! RocksDB itself compares little of this: the unique id (`verify_sst_unique_id_in_manifest`) and the sequence number of an
//! ingested file (`GetGlobalSequenceNumber` in `table/block_based/block_based_table_reader.cc`). The rest follows from how it
//! makes the record (`FileMetaData::UpdateBoundaries` and `UpdateBoundariesForRange` in `db/version_edit.cc`):
//!
//! - without range deletions, the smallest and the largest key are the first and the last entry; range deletions extend them,
//!   to keys with the largest sequence number, too;
//! - an ingested file keeps sequence number 0 in its keys, and the MANIFEST has the assigned one in both sequence numbers and, from
//!   some version on, in the keys (`db/external_sst_file_ingestion_job.cc`);
//! - sequence numbers are those of the entries, or the smallest is below them (`TimedPut`, `BuildTable` in `db/builder.cc`).

use super::summary::TableSummary;
use crate::manifest::{TableBounds, TableFile, TableIdentity};
use crate::sst::{InternalKey, TableProperties};

/// Tables from this version of `SstFileWriter` on may have the assigned sequence number in their properties.
const VERSION_WITH_GLOBAL_SEQNO: u32 = 2;

const TIMESTAMP_LEN: usize = 8;

/// What a MANIFEST says of the contents of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableClaim {
    identity: TableIdentity,
    bounds: Option<Box<TableBounds>>,
}

/// What a table has otherwise than its MANIFEST says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contradiction {
    /// What it is.
    pub reason: String,
    /// The user's keys from which and up to which entries are missing, or should not be there.
    pub keys: Option<(Vec<u8>, Vec<u8>)>,
}

/// Which end of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Smallest,
    Largest,
}

impl TableClaim {
    /// What the record of this table says. Its keys are compared if the reader of the MANIFEST
    /// [kept](crate::manifest::ManifestReader::with_bounds) them.
    pub fn of(file: &TableFile) -> Self {
        TableClaim {
            identity: TableIdentity::of(file),
            bounds: file.bounds.clone(),
        }
    }

    /// The user's keys between which the MANIFEST has all entries.
    pub fn user_keys(&self) -> Option<(&[u8], &[u8])> {
        let bounds = self.bounds.as_ref()?;
        let user = |key| InternalKey::parse(key).map(|key| key.user_key).ok();
        Some((user(&bounds.smallest)?, user(&bounds.largest)?))
    }

    /// What a table that was walked through has otherwise. What was not read completely is not compared.
    pub fn contradictions(&self, summary: &TableSummary) -> Vec<Contradiction> {
        let Some(properties) = &summary.properties else {
            return Vec::new();
        };
        let of_properties = [self.unique_id(properties), self.global_seqno(properties)];
        let mut found: Vec<Contradiction> = of_properties.into_iter().flatten().collect();
        if summary.is_complete {
            found.extend(self.sequences(summary, properties));
            found.extend(self.keys(summary, properties));
        }
        found
    }

    fn unique_id(&self, properties: &TableProperties) -> Option<Contradiction> {
        let (claimed, found) = (self.identity.unique_id?, properties.unique_id()?);
        (claimed != found).then(|| {
            let text = |id: crate::unique_id::UniqueId| format!("{:016X}-{:016X}", id.high, id.low);
            Contradiction::of(format!(
                "it is another table: its unique id is {}, the MANIFEST has {}",
                text(found),
                text(claimed)
            ))
        })
    }

    fn global_seqno(&self, properties: &TableProperties) -> Option<Contradiction> {
        properties
            .external_version
            .filter(|version| *version >= VERSION_WITH_GLOBAL_SEQNO)?;
        let found = properties.external_global_seqno.filter(|found| found.0 != 0)?;
        let claimed = self.identity.largest_seqno;
        (self.has_sequences() && found != claimed).then(|| {
            let reason =
                format!("it was ingested with sequence number {found}, but the MANIFEST has {claimed}");
            Contradiction::of(reason)
        })
    }

    /// Whether the record has sequence numbers: LevelDB's has none, and zeros may stand for unknown ones.
    fn has_sequences(&self) -> bool {
        let (smallest, largest) = (self.identity.smallest_seqno, self.identity.largest_seqno);
        smallest <= largest && largest.0 != 0
    }

    fn sequences(&self, summary: &TableSummary, properties: &TableProperties) -> Option<Contradiction> {
        let (smallest, largest) = summary.sequences?;
        let is_compared = self.has_sequences() && properties.external_version.is_none();
        let claimed = (self.identity.smallest_seqno, self.identity.largest_seqno);
        (is_compared && (smallest < claimed.0 || claimed.1 < largest)).then(|| {
            Contradiction::of(format!(
                "its sequence numbers are {smallest} to {largest}, but the MANIFEST has {} to {}",
                claimed.0, claimed.1
            ))
        })
    }

    fn keys(&self, summary: &TableSummary, properties: &TableProperties) -> Vec<Contradiction> {
        let Some(bounds) = &self.bounds else {
            return Vec::new();
        };
        let has_range_deletions = summary.counts.range_deletions > 0;
        let Some((first, last)) = &summary.bounds else {
            let reason = "it has no entry, but the MANIFEST has keys of it".to_owned();
            let keys = self.user_keys().map(|(from, to)| (from.to_vec(), to.to_vec()));
            let empty = (!has_range_deletions).then_some(Contradiction { reason, keys });
            return empty.into_iter().collect();
        };
        let ends = [
            (End::Smallest, &bounds.smallest, first),
            (End::Largest, &bounds.largest, last),
        ];
        let wrong = ends.into_iter().filter(|(end, claimed, found)| {
            let is_outside = has_range_deletions.then(|| summary.compare(found, claimed));
            match is_outside {
                None => !self.is_same(claimed, found, properties),
                // Under an unknown order, or without the timestamps, nothing is known.
                Some(None) => false,
                Some(Some(order)) if *end == End::Smallest => {
                    order.is_lt() && !self.is_same(claimed, found, properties)
                }
                Some(Some(order)) => order.is_gt() && !self.is_same(claimed, found, properties),
            }
        });
        wrong
            .filter_map(|(end, claimed, found)| end.contradiction(claimed, found, summary))
            .collect()
    }

    /// Whether the record's key is this entry's, perhaps with the sequence number that an ingestion assigned.
    fn is_same(&self, claimed: &[u8], found: &[u8], properties: &TableProperties) -> bool {
        let (Ok(claimed), Ok(found)) = (InternalKey::parse(claimed), InternalKey::parse(found)) else {
            return claimed == found;
        };
        // Some versions took the timestamps off the keys of the table alone.
        let is_stripped = !properties.timestamps_persisted()
            && claimed
                .user_key
                .len()
                .checked_sub(TIMESTAMP_LEN)
                .and_then(|len| claimed.user_key.get(..len))
                == Some(found.user_key);
        let assigned = self.identity.largest_seqno;
        let is_assigned =
            found.sequence.0 == 0 && claimed.sequence == assigned && self.identity.smallest_seqno == assigned;
        (claimed.user_key == found.user_key || is_stripped)
            && claimed.entry_type == found.entry_type
            && (claimed.sequence == found.sequence || is_assigned)
    }
}

impl Contradiction {
    fn of(reason: String) -> Self {
        Contradiction { reason, keys: None }
    }
}

impl End {
    fn contradiction(self, claimed: &[u8], found: &[u8], summary: &TableSummary) -> Option<Contradiction> {
        let what = match self {
            End::Smallest => "first",
            End::Largest => "last",
        };
        let order = summary.compare(found, claimed);
        let (claimed, found) = (InternalKey::parse(claimed).ok()?, InternalKey::parse(found).ok()?);
        let text =
            |key: &InternalKey<'_>| format!("sequence number {} and type {:?}", key.sequence, key.entry_type);
        let reason = if claimed.user_key == found.user_key {
            let (found, claimed) = (text(&found), text(&claimed));
            format!("its {what} entry has {found}, but the MANIFEST has {claimed}")
        } else {
            format!("its {what} key is not the one that the MANIFEST has")
        };
        let (from, to) = match order {
            Some(order) if order.is_lt() => (found, claimed),
            _ => (claimed, found),
        };
        Some(Contradiction {
            reason,
            keys: Some((from.user_key.to_vec(), to.user_key.to_vec())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::ChecksumType;
    use crate::sst::Comparator;
    use crate::sst::walk::TableCounts;
    use crate::{FileNumber, SequenceNumber};

    fn internal(user: &str, sequence: u64) -> Vec<u8> {
        let put = 1;
        [user.as_bytes(), &(sequence << 8 | put).to_le_bytes()].concat()
    }

    /// A record of a table with these sequence numbers and keys from `a` to `c`.
    fn claim(smallest: u64, largest: u64) -> TableClaim {
        TableClaim {
            identity: TableIdentity {
                number: FileNumber(7),
                unique_id: None,
                smallest_seqno: SequenceNumber(smallest),
                largest_seqno: SequenceNumber(largest),
            },
            bounds: Some(Box::new(TableBounds {
                smallest: internal("a", smallest).into(),
                largest: internal("c", largest).into(),
            })),
        }
    }

    /// What a walk finds in a complete table with such entries at its ends.
    fn summary(first: (&str, u64), last: (&str, u64)) -> TableSummary {
        TableSummary {
            format_version: 5,
            checksum: ChecksumType::Xxh3,
            comparator: Comparator::Bytewise,
            properties: Some(TableProperties {
                comparator: Some("leveldb.BytewiseComparator".to_owned()),
                ..TableProperties::default()
            }),
            counts: TableCounts::default(),
            bounds: Some((internal(first.0, first.1), internal(last.0, last.1))),
            sequences: Some((
                SequenceNumber(first.1.min(last.1)),
                SequenceNumber(first.1.max(last.1)),
            )),
            is_complete: true,
            damaged: 0,
            unchecked: 0,
        }
    }

    fn reasons(claim: &TableClaim, summary: &TableSummary) -> Vec<String> {
        let found = claim.contradictions(summary);
        found
            .into_iter()
            .map(|contradiction| contradiction.reason)
            .collect()
    }

    #[test]
    fn a_table_as_it_was_recorded_contradicts_nothing() {
        let found = summary(("a", 3), ("c", 9));
        assert_eq!(reasons(&claim(3, 9), &found), [""; 0]);
    }

    #[test]
    fn sequence_numbers_beyond_the_record_are_found_on_either_side() {
        let found = summary(("a", 3), ("c", 9));
        for (smallest, largest) in [(4, 9), (3, 8)] {
            let mut claim = claim(smallest, largest);
            claim.bounds = None;
            let expected =
                format!("its sequence numbers are 3 to 9, but the MANIFEST has {smallest} to {largest}");
            assert_eq!(reasons(&claim, &found), [expected]);
        }
        // LevelDB's record has none, and zeros may stand for unknown ones.
        for (smallest, largest) in [(0, 0), (9, 3)] {
            let mut claim = claim(smallest, largest);
            claim.bounds = None;
            assert_eq!(reasons(&claim, &found), [""; 0]);
        }
    }

    #[test]
    fn a_table_without_entries_lacks_all_keys_of_the_record() {
        let mut found = summary(("a", 3), ("c", 9));
        (found.bounds, found.sequences) = (None, None);
        let [contradiction] = claim(3, 9).contradictions(&found).try_into().unwrap();
        assert_eq!(
            contradiction.reason,
            "it has no entry, but the MANIFEST has keys of it"
        );
        assert_eq!(contradiction.keys, Some((b"a".to_vec(), b"c".to_vec())));
        // Range deletions may be all that is in it, and what was not read completely is not compared.
        found.counts.range_deletions = 1;
        assert_eq!(reasons(&claim(3, 9), &found), [""; 0]);
        (found.counts.range_deletions, found.is_complete) = (0, false);
        assert_eq!(reasons(&claim(3, 9), &found), [""; 0]);
    }

    #[test]
    fn other_keys_at_the_ends_are_found() {
        let found = summary(("b", 3), ("c", 9));
        assert_eq!(
            reasons(&claim(3, 9), &found),
            ["its first key is not the one that the MANIFEST has"]
        );
        let found = summary(("a", 3), ("c", 8));
        let expected = "its last entry has sequence number 8 and type Value, but the MANIFEST has sequence number 9 and type Value";
        assert_eq!(reasons(&claim(3, 9), &found), [expected]);
    }

    #[test]
    fn range_deletions_extend_the_keys_of_the_record_and_never_shorten_them() {
        let mut found = summary(("b", 3), ("b", 9));
        found.counts.range_deletions = 1;
        assert_eq!(reasons(&claim(3, 9), &found), [""; 0]);
        found.bounds = Some((internal("0", 3), internal("d", 9)));
        assert_eq!(
            reasons(&claim(3, 9), &found),
            [
                "its first key is not the one that the MANIFEST has",
                "its last key is not the one that the MANIFEST has"
            ]
        );
        // Under an unknown order nothing is known.
        found.properties = Some(TableProperties::default());
        assert_eq!(reasons(&claim(3, 9), &found), [""; 0]);
    }

    #[test]
    fn an_ingested_table_has_the_number_that_it_was_ingested_with() {
        let mut found = summary(("a", 0), ("c", 0));
        let properties = found.properties.as_mut().unwrap();
        properties.external_version = Some(VERSION_WITH_GLOBAL_SEQNO);
        properties.external_global_seqno = Some(SequenceNumber(5));
        assert_eq!(reasons(&claim(5, 5), &found), [""; 0]);
        let [reason] = reasons(&claim(6, 6), &found).try_into().unwrap();
        assert_eq!(
            reason,
            "it was ingested with sequence number 5, but the MANIFEST has 6"
        );
        // An older version has no number in its properties, whatever stands in their place.
        found.properties.as_mut().unwrap().external_version = Some(1);
        assert_eq!(reasons(&claim(6, 6), &found), [""; 0]);
    }
}
