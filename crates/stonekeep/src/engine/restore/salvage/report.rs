//! What a restore of a damaged backup left out.

use serde::{Deserialize, Serialize};

use crate::{Warning, WarningName};

/// One file of the backup that was not restored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LostFile {
    /// Its name in the database.
    pub name: String,
    /// Its path in the repository; none if no meta file lists it.
    pub path: Option<String>,
    /// What is wrong with it.
    pub reason: String,
    /// How many bytes it has, if that is recorded.
    pub size_bytes: Option<u64>,
    /// The column family of a table or blob file.
    pub column_family: Option<String>,
    /// The level of a table.
    pub level: Option<u32>,
    /// The smallest key of a table, as `ldb` shows keys.
    pub from_key: Option<String>,
    /// Its largest key.
    pub to_key: Option<String>,
}

/// What a column family lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LossOfFamily {
    /// Its name.
    pub name: String,
    /// How many tables it had.
    pub tables: u64,
    /// How many of them are lost.
    pub tables_lost: u64,
    /// The bytes of all its tables.
    pub bytes: u64,
    /// The bytes of those that are lost.
    pub bytes_lost: u64,
    /// How many blob files are lost.
    pub blobs_lost: u64,
}

/// What a restore with `best_effort` left out. Both lists are empty if the backup is whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Salvage {
    /// The files, tables first.
    pub lost: Vec<LostFile>,
    /// The column families that lost tables or blob files.
    pub column_families: Vec<LossOfFamily>,
}

impl Salvage {
    /// One warning for each column family with losses, and for each lost file that belongs to none.
    pub(in crate::engine::restore) fn warnings(&self) -> Vec<Warning> {
        let families = self.column_families.iter().map(|family| {
            let about = format!("column family {}", family.name);
            Warning::about(WarningName::LeftOut, about, family.consequences())
        });
        let others = self.lost.iter().filter(|file| file.column_family.is_none());
        let others = others.map(|file| {
            let consequence = if file.name.ends_with(".log") {
                ", so that the writes in it are missing"
            } else {
                ""
            };
            let message = format!("it is not restored{consequence}: {}", file.reason);
            Warning::about(WarningName::LeftOut, file.name.as_str(), message)
        });
        families.chain(others).collect()
    }
}

impl LossOfFamily {
    fn consequences(&self) -> String {
        let tables = (self.tables_lost > 0).then(|| {
            format!(
                "{} of {} tables are not restored ({} of {} bytes): their keys are missing, and older values of these keys, or keys \
                 that they delete, may be there again",
                self.tables_lost, self.tables, self.bytes_lost, self.bytes
            )
        });
        let blobs = (self.blobs_lost > 0).then(|| {
            let lost = self.blobs_lost;
            format!("blob files are not restored, {lost} of them: reads of the values in them fail")
        });
        tables.into_iter().chain(blobs).collect::<Vec<_>>().join("; ")
    }
}
