//! What a MANIFEST says of the contents of a file.

use std::sync::Arc;

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::DatabaseState;
use stonekeep_format::sst::walk::TableClaim;

/// What the MANIFEST of a database says of one of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The name of the column family.
    pub(crate) column_family: Arc<str>,
    pub(crate) claim: FileClaim,
}

/// By the kind of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileClaim {
    Table(TableClaim),
}

impl Record {
    /// The names of all files that a state says something of, with what it says.
    pub(crate) fn all_of(state: &DatabaseState) -> impl Iterator<Item = (DbFileName, Record)> + '_ {
        state.column_families().values().flat_map(|family| {
            let column_family: Arc<str> = String::from_utf8_lossy(&family.name).into();
            family.tables.values().map(move |table| {
                let record = Record {
                    column_family: Arc::clone(&column_family),
                    claim: FileClaim::Table(TableClaim::of(table)),
                };
                (DbFileName::table(table.number), record)
            })
        })
    }

    /// The name under which the record of a file is found, whatever extension it has.
    pub(crate) fn name_of(name: &DbFileName) -> DbFileName {
        match name {
            DbFileName::Table { number, .. } => DbFileName::table(*number),
            other => other.clone(),
        }
    }

    pub(super) fn table(&self) -> Option<&TableClaim> {
        match &self.claim {
            FileClaim::Table(claim) => Some(claim),
        }
    }
}
