//! Which id a backup gets in the target.

use std::collections::HashMap;

use stonekeep_format::BackupId;

use super::context::Context;
use super::renamed::{self, Binding};
use super::source_backup::SourceBackup;
use crate::repo::ids::{self, Traces};
use crate::repo::index::RepositoryIndex;
use crate::repo::loaded_meta::LoadedMeta;
use crate::repo::{layout, record_text};
use crate::store::Store;
use crate::{Error, ErrorKind, Result};

/// What the target has under the id of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnderId {
    /// Nothing, or what a copy of this very backup that did not end has left.
    Free,
    /// This very backup.
    Same,
    /// Another backup.
    Another,
    /// Nothing now, but a backup was there once, or may have been.
    Used,
}

/// See the [module](self).
pub(super) struct TargetIds<'a> {
    index: &'a RepositoryIndex<'a>,
    traces: Traces,
    /// The backups of the target by what they are without their ids, where that is asked for.
    by_content: HashMap<Binding, BackupId>,
}

impl<'a> TargetIds<'a> {
    /// Lists what is there; with new ids, every meta file is read, one after another.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(super) fn read(context: &Context<'_>, index: &'a RepositoryIndex<'a>) -> Result<Self> {
        let traces = Traces::read(index, ids::claimed(index.store())?)?;
        let mut by_content = HashMap::new();
        if context.options.new_ids {
            for id in &traces.backups {
                if let Some(text) = meta_text(index.store(), *id)? {
                    by_content.insert(renamed::binding_without_id(&text, *id), *id);
                }
            }
        }
        Ok(TargetIds {
            index,
            traces,
            by_content,
        })
    }

    /// What the target has under the id of this backup of the source.
    ///
    /// # Errors
    /// I/O errors of both stores.
    pub(super) fn under_id(&self, source: &RepositoryIndex<'_>, id: BackupId) -> Result<UnderId> {
        let store = self.index.store();
        let of_source = || {
            let loaded = LoadedMeta::unparsed(source.store(), id)?;
            Ok::<_, Error>((loaded.crc32c, loaded.size_bytes))
        };
        if self.traces.backups.contains(&id) {
            if source.meta_size(id)? != self.index.meta_size(id)? {
                return Ok(UnderId::Another);
            }
            let there = match LoadedMeta::unparsed(store, id) {
                Ok(loaded) => Some((loaded.crc32c, loaded.size_bytes)),
                Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound) => None,
                Err(error) => return Err(error),
            };
            let same = there == Some(of_source()?);
            return Ok(if same { UnderId::Same } else { UnderId::Another });
        }
        if !self.traces.is_used(id) {
            return Ok(UnderId::Free);
        }
        let is_ours = self.traces.claimed.contains(&id) && ids::is_claimed_for_copy(store, id, of_source()?)?;
        Ok(if is_ours { UnderId::Free } else { UnderId::Used })
    }

    /// The backup of the target that is this one, whatever its id.
    pub(super) fn with_content(&self, content: &Binding) -> Option<BackupId> {
        self.by_content.get(content).copied()
    }

    /// The next free id for a backup; one that was claimed for this very copy is taken again.
    ///
    /// # Errors
    /// `Refused` if there is none, and I/O errors of the store.
    pub(super) fn next_free(&self, backup: &SourceBackup, text: &[u8]) -> Result<BackupId> {
        let Some(largest) = self.traces.largest() else {
            return Ok(BackupId::FIRST);
        };
        if self.traces.claimed.contains(&largest) && !self.traces.backups.contains(&largest) {
            let renamed = renamed::meta(&backup.pinned.loaded, text, largest)?;
            if ids::is_claimed_for_copy(self.index.store(), largest, renamed::binding(&renamed))? {
                return Ok(largest);
            }
        }
        ids::next(largest)
    }

    /// The backup of the newest claim, if that speaks of a copy under way: the one that was killed last.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(super) fn claimed_for_a_copy_that_is_there(&self) -> Result<Option<BackupId>> {
        let newest = self.traces.claimed.last().copied();
        let Some(id) = newest.filter(|id| self.traces.backups.contains(id)) else {
            return Ok(None);
        };
        let store = self.index.store();
        match LoadedMeta::unparsed(store, id) {
            Ok(there) if ids::is_claimed_for_copy(store, id, (there.crc32c, there.size_bytes))? => {
                Ok(Some(id))
            }
            Ok(_) => Ok(None),
            Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The newest backup.
    pub(super) fn newest(&self) -> Option<BackupId> {
        self.traces.backups.last().copied()
    }

    /// Remembers a backup that is there now, or in a dry run would be.
    pub(super) fn remember(&mut self, id: BackupId, content: Option<Binding>) {
        self.traces.backups.insert(id);
        self.traces.claimed.insert(id);
        if let Some(content) = content {
            self.by_content.insert(content, id);
        }
    }
}

/// `None` if it is gone, or cannot be read.
fn meta_text(store: &Store, id: BackupId) -> Result<Option<Vec<u8>>> {
    match record_text::read(store, &layout::meta(id)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}
