//! The small real database that `stonekeep demo` shows, in two states.

use std::fs;
use std::path::Path;

use rocksdb::checkpoint::Checkpoint;

use crate::makers::{self, Recipe, Workbench};
use crate::{DatabaseContents, ProofError, Result};

/// The name of the first state's directory.
pub const STATE_1: &str = "state1";
/// The name of the second state's directory.
pub const STATE_2: &str = "state2";

/// Makes both states below `target`, as checkpoints of one database, and returns the contents of each.
///
/// # Errors
/// RocksDB's or the file system's; a state that is there already is one.
pub fn make(target: &Path) -> Result<[DatabaseContents; 2]> {
    fs::create_dir_all(target).map_err(ProofError::io(target))?;
    let root = tempfile::tempdir().map_err(ProofError::io(target))?;
    let mut bench = Workbench::create(recipe(), root.path())?;
    checkpoint(&bench, &target.join(STATE_1))?;
    let first = bench.contents().clone();
    bench.change()?;
    checkpoint(&bench, &target.join(STATE_2))?;
    Ok([first, bench.contents().clone()])
}

fn recipe() -> Recipe {
    Recipe {
        name: "a small shop",
        options: "db_host_id=sample;compression=kZSTD;disable_auto_compactions=true",
        families: &["customers", "default", "orders"],
        fill: open_the_shop,
        change: go_on_for_a_day,
        ..makers::ORDINARY
    }
}

/// A checkpoint with its WAL: a limit that no WAL reaches keeps RocksDB from flushing.
fn checkpoint(bench: &Workbench, target: &Path) -> Result<()> {
    let checkpoint = Checkpoint::new(bench.db()).map_err(ProofError::database("prepare a checkpoint"))?;
    checkpoint
        .create_checkpoint_with_log_size(target, u64::MAX)
        .map(drop)
        .map_err(ProofError::database(format!(
            "make a checkpoint in {}",
            target.display()
        )))
}

fn open_the_shop(bench: &mut Workbench) -> Result<()> {
    bench.put("default", b"shop/name", "The Stone Keep".as_bytes())?;
    bench.put("default", b"shop/opened", b"2026-01-02")?;
    bench.flush("default")?;
    for part in 0..2 {
        customers(bench, part * 250..part * 250 + 250)?;
        bench.flush("customers")?;
    }
    for part in 0..3 {
        orders(bench, part * 300..part * 300 + 300, "paid")?;
        bench.flush("orders")?;
    }
    orders(bench, 900..940, "open")?;
    customers(bench, 500..512)
}

fn go_on_for_a_day(bench: &mut Workbench) -> Result<()> {
    orders(bench, 900..1_200, "paid")?;
    bench.delete("orders", b"order/000007")?;
    bench.flush("orders")?;
    customers(bench, 512..560)?;
    orders(bench, 1_200..1_230, "open")?;
    bench.put("default", b"shop/name", "The Old Stone Keep".as_bytes())
}

fn customers(bench: &mut Workbench, numbers: std::ops::Range<u32>) -> Result<()> {
    const FIRST: [&str; 8] = [
        "Ada", "Blaise", "Carla", "Dmitri", "Emmy", "Farid", "Grace", "Hiro",
    ];
    const LAST: [&str; 7] = ["Stone", "Keeper", "Mason", "Archer", "Miller", "Weaver", "Smith"];
    for n in numbers {
        let name = format!(
            "{} {}",
            FIRST[n as usize % FIRST.len()],
            LAST[n as usize % LAST.len()]
        );
        let value = format!(
            r#"{{"name":"{name}","since":{},"points":{}}}"#,
            2001 + n % 25,
            n * 7_919 % 1_000
        );
        bench.put(
            "customers",
            format!("customer/{n:06}").as_bytes(),
            value.as_bytes(),
        )?;
    }
    Ok(())
}

fn orders(bench: &mut Workbench, numbers: std::ops::Range<u32>, state: &str) -> Result<()> {
    for n in numbers {
        let (customer, cents) = (n * 31 % 500, 500 + n * 6_151 % 90_000);
        let value = format!(r#"{{"customer":{customer},"cents":{cents},"state":"{state}"}}"#);
        bench.put("orders", format!("order/{n:06}").as_bytes(), value.as_bytes())?;
    }
    Ok(())
}
