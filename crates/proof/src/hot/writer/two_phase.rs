//! Writes batches as two-phase transactions, beside one that stays prepared for long.

use rocksdb::{ColumnFamily, SingleThreaded, Transaction, TransactionDB, TransactionDBOptions};

use super::Writer;
use crate::hot::history::{self, Action, FAMILIES, Operation};
use crate::{ProofError, Result};

type Database = TransactionDB<SingleThreaded>;

/// Writes one lane in a new database.
pub(super) fn run(writer: &Writer) -> Result<()> {
    let (given, options) = writer.options()?;
    let path = writer.setting.database(&writer.root);
    let how = TransactionDBOptions::default();
    let db = Database::open_cf_descriptors(&options, &how, &path, writer.families(&given)?)
        .map_err(ProofError::database(format!("open {}", path.display())))?;
    let mut held = None;
    let mut number = 0;
    while !writer.is_stopped() {
        number += 1;
        for action in writer.history.actions_before(number) {
            held = match action {
                Action::Prepare(round) => Some(prepare_long(&db, round)?),
                Action::Commit(_) => commit_long(held)?,
                _ => held,
            };
        }
        writer.begin(0, number)?;
        write_batch(writer, &db, number)?;
        writer.acknowledge(0, number, None)?;
    }
    // The next to open the database would find it prepared; dropping it would roll it back.
    std::mem::forget(held);
    Ok(())
}

/// What a long transaction is called.
pub(in crate::hot) fn long_name(round: u64) -> String {
    format!("long-{round}")
}

fn prepare_long(db: &Database, round: u64) -> Result<Transaction<'_, Database>> {
    let transaction = begin(db, &long_name(round))?;
    for name in FAMILIES {
        transaction
            .put_cf(family(db, name)?, history::held_key(), round.to_be_bytes())
            .map_err(ProofError::database("put in a transaction"))?;
    }
    transaction
        .prepare()
        .map_err(ProofError::database("prepare a transaction"))?;
    Ok(transaction)
}

fn commit_long<'a>(held: Option<Transaction<'a, Database>>) -> Result<Option<Transaction<'a, Database>>> {
    match held {
        Some(transaction) => transaction
            .commit()
            .map(|()| None)
            .map_err(ProofError::database("commit a long transaction")),
        None => Ok(None),
    }
}

fn write_batch(writer: &Writer, db: &Database, number: u64) -> Result<()> {
    let transaction = begin(db, &format!("batch-{number}"))?;
    for change in writer.history.batch(0, number) {
        let family = family(db, &change.family.to_string())?;
        match change.operation {
            Operation::Put(value) => transaction.put_cf(family, change.key, value),
            // Transactions of the C API have no single deletions.
            Operation::Delete | Operation::SingleDelete => transaction.delete_cf(family, change.key),
            Operation::Add(number) => transaction.merge_cf(family, change.key, number.to_le_bytes()),
        }
        .map_err(ProofError::database("write in a transaction"))?;
    }
    transaction
        .prepare()
        .and_then(|()| transaction.commit())
        .map_err(ProofError::database("commit a transaction"))
}

fn begin<'a>(db: &'a Database, name: &str) -> Result<Transaction<'a, Database>> {
    let transaction = db.transaction();
    transaction
        .set_name(name.as_bytes())
        .map_err(ProofError::database("name a transaction"))?;
    Ok(transaction)
}

fn family<'a>(db: &'a Database, name: &str) -> Result<&'a ColumnFamily> {
    db.cf_handle(name).ok_or_else(|| ProofError::Differs {
        what: "the open column families".to_owned(),
        difference: format!("{name} is missing"),
    })
}
