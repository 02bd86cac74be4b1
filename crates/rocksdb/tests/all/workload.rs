//! Writes of which any prefix can be told from what a database holds.
//!
//! Batch `n` writes `n` under the counter's key, and a value made of `n` (or a deletion) under one key of a ring, in every
//! column family. So a database holds batches 1 to N, whole and nothing else, if each key has what the last batch up to N
//! wrote there.

use std::collections::BTreeMap;
use std::path::Path;

use rocksdb::{ColumnFamilyDescriptor, DB, IteratorMode, Options};

/// The column families that are always there.
pub(crate) const FAMILIES: [&str; 4] = ["default", "one", "two", "three"];

/// How many keys there are beside the counter.
const RING: u64 = 401;

/// Each batch with a multiple of this deletes.
const DELETES: u64 = 7;

/// How long a column family that comes and goes is there, of how many batches.
const EXTRA: (u64, u64) = (150, 200);

/// The counter's key.
const COUNTER: &[u8] = b"counter";

/// What one batch does to a column family.
pub(crate) struct Change {
    /// The key.
    pub(crate) key: Vec<u8>,
    /// The value; none is a deletion.
    pub(crate) value: Option<Vec<u8>>,
}

/// What batch `n` does to each column family.
pub(crate) fn batch(n: u64) -> [Change; 2] {
    [
        Change {
            key: COUNTER.to_vec(),
            value: Some(n.to_be_bytes().to_vec()),
        },
        Change {
            key: key(n % RING),
            value: value(n),
        },
    ]
}

fn key(slot: u64) -> Vec<u8> {
    format!("key {slot:05}").into_bytes()
}

fn value(n: u64) -> Option<Vec<u8>> {
    let filler = "x".repeat((n % 97) as usize);
    (!n.is_multiple_of(DELETES)).then(|| format!("{n} {filler}").into_bytes())
}

/// What a column family holds that has taken batches `first` to `last`.
fn contents(first: u64, last: u64) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let oldest = first.max(last.saturating_sub(RING - 1));
    let ring = (oldest..=last).filter_map(|n| Some((key(n % RING), value(n)?)));
    let counter = (first <= last).then(|| (COUNTER.to_vec(), last.to_be_bytes().to_vec()));
    ring.chain(counter).collect()
}

/// The name of the column family that comes before batch `n` and goes some batches later; `None` between those.
pub(crate) fn extra(n: u64) -> Option<String> {
    (n >= EXTRA.1 && n % EXTRA.1 < EXTRA.0).then(|| format!("extra {}", n / EXTRA.1))
}

/// A column family, and the first batch that it has taken.
type Extra = (String, u64);

/// The extra column families that may and that must be there after batch `n`.
fn extras(n: u64) -> (Vec<Extra>, Option<Extra>) {
    let first = |n: u64| n - n % EXTRA.1;
    let named = |n: u64| extra(n).map(|name| (name, first(n)));
    let present = named(n);
    let next = named(n + 1);
    let must = present.clone().filter(|present| next.as_ref() == Some(present));
    (present.into_iter().chain(next).collect(), must)
}

/// What a restored database holds.
pub(crate) struct Found {
    /// The last batch.
    pub(crate) last: u64,
    /// The last sequence number.
    pub(crate) sequence: u64,
}

/// Reads every key of every column family, and compares it with the one state that the counter permits. `changes` says
/// whether column families come and go.
pub(crate) fn check(path: &Path, changes: bool, what: &str) -> Found {
    // RocksDB 11.8 crashes where the MANIFEST tracks WALs and a read-only handle does not (`DBImpl::Recover` without a
    // recovery context, `db/db_impl/db_impl_open.cc`).
    let options = Options::default()
        .get_options_from_string("track_and_verify_wals_in_manifest=true")
        .unwrap();
    let names = DB::list_cf(&options, path).unwrap();
    let descriptors = names
        .iter()
        .map(|name| ColumnFamilyDescriptor::new(name, Options::default()));
    let db = DB::open_cf_descriptors_read_only(&options, path, descriptors, false)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let counter = db.get(COUNTER).unwrap();
    let last = counter.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap()));
    let (may, must) = if changes { extras(last) } else { (Vec::new(), None) };
    for name in &names {
        let first = match may.iter().find(|(extra, _)| extra == name) {
            Some((_, first)) => *first,
            None => {
                assert!(
                    FAMILIES.contains(&name.as_str()),
                    "{what}: {name} after batch {last}"
                );
                1
            }
        };
        let family = db.cf_handle(name).unwrap();
        let found = db.iterator_cf(&family, IteratorMode::Start);
        let found: BTreeMap<Vec<u8>, Vec<u8>> = found
            .map(|entry| entry.unwrap())
            .map(|(key, value)| (key.into_vec(), value.into_vec()))
            .collect();
        assert_eq!(found, contents(first, last), "{what}: {name} after batch {last}");
    }
    let missing = FAMILIES
        .into_iter()
        .chain(must.as_ref().map(|(name, _)| name.as_str()));
    for name in missing {
        assert!(
            names.iter().any(|there| there == name),
            "{what}: no {name} after batch {last}"
        );
    }
    Found {
        last,
        sequence: db.latest_sequence_number(),
    }
}

#[test]
fn the_last_batches_determine_the_contents() {
    for last in [0, 1, 6, 7, 8, RING, 3 * RING + 5] {
        let mut slowly = BTreeMap::new();
        for n in 1..=last {
            for Change { key, value } in batch(n) {
                match value {
                    Some(value) => slowly.insert(key, value),
                    None => slowly.remove(&key),
                };
            }
        }
        assert_eq!(contents(1, last), slowly, "{last}");
    }
    assert_eq!(extras(199).1, None);
    assert_eq!(extras(200).1, Some(("extra 1".to_owned(), 200)));
    assert_eq!(extras(349), (vec![("extra 1".to_owned(), 200)], None));
}
