//! The keys and values that the recipes write, the same in each run.

use super::Workbench;
use crate::Result;

/// The key number `n`, in an order that is also the byte order.
pub(super) fn key(n: u32) -> Vec<u8> {
    format!("key-{n:06}").into_bytes()
}

/// A value that half compresses: a readable head, then words that repeat, then noise.
pub(super) fn value(seed: u32, size: usize) -> Vec<u8> {
    let mut bytes = format!("value {seed} ").into_bytes();
    while bytes.len() < size / 2 {
        bytes.extend_from_slice(b"the same words again, ");
    }
    let mut state = u64::from(seed) ^ 0x9e37_79b9_7f4a_7c15;
    while bytes.len() < size {
        // xorshift64, which needs no more than a state that is not zero.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size.max(1));
    bytes
}

/// Small, yet with blobs, merge operands, range tombstones, a compacted level, and a rest in the WAL.
pub(crate) fn something_of_everything(bench: &mut Workbench) -> Result<()> {
    tables(bench)?;
    let (first, last) = (
        names(bench).swap_remove(0),
        names(bench).pop().unwrap_or_default(),
    );
    bench.compact(&last)?;
    for n in 0..6 {
        bench.put(&first, &key(n + 200), &value(n, 600))?;
        bench.merge(&first, &key(n), b"merged")?;
    }
    bench.delete_range(&first, key(50).as_slice()..key(60).as_slice())?;
    bench.flush(&first)?;
    wal_rest(bench, 5_000)
}

/// Several tables in each column family, some deletions, and a rest that is only in the WAL.
pub(super) fn ordinary(bench: &mut Workbench) -> Result<()> {
    tables(bench)?;
    wal_rest(bench, 5_000)
}

/// Three tables in each column family, and nothing in the WAL.
pub(super) fn tables(bench: &mut Workbench) -> Result<()> {
    for family in names(bench) {
        for table in 0..3 {
            for n in 0..40 {
                bench.put(&family, &key(table * 40 + n), &value(n + table, 200))?;
            }
            bench.delete(&family, &key(table * 7))?;
            bench.flush(&family)?;
        }
    }
    Ok(())
}

/// Nothing but the WAL.
pub(super) fn wal_only(bench: &mut Workbench) -> Result<()> {
    for family in names(bench) {
        for n in 0..60 {
            bench.put(&family, &key(n), &value(n, 120))?;
        }
        bench.delete(&family, &key(11))?;
    }
    Ok(())
}

/// Values large and small, overwritten, then compacted so that garbage in blob files is collected.
pub(super) fn blobs(bench: &mut Workbench) -> Result<()> {
    for family in names(bench) {
        for round in 0..3 {
            for n in (0..60).step_by(round as usize + 1) {
                let size = if n % 3 == 0 { 24 } else { 900 };
                bench.put(&family, &key(n), &value(n + round * 1_000, size))?;
            }
            bench.flush(&family)?;
        }
        bench.compact(&family)?;
    }
    blob_change(bench)
}

/// Enough data, in an order mixed enough, that several levels come to be.
pub(super) fn leveled(bench: &mut Workbench) -> Result<()> {
    for family in names(bench) {
        for n in 0..1_500_u32 {
            bench.put(&family, &key(n.wrapping_mul(7_919) % 2_000), &value(n, 150))?;
        }
        bench.flush(&family)?;
        bench.settle(&family)?;
        for n in 0..100 {
            bench.put(&family, &key(n * 13), &value(n + 9_000, 150))?;
        }
        bench.flush(&family)?;
    }
    wal_rest(bench, 5_000)
}

/// Range tombstones over tables, over the memtable, and in the WAL.
pub(super) fn range_deletions(bench: &mut Workbench) -> Result<()> {
    tables(bench)?;
    for family in names(bench) {
        bench.delete_range(&family, key(10).as_slice()..key(30).as_slice())?;
        bench.flush(&family)?;
        bench.put(&family, &key(20), b"back again")?;
        bench.delete_range(&family, key(70).as_slice()..key(95).as_slice())?;
    }
    Ok(())
}

/// Merge operands in tables and in the WAL, on keys with and without a value.
pub(super) fn merges(bench: &mut Workbench) -> Result<()> {
    for family in names(bench) {
        for round in 0..3 {
            for n in 0..30 {
                if round == 0 && n % 2 == 0 {
                    bench.put(&family, &key(n), b"base")?;
                }
                bench.merge(&family, &key(n), format!("operand-{round}-{n}").as_bytes())?;
            }
            if round < 2 {
                bench.flush(&family)?;
            }
        }
    }
    Ok(())
}

/// Values far larger than a block, an empty value, and an empty key.
pub(super) fn large_values(bench: &mut Workbench) -> Result<()> {
    for family in names(bench) {
        bench.put(&family, b"", b"the empty key")?;
        bench.put(&family, b"empty value", b"")?;
        bench.put(&family, b"\x00\xff\n:binary", &[0, 255, 10, 13])?;
        bench.put(&family, b"large", &value(1, 700_000))?;
        bench.flush(&family)?;
        // Longer than one 32 KiB block of the WAL (db/log_format.h).
        bench.put(&family, b"in the WAL", &value(2, 100_000))?;
    }
    Ok(())
}

/// A column family dropped, another added, its name used again.
pub(super) fn dropped_families(bench: &mut Workbench) -> Result<()> {
    tables(bench)?;
    bench.create_family("passing")?;
    bench.put("passing", b"gone", b"with its family")?;
    bench.flush("passing")?;
    bench.drop_family("passing")?;
    bench.create_family("passing")?;
    bench.put("passing", b"new", b"under an old name")?;
    bench.flush("passing")?;
    bench.create_family("empty")?;
    wal_rest(bench, 5_000)
}

/// Tables that were written outside and taken in, one of them over existing keys.
pub(super) fn ingested(bench: &mut Workbench) -> Result<()> {
    tables(bench)?;
    for family in names(bench) {
        let over: Vec<_> = (30..60).map(|n| (key(n), value(n + 77, 90))).collect();
        bench.ingest(&family, &over)?;
        let beside: Vec<_> = (8_000..8_030).map(|n| (key(n), value(n, 90))).collect();
        bench.ingest(&family, &beside)?;
    }
    wal_rest(bench, 5_000)
}

/// The usual second state: one more table in the first column family, and new entries in the WAL.
pub(super) fn one_more_table(bench: &mut Workbench) -> Result<()> {
    let from = next_key(bench);
    let family = names(bench).swap_remove(0);
    for n in from..from + 30 {
        bench.put(&family, &key(n), &value(n, 180))?;
    }
    bench.flush(&family)?;
    wal_rest(bench, from + 30)
}

/// A second state for databases that never flush.
pub(super) fn more_wal(bench: &mut Workbench) -> Result<()> {
    let from = next_key(bench);
    wal_rest(bench, from)
}

/// A second state that leaves garbage in blob files.
pub(super) fn blob_change(bench: &mut Workbench) -> Result<()> {
    let from = next_key(bench);
    for family in names(bench) {
        for n in 0..8 {
            bench.put(&family, &key(n), &value(from + n, 700))?;
        }
        bench.flush(&family)?;
    }
    wal_rest(bench, from)
}

fn wal_rest(bench: &mut Workbench, from: u32) -> Result<()> {
    for family in names(bench) {
        for n in from..from + 12 {
            bench.put(&family, &key(n), &value(n, 100))?;
        }
        bench.delete(&family, &key(3))?;
    }
    Ok(())
}

/// A key number beyond all that were written, so that each change is a new one.
fn next_key(bench: &Workbench) -> u32 {
    10_000 + u32::try_from(bench.contents().key_count()).unwrap_or(u32::MAX / 2)
}

fn names(bench: &Workbench) -> Vec<String> {
    bench.contents().family_names().map(str::to_owned).collect()
}
