//! What backups there are, and what is known of each without restoring it.

mod all;
mod diff;
mod latest;
mod naming;
mod report;
mod sharing;

use stonekeep_format::backup_meta::{MetaFile, MetaReader};
use stonekeep_format::{BackupId, Temperature};

use self::all::AllSizes;
pub use self::diff::BackupDiff;
pub(super) use self::latest::Candidates;
pub use self::latest::{PassedOver, WhichBackup};
pub use self::report::{BackupFileInfo, BackupInfo, BackupState, InfoDetail, RepositoryInfo};
use self::report::{head, unreadable};
use self::sharing::Sharing;
use super::BackupEngineReadOnly;
use crate::repo::catalog::{self, LoadedMeta, MetaState};
use crate::repo::described::{self, Described};
use crate::repo::expected_sizes::ExpectedSizes;
use crate::repo::included::{self, IncludedFile};
use crate::repo::index::RepositoryIndex;
use crate::repo::listed::{self, Listed};
use crate::{ErrorKind, Result, Warning};

impl BackupEngineReadOnly {
    /// The backups that exist, oldest first: one listing, nothing is read.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn backup_ids(&self) -> Result<Vec<BackupId>> {
        Ok(catalog::list(self.store())?.ids)
    }

    /// What is known of a backup (`GetBackupInfo`). That it is corrupt is a state, not an error.
    ///
    /// # Errors
    /// `NotFound`, and I/O errors of the store.
    pub fn get_backup_info(&self, id: BackupId, detail: InfoDetail) -> Result<BackupInfo> {
        let sharing = match detail {
            InfoDetail::Head => None,
            _ => Some(Sharing::read(self.store())?),
        };
        let index = RepositoryIndex::new(self.store());
        self.info(catalog::load(self.store(), id)?, detail, sharing.as_ref(), &index)
    }

    /// What is known of all backups (`GetBackupInfo`, `GetCorruptedBackups`); with `max_valid_backups_to_open`, of no more
    /// than so many of the newest that are not corrupt, and of corrupt ones between them.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn get_all_backup_info(&self, detail: InfoDetail) -> Result<RepositoryInfo> {
        let store = self.store();
        let mut listing = catalog::list(store)?;
        listing.strangers.sort_unstable();
        let (backups, total_bytes) = match detail {
            InfoDetail::Sizes => AllSizes::tell(self, listing.ids)?,
            InfoDetail::Head | InfoDetail::Files => self.one_by_one(listing.ids, detail)?,
        };
        let own = backups.iter().flat_map(|backup| backup.warnings.iter().cloned());
        let warnings = own.chain(self.warnings()?).collect();
        Ok(RepositoryInfo {
            location: store.location().to_owned(),
            backups,
            strangers: listing.strangers,
            total_bytes,
            warnings,
        })
    }

    /// The backups, and the bytes of all their files where files are looked at.
    fn one_by_one(&self, ids: Vec<BackupId>, detail: InfoDetail) -> Result<(Vec<BackupInfo>, Option<u64>)> {
        let store = self.store();
        let sharing = match detail {
            InfoDetail::Head => None,
            _ => Some(Sharing::read(store)?),
        };
        let index = RepositoryIndex::new(store);
        let (mut backups, mut reader): (Vec<BackupInfo>, _) = (Vec::new(), MetaReader::default());
        let (mut valid, wanted) = (0, self.options().max_valid_backups_to_open.unwrap_or(usize::MAX));
        for id in ids.into_iter().rev() {
            if valid >= wanted {
                break;
            }
            match catalog::load_with(&mut reader, store, id) {
                Ok(state) => {
                    let info = self.info(state, detail, sharing.as_ref(), &index)?;
                    valid += usize::from(info.state.may_be_valid());
                    backups.push(info);
                }
                // Deleted since the listing.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        backups.reverse();
        let total_bytes = sharing
            .as_ref()
            .map(|sharing| sharing.total_bytes(&index))
            .transpose()?;
        let taken_along: u64 = backups.iter().map(|backup| backup.included_bytes).sum();
        let total_bytes = total_bytes.map(|total| total + taken_along);
        Ok((backups, total_bytes))
    }

    /// The newest backup whose meta file can be read, unchecked (`GetLatestBackupInfo`).
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn get_latest_backup_info(&self) -> Result<Option<BackupInfo>> {
        let store = self.store();
        let index = RepositoryIndex::new(store);
        for id in self.backup_ids()?.into_iter().rev() {
            match catalog::load(store, id) {
                Ok(state @ MetaState::Readable(_)) => {
                    return self.info(state, InfoDetail::Head, None, &index).map(Some);
                }
                Ok(MetaState::Unreadable(..)) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn info(
        &self,
        state: MetaState,
        detail: InfoDetail,
        sharing: Option<&Sharing>,
        index: &RepositoryIndex<'_>,
    ) -> Result<BackupInfo> {
        let loaded = match state {
            MetaState::Readable(loaded) => loaded,
            MetaState::Unreadable(id, error) => return Ok(unreadable(id, &error)),
        };
        let store = self.store();
        let facts = match detail {
            InfoDetail::Head => loaded.facts_head(store)?,
            _ => loaded.facts_for_sizes(store)?,
        };
        let described = match (&facts, detail) {
            (Some(_), _) | (None, InfoDetail::Head) => None,
            _ => Some(Described::read(store, &loaded)?),
        };
        let mut info = head(&loaded, facts.as_ref(), described.as_ref());
        let Some(sharing) = sharing else { return Ok(info) };
        if facts.is_none()
            && detail == InfoDetail::Files
            && let Some(exact) = described::last_sequence(store, &loaded)?
        {
            info.sequence_number = exact;
        }
        let mut findings = index.findings(&loaded, facts.as_ref())?;
        let taken_along = facts.as_ref().map_or(&[][..], |facts| &facts.included);
        findings.extend(included::findings_of(store, loaded.id, taken_along)?);
        if let Some(described) = &described {
            let listed = Listed::of(&loaded.meta.files);
            findings.extend(listed::findings(loaded.id, &described.needed, |name| {
                listed.has(name)
            }));
        }
        info.state = if findings.is_empty() {
            BackupState::Valid
        } else {
            BackupState::Corrupt(findings)
        };
        let sizes = ExpectedSizes::read(store, &loaded, facts.as_ref())?;
        let mut bytes = (Some(0), Some(0));
        for file in loaded.meta.files.iter().filter(|file| !file.excluded) {
            let of_its_kind = match sharing.is_shared(&file.path, loaded.id) {
                true => &mut bytes.1,
                false => &mut bytes.0,
            };
            *of_its_kind = sum(*of_its_kind, size_of(file, &sizes, index)?);
        }
        bytes.0 = sum(bytes.0, Some(info.included_bytes));
        (info.unique_bytes, info.shared_bytes) = bytes;
        info.size_bytes = sum(info.unique_bytes, info.shared_bytes);
        if detail == InfoDetail::Files {
            let mut files = files(&loaded, &sizes, index, sharing)?;
            for file in taken_along {
                files.push(included_file(file, loaded.id)?);
            }
            info.files = Some(files);
        }
        Ok(info)
    }

    /// A temporary directory that RocksDB's collector would take for a leftover, deleting the backup of that number.
    fn warnings(&self) -> Result<Vec<Warning>> {
        let private = self
            .store()
            .list(Some(&crate::repo::layout::private_directory()))?;
        let warnings = private
            .iter()
            .filter_map(|entry| catalog::warn_of_private(&entry.name));
        Ok(warnings.collect())
    }
}

fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one?.checked_add(other?)
}

/// As recorded, else as it stands there.
fn size_of(file: &MetaFile, sizes: &ExpectedSizes<'_>, index: &RepositoryIndex<'_>) -> Result<Option<u64>> {
    match sizes.expected(file) {
        Some(size) => Ok(Some(size)),
        None => Ok(index.get(&file.path)?.and_then(|found| found.size_bytes)),
    }
}

fn included_file(file: &IncludedFile, id: BackupId) -> Result<BackupFileInfo> {
    Ok(BackupFileInfo {
        path: file.key(id)?.to_string(),
        restored_name: file.path.clone(),
        size_bytes: Some(file.size_bytes),
        crc32c: Some(file.crc32c),
        temperature: Temperature::Unknown,
        excluded: false,
        included: true,
        shared_with: Vec::new(),
    })
}

/// The files with their sizes.
fn files(
    loaded: &LoadedMeta,
    sizes: &ExpectedSizes<'_>,
    index: &RepositoryIndex<'_>,
    sharing: &Sharing,
) -> Result<Vec<BackupFileInfo>> {
    let mut files = Vec::with_capacity(loaded.meta.files.len());
    for file in &loaded.meta.files {
        files.push(BackupFileInfo {
            path: file.path.to_string(),
            restored_name: file.path.restored_name().to_string(),
            size_bytes: size_of(file, sizes, index)?,
            crc32c: file.crc32c.map(|crc| crc.0),
            temperature: file.temperature,
            excluded: file.excluded,
            included: false,
            shared_with: sharing.others(&file.path, loaded.id),
        });
    }
    Ok(files)
}
