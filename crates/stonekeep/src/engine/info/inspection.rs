//! What is known of backups with the sizes of their files: each meta file is read once, several at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use stonekeep_format::backup_meta::{MetaFile, PathTable};
use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::{BackupId, Temperature};

use super::report::{BackupFileInfo, BackupInfo, BackupState, InfoDetail, head, unreadable};
use super::sharing::{Sharing, Sum};
use super::verification::{Verifications, Verified};
use crate::engine::BackupEngineReadOnly;
use crate::parallel::{run_both, run_bounded};
use crate::repo::catalog;
use crate::repo::described::{self, Described};
use crate::repo::expected_sizes::ExpectedSizes;
use crate::repo::facts::BackupFacts;
use crate::repo::file_check;
use crate::repo::holds::{self, Holds};
use crate::repo::included::{self, IncludedFile};
use crate::repo::index::RepositoryIndex;
use crate::repo::known_files::KnownFiles;
use crate::repo::listed::{self, Listed};
use crate::repo::loaded_meta::{LoadedMeta, MetaState, no_such_backup};
use crate::repo::meta_scanner::{MetaScanner, ScannedMeta, Scanners};
use crate::repo::stored_files::{PrivateFiles, StoredFiles};
use crate::repo::verified::drill::Drill;
use crate::repo::verified::{self, StampsByPath};
use crate::store::Store;
use crate::{ErrorKind, Finding, Result, Warning};

/// Which backups are asked for. The others are read as well, since files may be shared with them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked {
    /// All.
    All,
    /// No more than so many of the newest valid ones, and corrupt ones between them.
    Newest(usize),
    /// This one.
    One(BackupId),
}

/// What is known of backups.
pub(super) struct Inspected {
    /// The backups that were asked for, oldest first.
    pub(super) backups: Vec<BackupInfo>,
    /// Bytes of all stored files of all backups; without the private ones where one backup was asked for.
    pub(super) total_bytes: u64,
    /// What is remembered of verifications of the backups that were asked for.
    pub(super) verified: Verified,
    /// When the last drill of any backup found nothing wrong.
    pub(super) last_drill_seconds: Option<i64>,
    /// What is not known of that.
    pub(super) warnings: Vec<Warning>,
}

/// What all workers see.
struct Inspection<'a> {
    store: &'a Store,
    detail: InfoDetail,
    stored: &'a StoredFiles,
    /// The private files of all backups, where they have been listed at once.
    private: Option<&'a PrivateFiles>,
    holds: Holds,
    /// `None` where it cannot be known.
    verifications: Option<Verifications<'a>>,
    drill: Option<Drill>,
    sharing: Mutex<Sharing<'a>>,
    scanners: Scanners,
}

/// A backup, except for what it shares.
struct Inspectee {
    info: BackupInfo,
    /// Of one whose meta file can be read: of all its files, of its private ones.
    sizes: Option<(Sum, Sum)>,
}

/// Inspects backups.
///
/// # Errors
/// I/O errors of the store.
pub(super) fn inspect(
    engine: &BackupEngineReadOnly,
    index: &RepositoryIndex<'_>,
    asked: Asked,
    detail: InfoDetail,
) -> Result<Inspected> {
    let (ids, stored) = (index.backups()?.ids.clone(), index.shared()?);
    let private = || match asked {
        Asked::All | Asked::Newest(_) => index.all_private(),
        Asked::One(_) => Ok(None),
    };
    let records = || {
        let holds = holds::read(index.store(), engine.time(), 1);
        (holds, verified::read(index.store(), engine.time()))
    };
    let (private, (holds, stamps)) = run_both(engine.workers(), private, records);
    let stamps = stamps?;
    let drill = stamps.drill();
    let inspection = Inspection {
        store: index.store(),
        detail,
        stored,
        private: private?,
        holds: holds?,
        verifications: Some(Verifications::new(
            StampsByPath::new(&stamps, stored.paths()),
            stored,
        )),
        drill,
        sharing: Mutex::new(Sharing::new(stored, detail == InfoDetail::Files)),
        scanners: Scanners::default(),
    };
    let inspected = match asked {
        Asked::Newest(wanted) => inspection.newest(ids, wanted)?,
        Asked::All => run_bounded(engine.workers(), ids, |id| inspection.inspect(id))?,
        Asked::One(one) => run_bounded(engine.workers(), ids, |id| {
            if id == one {
                inspection.inspect(id)
            } else {
                inspection.count(id, false).map(|()| None)
            }
        })?,
    };
    Ok(Inspected {
        warnings: stamps.warnings().to_vec(),
        ..inspection.finish(inspected.into_iter().flatten().collect())
    })
}

