//! The sequence numbers of the WALs of one database, from each to the next.
//!
//! RocksDB replays WALs in the order of their numbers, and gives sequence numbers in the order in which it writes. So they never go back,
//! neither in a WAL nor from one to the next; RocksDB from 10 on refuses to open such a database
//! (`DBImpl::CheckSeqnoNotSetBackDuringRecovery` in `db/db_impl/db_impl_open.cc`). The numbers of the first keys of batches are compared: how many a
//! batch uses up is not always known, and the deletion of an empty range uses none up when it is replayed.
//!
//! Numbers that no WAL has prove nothing: writes without WAL, ingestions, transactions, and column families that were flushed leave such gaps. But
//! a WAL may say which one was the last of the WAL before it (`track_and_verify_wals`); that must be there.

use std::collections::BTreeMap;

use stonekeep_format::{FileNumber, SequenceNumber};

use super::damage::{DamagedPart, Deep};
use super::wal_sequences::WalSequences;

/// The WALs of one database, each with the name that findings give it.
#[derive(Debug, Default)]
pub(crate) struct Wals(BTreeMap<FileNumber, (String, WalSequences)>);

impl Wals {
    /// Adds what was found in a file, if that is a WAL.
    pub(crate) fn add(&mut self, name: &str, deep: &Deep) {
        if let Some(wal) = &deep.wal {
            self.0.insert(wal.number, (name.to_owned(), wal.clone()));
        }
    }

    /// What does not fit, each with the name of its WAL.
    pub(crate) fn out_of_order(&self) -> Vec<(&str, DamagedPart)> {
        let sequences: Vec<&WalSequences> = self.0.values().map(|(_, wal)| wal).collect();
        let names: Vec<&str> = self.0.values().map(|(name, _)| name.as_str()).collect();
        let found = out_of_order(&sequences).into_iter();
        let named = found.filter_map(|(place, part)| Some((*names.get(place)?, part)));
        named.collect()
    }
}

/// What does not fit among the WALs of one database, which are in the order of their numbers, each with its place.
fn out_of_order(wals: &[&WalSequences]) -> Vec<(usize, DamagedPart)> {
    let mut found = Vec::new();
    let mut latest: Option<(SequenceNumber, FileNumber)> = None;
    for (place, wal) in wals.iter().enumerate() {
        if let (Some(first), Some((last, before))) = (wal.first, latest)
            && first < last
        {
            found.push((
                place,
                part(format!(
                    "its sequence numbers begin with {first}, but those of WAL {before} before it go up to {last}"
                )),
            ));
        }
        if let Some(last) = wal
            .last
            .filter(|last| latest.is_none_or(|(before, _)| before <= *last))
        {
            latest = Some((last, wal.number));
        }
        let before = place.checked_sub(1).and_then(|before| wals.get(before));
        if let Some((predecessor, before)) = wal.predecessor.zip(before)
            && predecessor.number == before.number
            && before.last.is_some_and(|last| last < predecessor.last_sequence)
        {
            let (number, wanted) = (predecessor.number, predecessor.last_sequence);
            let last = before.last.unwrap_or_default();
            found.push((
                place,
                part(format!(
                    "it says that the last batch of WAL {number} has sequence number {wanted}, but that ends with {last}"
                )),
            ));
        }
    }
    found
}

fn part(reason: String) -> DamagedPart {
    DamagedPart {
        part: "WAL".to_owned(),
        offset: 0,
        column_family: None,
        level: None,
        from_key: None,
        to_key: None,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use stonekeep_format::log::PredecessorWal;

    use super::*;

    fn wal(number: u64, first: u64, last: u64) -> WalSequences {
        let sequence = |number: u64| Some(SequenceNumber(number)).filter(|sequence| sequence.0 > 0);
        WalSequences {
            number: FileNumber(number),
            first: sequence(first),
            last: sequence(last),
            predecessor: None,
        }
    }

    fn found(wals: &[WalSequences]) -> Vec<(usize, String)> {
        let wals: Vec<&WalSequences> = wals.iter().collect();
        let found = out_of_order(&wals).into_iter();
        found.map(|(place, part)| (place, part.reason)).collect()
    }

    #[test]
    fn gaps_and_empty_wals_are_in_order() {
        assert_eq!(found(&[]), []);
        let wals = [
            wal(4, 1, 9),
            wal(6, 0, 0),
            wal(8, 20, 30),
            wal(9, 30, 30),
            wal(12, 31, 40),
        ];
        assert_eq!(found(&wals), []);
    }

    #[test]
    fn numbers_that_go_back_are_found_across_empty_wals() {
        let found = found(&[wal(4, 1, 9), wal(6, 0, 0), wal(8, 8, 30)]);
        let [(2, reason)] = &found[..] else {
            panic!("{found:?}");
        };
        assert!(
            reason.contains("begin with 8, but those of WAL 4 before it go up to 9"),
            "{reason}"
        );
    }

    #[test]
    fn lost_batches_are_found_by_what_the_next_wal_says() {
        let mut next = wal(8, 30, 40);
        next.predecessor = Some(PredecessorWal {
            number: FileNumber(4),
            size_bytes: 100,
            last_sequence: SequenceNumber(9),
        });
        assert_eq!(found(&[wal(4, 1, 9), next.clone()]), []);
        assert_eq!(found(&[wal(5, 1, 7), next.clone()]), []);
        let found = found(&[wal(4, 1, 7), next]);
        assert!(found[0].1.contains("that ends with 7"), "{found:?}");
    }
}
