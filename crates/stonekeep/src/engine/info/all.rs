//! All backups with their sizes: each meta file is read once, several at a time.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::MetaFile;
use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::file_name::DbFileName;

use super::naming::{Naming, Sum};
use super::report::{BackupInfo, BackupState, head, unreadable};
use crate::engine::BackupEngineReadOnly;
use crate::parallel::run_bounded;
use crate::repo::described::Described;
use crate::repo::expected_sizes::ExpectedSizes;
use crate::repo::file_check;
use crate::repo::included;
use crate::repo::listed::{self, Listed};
use crate::repo::names::{NameId, Names};
use crate::repo::skim::{SkimState, Skimmed, Skimmer};
use crate::repo::stored_files::{PrivateFiles, StoredEntry};
use crate::store::Store;
use crate::{ErrorKind, Finding, Result};

/// What all workers see.
pub(super) struct AllSizes<'a> {
    store: &'a Store,
    /// Files that meta files name besides those that are there are added meanwhile.
    names: RwLock<Names>,
    naming: Mutex<Naming>,
    /// One for each worker that is not reading.
    skimmers: Mutex<Vec<Skimmer>>,
}

/// What is told of a backup, but for what it shares.
struct Told {
    info: BackupInfo,
    /// Of one whose meta file can be read: of all its files, of its private ones.
    sizes: Option<(Sum, Sum)>,
}