/// Inspects one backup where the others cannot be listed: what it shares with them is not known.
///
/// # Errors
/// `NotFound`, and I/O errors of the store.
pub(super) fn inspect_alone(
    engine: &BackupEngineReadOnly,
    id: BackupId,
    detail: InfoDetail,
) -> Result<BackupInfo> {
    let store = engine.store();
    let stored = match catalog::load(store, id)? {
        MetaState::Unreadable(error) => return Ok(unreadable(id, &error)),
        MetaState::Readable(loaded) => {
            StoredFiles::looked_at(store, engine.workers(), loaded.meta.files.iter())?
        }
    };
    let inspection = Inspection {
        store,
        detail,
        stored: &stored,
        private: None,
        holds: Holds::default(),
        verifications: None,
        drill: None,
        sharing: Mutex::new(Sharing::new(&stored, detail == InfoDetail::Files)),
        scanners: Scanners::default(),
    };
    let one = inspection.inspect(id)?.into_iter().collect();
    let mut info = inspection
        .finish(one)
        .backups
        .pop()
        .ok_or_else(|| no_such_backup(store, id))?;
    (info.unique_bytes, info.shared_bytes) = (None, None);
    Ok(info)
}

impl Inspection<'_> {
    fn newest(&self, ids: Vec<BackupId>, wanted: usize) -> Result<Vec<Option<Inspectee>>> {
        let (mut inspected, mut valid) = (Vec::new(), 0);
        for id in ids.into_iter().rev() {
            if valid >= wanted {
                self.count(id, true)?;
                continue;
            }
            let one = self.inspect(id)?;
            let is_valid = |one: &Inspectee| one.info.state.may_be_valid();
            valid += usize::from(one.as_ref().is_some_and(is_valid));
            inspected.push(one);
        }
        inspected.reverse();
        Ok(inspected)
    }

    /// Counts the files of a backup that is not asked for; its private ones if they are to be looked for.
    fn count(&self, id: BackupId, with_private: bool) -> Result<()> {
        let state = self
            .scanners
            .with(|scanner| scanner.read(self.store, self.stored.known(), id));
        if let Some(MetaState::Readable(scanned)) = if_exists(state)? {
            let look = || self.private_files(&scanned.loaded);
            let private = with_private.then(look).transpose()?;
            lock(&self.sharing).add(&scanned, private.as_ref(), |_| None);
        }
        Ok(())
    }

    fn private_files(&self, loaded: &LoadedMeta) -> Result<PrivateFiles> {
        PrivateFiles::look(self.store, self.private, loaded.id, &loaded.meta.files)
    }

    /// `None` if it was deleted since it was listed.
    fn inspect(&self, id: BackupId) -> Result<Option<Inspectee>> {
        let none = PathTable::default();
        // All lines are decoded where all files are listed.
        let known = match self.detail {
            InfoDetail::Files => KnownFiles {
                paths: &none,
                plain: None,
            },
            _ => self.stored.known(),
        };
        self.scanners
            .with(|scanner| match if_exists(scanner.read(self.store, known, id))? {
                None => Ok(None),
                Some(MetaState::Readable(scanned)) => self.readable(scanner, &scanned).map(Some),
                Some(MetaState::Unreadable(error)) => {
                    let mut info = unreadable(id, &error);
                    info.hold = self.holds.of(id, None).cloned();
                    Ok(Some(Inspectee { info, sizes: None }))
                }
            })
    }

    fn readable(&self, scanner: &mut MetaScanner, scanned: &ScannedMeta) -> Result<Inspectee> {
        let (store, loaded) = (self.store, &scanned.loaded);
        let private = self.private_files(loaded)?;
        let facts = scanner.facts_for_sizes(store, scanned)?;
        let described = match &facts {
            Some(_) => None,
            None => Some(Described::read(store, loaded)?),
        };
        let sizes = ExpectedSizes::read(store, loaded, facts.as_ref())?;
        let mut findings = file_check::findings(&loaded.meta.files, &sizes, |path| {
            Ok(self.stored.get_of_backup(path, &private))
        })?;
        let included = facts.as_ref().map_or(&[][..], |facts| &facts.included);
        findings.extend(included::findings_of(store, loaded.id, included)?);
        if let Some(state) = described.as_ref().and_then(|described| described.state.as_ref()) {
            let listed = Listed::in_scanned(scanned, self.stored.paths());
            findings.extend(listed::findings(loaded.id, state, false, &listed));
        }
        let size_of = |file: &MetaFile| {
            let stored = || self.stored.get_of_backup(&file.path, &private)?.size_bytes;
            sizes.expected(file).or_else(stored)
        };
        let verified = self.verified(scanned, size_of, included, &mut findings)?;
        let mut info = head(loaded, facts.as_ref(), described.as_ref());
        info.number_files += scanned.plain.len() as u64;
        info.hold = self.holds.of(loaded.id, Some(loaded.crc32c)).cloned();
        info.oldest_verified_seconds = verified.and_then(|verified| verified.oldest_seconds);
        let of_this =
            |drill: &&Drill| (drill.backup_id, drill.meta_crc32c) == (loaded.id.get(), loaded.crc32c.0);
        info.last_drill_seconds = self.drill.as_ref().filter(of_this).map(Drill::seconds);
        let unverified_since = |verified: Verified| verified.unverified_since(info.timestamp_seconds);
        info.unverified_since_seconds = verified.map(unverified_since);
        info.never_verified_bytes = verified.map(|verified| verified.never_bytes);
        info.state = if findings.is_empty() {
            BackupState::Valid
        } else {
            BackupState::Corrupt(findings)
        };
        if self.detail == InfoDetail::Files {
            info.files = Some(files(scanned, size_of, facts.as_ref())?);
            if facts.is_none()
                && let Some(exact) = described::last_sequence(store, loaded)?
            {
                info.sequence_number = exact;
            }
        }
        let mut private_sizes = Sum::default();
        for file in scanned.others().filter(|file| file.path.shared_name().is_none()) {
            private_sizes.add(size_of(file));
        }
        let all = lock(&self.sharing).add(scanned, Some(&private), size_of);
        Ok(Inspectee {
            info,
            sizes: Some((all, private_sizes)),
        })
    }

    /// When the files were verified; adds what was found wrong with them then.
    fn verified(
        &self,
        scanned: &ScannedMeta,
        size_of: impl Fn(&MetaFile) -> Option<u64>,
        included: &[IncludedFile],
        findings: &mut Vec<Finding>,
    ) -> Result<Option<Verified>> {
        let Some(verifications) = &self.verifications else {
            return Ok(None);
        };
        let (verified, found) = verifications.of(scanned, size_of, included)?;
        for finding in found {
            if !findings.iter().any(|known| known.file == finding.file) {
                findings.push(finding);
            }
        }
        Ok(Some(verified))
    }

    fn finish(self, inspected: Vec<Inspectee>) -> Inspected {
        let sharing = self.sharing.into_inner().unwrap_or_else(PoisonError::into_inner);
        let unique = sharing.unique();
        let included_bytes: u64 = inspected.iter().map(|one| one.info.included_bytes).sum();
        let finish = |Inspectee { mut info, sizes }: Inspectee| {
            if let Some((all, mut own)) = sizes {
                own.add_all(unique.get(&info.id).copied().unwrap_or_default());
                let add = |one: Option<u64>, other: Option<u64>| one?.checked_add(other?);
                info.unique_bytes = add(own.bytes(), Some(info.included_bytes));
                info.shared_bytes = all.without(own).bytes();
                info.size_bytes = add(info.unique_bytes, info.shared_bytes);
            }
            for file in info.files.iter_mut().flatten() {
                if let Some(path) = RepoPath::parse(&file.path) {
                    file.shared_with = sharing.others(&path, info.id);
                }
            }
            info
        };
        Inspected {
            backups: inspected.into_iter().map(finish).collect(),
            total_bytes: sharing.total_bytes() + included_bytes,
            last_drill_seconds: self.drill.as_ref().map(Drill::seconds),
            verified: self.verifications.map(Verifications::of_all).unwrap_or_default(),
            warnings: Vec::new(),
        }
    }
}

