//! Whether the database has gone back to an older state since an earlier backup of it.
//!
//! Sequence numbers only grow. A smaller one than that of the newest backup of the same database means that an older state
//! was restored, or that RocksDB opened the database at an older state and dropped the rest. Nobody may have noticed, so it is warned of, in
//! each backup until one is made that accepts it, and a purge keeps the last backup before it as long.

use stonekeep_format::BackupId;

use super::inputs::PlanInputs;
use crate::image::DatabaseImage;
use crate::repo::catalog::{self, LoadedMeta, MetaState};
use crate::repo::described;
use crate::repo::facts::BackupFacts;
use crate::repo::went_back::WentBack;
use crate::store::Store;
use crate::{ErrorKind, Result, Warning, WarningName};

/// A stored backup of the same database.
struct Earlier {
    id: BackupId,
    sequence_number: u64,
    facts: Option<BackupFacts>,
}

/// Every return to an older state that nobody has accepted: those that the newest backup of this database records, and the
/// one since then.
///
/// # Errors
/// I/O errors of the store.
pub(super) fn went_back(
    image: &DatabaseImage,
    store: &Store,
    inputs: &PlanInputs<'_>,
) -> Result<Vec<WentBack>> {
    let Some(database_id) = image.database_id.as_deref() else {
        return Ok(Vec::new());
    };
    let Some(newest) = newest_of(database_id, store, inputs)? else {
        return Ok(Vec::new());
    };
    let mut all = match &newest.facts {
        Some(facts) => not_accepted(facts),
        None => Vec::new(),
    };
    if !all.is_empty() {
        let oldest = catalog::list(store)?.ids.first().map(|id| id.get());
        all.retain(|known| oldest.is_some_and(|oldest| oldest <= known.last_before));
    }
    let is_certain = |facts: &BackupFacts| {
        let mut names = facts.warnings.iter().map(|warning| warning.name);
        names.all(|name| name != WarningName::SequenceUncertain)
    };
    let now = image.sequence_number.0;
    if now < newest.sequence_number && newest.facts.as_ref().is_none_or(is_certain) {
        all.push(WentBack {
            last_before: newest.id.get(),
            from_sequence: newest.sequence_number,
            to_sequence: now,
        });
    }
    Ok(all)
}

/// What these facts say that nobody has accepted.
pub(super) fn not_accepted(facts: &BackupFacts) -> Vec<WentBack> {
    if facts.accepts_going_back() {
        Vec::new()
    } else {
        facts.went_back.clone()
    }
}

/// The warnings about it.
pub(super) fn warnings(all: &[WentBack]) -> impl Iterator<Item = Warning> + '_ {
    all.iter().map(|known| {
        let id = known.last_before;
        let message = format!(
            "{known}, as a restore of an older state does. Until that is accepted (--accept sequence-went-back), purge keeps \
             backup {id} or, if it is damaged, the one before it"
        );
        Warning::general(WarningName::SequenceWentBack, message)
    })
}

/// The newest backup of this database that can be read. Usually that is the newest of all, which is known.
fn newest_of(database_id: &str, store: &Store, inputs: &PlanInputs<'_>) -> Result<Option<Earlier>> {
    if let Some((id, facts)) = inputs.newest_facts()
        && facts.database_id.as_deref() == Some(database_id)
    {
        return Ok(Some(Earlier {
            id,
            sequence_number: facts.sequence_number,
            facts: Some(facts.clone()),
        }));
    }
    let mut ids = catalog::list(store)?.ids;
    while let Some(id) = ids.pop() {
        match catalog::load(store, id) {
            Ok(MetaState::Readable(loaded)) => {
                if let Some(earlier) = of_database(store, &loaded, database_id)? {
                    return Ok(Some(earlier));
                }
            }
            Ok(MetaState::Unreadable(_)) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn of_database(store: &Store, loaded: &LoadedMeta, database_id: &str) -> Result<Option<Earlier>> {
    let facts = loaded.facts_head(store)?;
    let of = match &facts {
        Some(facts) => facts.database_id.clone(),
        None => described::database_id(store, loaded)?,
    };
    let sequence_number = match &facts {
        Some(facts) => facts.sequence_number,
        None => loaded.meta.head.sequence.value(),
    };
    Ok((of.as_deref() == Some(database_id)).then_some(Earlier {
        id: loaded.id,
        sequence_number,
        facts,
    }))
}
