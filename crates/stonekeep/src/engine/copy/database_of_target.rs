//! Which database a repository has backups of.

use crate::repo::catalog::{self, MetaState};
use crate::repo::described;
use crate::repo::index::RepositoryIndex;
use crate::{ErrorKind, Result};

/// The database of the newest backup that can be read.
pub(super) fn database_of(target: &RepositoryIndex<'_>) -> Result<Option<String>> {
    let store = target.store();
    for id in target.backups()?.ids.iter().rev() {
        match catalog::load(store, *id) {
            Ok(MetaState::Readable(loaded)) => {
                return match loaded.facts_head(store)? {
                    Some(facts) => Ok(facts.database_id),
                    None => described::database_id(store, &loaded),
                };
            }
            Ok(MetaState::Unreadable(_)) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
