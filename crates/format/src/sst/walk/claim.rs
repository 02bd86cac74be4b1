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