/// The files of a backup, with those of the application.
fn files(
    scanned: &ScannedMeta,
    size_of: impl Fn(&MetaFile) -> Option<u64>,
    facts: Option<&BackupFacts>,
) -> Result<Vec<BackupFileInfo>> {
    let mut files = Vec::with_capacity(scanned.file_count());
    for file in &scanned.loaded.meta.files {
        files.push(BackupFileInfo {
            path: file.path.to_string(),
            restored_name: file.path.restored_name().to_string(),
            size_bytes: size_of(file),
            crc32c: file.crc32c.map(|crc| crc.0),
            temperature: file.temperature,
            excluded: file.excluded,
            included: false,
            shared_with: Vec::new(),
        });
    }
    for file in facts.map_or(&[][..], |facts| &facts.included) {
        files.push(BackupFileInfo {
            path: file.key(scanned.loaded.id)?.to_string(),
            restored_name: file.path.clone(),
            size_bytes: Some(file.size_bytes),
            crc32c: Some(file.crc32c),
            temperature: Temperature::Unknown,
            excluded: false,
            included: true,
            shared_with: Vec::new(),
        });
    }
    Ok(files)
}

/// `None` for a backup that was deleted since it was listed.
fn if_exists(state: Result<MetaState<ScannedMeta>>) -> Result<Option<MetaState<ScannedMeta>>> {
    match state {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        state => state.map(Some),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