impl<'a> AllSizes<'a> {
    /// These backups, and the bytes of all files of all of them.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(super) fn tell(
        engine: &'a BackupEngineReadOnly,
        ids: Vec<BackupId>,
    ) -> Result<(Vec<BackupInfo>, Option<u64>)> {
        let store = engine.store();
        let all = AllSizes {
            store,
            names: RwLock::new(Names::list(store)?),
            naming: Mutex::default(),
            skimmers: Mutex::default(),
        };
        let told = match engine.options().max_valid_backups_to_open {
            Some(wanted) => all.newest(ids, wanted)?,
            None => run_bounded(engine.workers(), ids, |id| all.one(id, true))?,
        };
        Ok(all.finish(told.into_iter().flatten().collect()))
    }

    /// No more than so many valid ones. Files that they share with others are shared nevertheless.
    fn newest(&self, ids: Vec<BackupId>, wanted: usize) -> Result<Vec<Option<Told>>> {
        let (mut told, mut valid) = (Vec::new(), 0);
        for id in ids.into_iter().rev() {
            let one = self.one(id, valid < wanted)?;
            let is_valid = |told: &Told| told.info.state.may_be_valid();
            valid += usize::from(one.as_ref().is_some_and(is_valid));
            told.push(one);
        }
        told.reverse();
        Ok(told)
    }

    /// `None` if it was deleted since it was listed, or is not wanted: then its files are counted only.
    fn one(&self, id: BackupId, is_wanted: bool) -> Result<Option<Told>> {
        let mut skimmer = lock(&self.skimmers).pop().unwrap_or_default();
        let state = {
            let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
            skimmer.read(self.store, &names, id)
        };
        let told = match state {
            Ok(SkimState::Readable(skimmed)) => self.readable(&mut skimmer, &skimmed, is_wanted),
            Ok(SkimState::Unreadable(error)) => Ok(is_wanted.then(|| Told {
                info: unreadable(id, &error),
                sizes: None,
            })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        lock(&self.skimmers).push(skimmer);
        told
    }

    fn readable(&self, skimmer: &mut Skimmer, skimmed: &Skimmed, is_wanted: bool) -> Result<Option<Told>> {
        let loaded = &skimmed.loaded;
        let private = PrivateFiles::look(self.store, loaded.id, &loaded.meta.files)?;
        if !is_wanted {
            self.count(skimmed, &private, |_| None);
            return Ok(None);
        }
        let facts = skimmer.facts_for_sizes(self.store, skimmed)?;
        let described = match &facts {
            Some(_) => None,
            None => Some(Described::read(self.store, loaded)?),
        };
        let sizes = ExpectedSizes::read(self.store, loaded, facts.as_ref())?;
        let find = |path: &RepoPath| self.find(path, &private);
        let mut findings = file_check::findings(&loaded.meta.files, &sizes, |path| Ok(find(path)))?;
        let taken_along = facts.as_ref().map_or(&[][..], |facts| &facts.included);
        findings.extend(included::findings_of(self.store, loaded.id, taken_along)?);
        if let Some(described) = &described {
            findings.extend(self.unlisted(skimmed, &described.needed));
        }
        let size_of = |file: &MetaFile| {
            sizes
                .expected(file)
                .or(find(&file.path).and_then(|found| found.size_bytes))
        };
        let mut private_sizes = Sum::default();
        for file in named(skimmed).filter(|file| file.path.shared_name().is_none()) {
            private_sizes.add(size_of(file));
        }
        let mut info = head(loaded, facts.as_ref(), described.as_ref());
        info.number_files += skimmed.plain.len() as u64;
        info.state = match findings.is_empty() {
            true => BackupState::Valid,
            false => BackupState::Corrupt(findings),
        };
        let sizes = Some((self.count(skimmed, &private, size_of), private_sizes));
        Ok(Some(Told { info, sizes }))
    }

    /// What is missing from the list of a backup that needs these files.
    fn unlisted(&self, skimmed: &Skimmed, needed: &[DbFileName]) -> Vec<Finding> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let plain: HashSet<NameId> = skimmed.plain.iter().map(|id| names.first(*id)).collect();
        let others = Listed::of(&skimmed.loaded.meta.files);
        let is_plain = |name: &DbFileName| {
            let first = names.first_restored_as(name);
            first.is_some_and(|first| plain.contains(&first))
        };
        listed::findings(skimmed.loaded.id, needed, |name| {
            others.has(name) || is_plain(name)
        })
    }

    fn find(&self, path: &RepoPath, private: &PrivateFiles) -> Option<StoredEntry> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        names.stored(path, private)
    }

    /// Counts what this backup names; the size of all that.
    fn count(
        &self,
        skimmed: &Skimmed,
        private: &PrivateFiles,
        size_of: impl Fn(&MetaFile) -> Option<u64>,
    ) -> Sum {
        let id = skimmed.loaded.id;
        let (mut all, mut private_bytes, mut others) = (Sum::default(), 0u64, Vec::new());
        for file in named(skimmed) {
            let size = size_of(file);
            all.add(size);
            match self.id_of(&file.path) {
                Some(name) => others.push((name, size)),
                None => {
                    private_bytes += private
                        .get(&file.path)
                        .and_then(|found| found.size_bytes)
                        .unwrap_or(0)
                }
            }
        }
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let mut naming = lock(&self.naming);
        naming.begin(&names, private_bytes);
        for name in &skimmed.plain {
            naming.add(*name, id);
            all.add(names.found(*name).and_then(|found| found.size_bytes));
        }
        for (name, size) in others {
            naming.add_with_size(name, id, size);
        }
        all
    }

    /// `None` for a private file.
    fn id_of(&self, path: &RepoPath) -> Option<NameId> {
        let known = {
            let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
            path.shared_name()
                .and_then(|_| names.find(path.to_string().as_bytes()))
        };
        known.or_else(|| {
            let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
            names.insert(path)
        })
    }

    fn finish(self, told: Vec<Told>) -> (Vec<BackupInfo>, Option<u64>) {
        let names = self.names.into_inner().unwrap_or_else(PoisonError::into_inner);
        let naming = self.naming.into_inner().unwrap_or_else(PoisonError::into_inner);
        let own = naming.own(&names);
        let taken_along: u64 = told.iter().map(|told| told.info.included_bytes).sum();
        let infos = told.into_iter().map(|Told { mut info, sizes }| {
            if let Some((all, mut unique)) = sizes {
                unique.add_all(own.get(&info.id).copied().unwrap_or_default());
                info.unique_bytes = super::sum(unique.bytes(), Some(info.included_bytes));
                info.shared_bytes = all.without(unique).bytes();
                info.size_bytes = super::sum(info.unique_bytes, info.shared_bytes);
            }
            info
        });
        (infos.collect(), Some(naming.total_bytes(&names) + taken_along))
    }
}

/// Those of its files that are not plain and that it was not made without.
fn named(skimmed: &Skimmed) -> impl Iterator<Item = &MetaFile> {
    skimmed.loaded.meta.files.iter().filter(|file| !file.excluded)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
