//! P2: which files are damaged.

use std::collections::BTreeMap;

use stonekeep_format::backup_meta::MetaFile;
use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::{BackupId, Crc32c};

use super::report::NotRepaired;
use crate::engine::BackupEngineReadOnly;
use crate::engine::known_damage::DamageWarnings;
use crate::engine::verify::VerifyWhat;
use crate::repo::expected_sizes::ExpectedSizes;
use crate::repo::facts::BackupFacts;
use crate::repo::included::{self, IncludedFile};
use crate::repo::index::RepositoryIndex;
use crate::repo::loaded_meta::{LoadedMeta, MetaState};
use crate::repo::verified::{self, DamageKind, Stamps};
use crate::repo::{catalog, layout, rebuilt_meta};
use crate::store::{EntryKind, Store};
use crate::{ErrorKind, Finding, Result};

/// A damaged file, with what meta files say of it.
pub(super) struct DamagedFile {
    pub(super) path: RepoPath,
    pub(super) reason: String,
    /// Whether it is there with the right size, so that only its bytes can be wrong.
    pub(super) by_stamp: bool,
    pub(super) size_bytes: Option<u64>,
    pub(super) crc32c: Crc32c,
    /// The MANIFEST of a backup that names it.
    pub(super) manifest: Option<DbFileName>,
    pub(super) backups: Vec<BackupId>,
}

/// What is damaged.
#[derive(Default)]
pub(super) struct Damage {
    /// By their paths.
    pub(super) files: BTreeMap<String, DamagedFile>,
    /// Meta files that can be written again, with their texts.
    pub(super) metas: Vec<(BackupId, Vec<u8>)>,
    /// What nothing can be done about.
    pub(super) hopeless: Vec<NotRepaired>,
    /// Files whose bytes are those that backups expect, and are damaged.
    pub(super) inside: DamageWarnings,
}

/// Looks at these backups.
///
/// # Errors
/// `NotFound` if one that is named does not exist, and I/O errors of the store.
pub(super) fn find(engine: &BackupEngineReadOnly, what: VerifyWhat) -> Result<Damage> {
    let store = engine.store();
    let (ids, all) = match what {
        VerifyWhat::All => (catalog::list(store)?.ids, true),
        VerifyWhat::Backups(ids) => (ids, false),
    };
    let stamps = verified::read(store, engine.time())?;
    stamps.require_complete()?;
    let index = RepositoryIndex::new(store);
    let mut damage = Damage::default();
    for id in ids {
        let state = match catalog::load(store, id) {
            // It was deleted since it was listed.
            Err(error) if all && error.kind() == ErrorKind::NotFound => continue,
            state => state?,
        };
        let facts = match &state {
            MetaState::Readable(loaded) => loaded.facts_for_sizes(store)?,
            MetaState::Unreadable(_) => None,
        };
        if facts.is_none()
            && let Some(rebuilt) = rebuilt(&index, id, &state)?
        {
            damage.metas.push((id, rebuilt.text));
            damage.add_backup(&index, &stamps, (&rebuilt.loaded, rebuilt.facts))?;
            continue;
        }
        match state {
            MetaState::Readable(loaded) => damage.add_backup(&index, &stamps, (&loaded, facts))?,
            MetaState::Unreadable(error) => damage.hopeless.push(NotRepaired {
                path: layout::meta(id).to_string(),
                reason: error.one_line(),
                rejected: Vec::new(),
                backups: vec![id],
            }),
        }
    }
    Ok(damage)
}

/// A meta file as the facts know it.
struct RebuiltMeta {
    loaded: LoadedMeta,
    text: Vec<u8>,
    facts: Option<BackupFacts>,
}

/// Writes a meta file again that has no facts of its own, if it is damaged. RocksDB's engine may have made another backup under this id: then the
/// MANIFEST is not the one that the facts name, and a meta file that can be read begins with another time.
fn rebuilt(index: &RepositoryIndex<'_>, id: BackupId, state: &MetaState) -> Result<Option<RebuiltMeta>> {
    let found = match state {
        MetaState::Readable(found) => Some(found),
        MetaState::Unreadable(error) if error.kind() == ErrorKind::Corrupt => None,
        MetaState::Unreadable(_) => return Ok(None),
    };
    let Some(text) = rebuilt_meta::rebuilt(index.store(), id)? else {
        return Ok(None);
    };
    let loaded = LoadedMeta::decode(id, &text)?;
    if found.is_some_and(|found| found.meta.head != loaded.meta.head) {
        return Ok(None);
    }
    let facts = loaded.facts_for_sizes(index.store())?;
    let wrong = index.findings(&loaded, facts.as_ref())?;
    let manifest = manifest_of(&loaded).map(|manifest| format!("private/{id}/{manifest}"));
    let is_there = manifest.is_some_and(|manifest| wrong.iter().all(|finding| finding.file != manifest));
    Ok(is_there.then_some(RebuiltMeta { loaded, text, facts }))
}

impl Damage {
    fn add_backup(
        &mut self,
        index: &RepositoryIndex<'_>,
        stamps: &Stamps,
        (loaded, facts): (&LoadedMeta, Option<BackupFacts>),
    ) -> Result<()> {
        let application = facts.as_ref().map_or(&[][..], |facts| &facts.included);
        self.inside
            .add(stamps, &[DamageKind::Inside], loaded, application);
        let stamped = stamps.damaged_files(loaded, application).into_iter();
        let stamped = stamped.filter(|damage| damage.kind == DamageKind::Bytes);
        let (mut stamped, of_application): (Vec<Finding>, Vec<Finding>) = stamped
            .map(|damage| damage.finding)
            .partition(|finding| RepoPath::parse(&finding.file).is_some());
        self.add_included(index.store(), loaded.id, application, of_application)?;
        let listed = index.findings(loaded, facts.as_ref())?;
        let is_listed = |finding: &Finding| listed.iter().any(|other| other.file == finding.file);
        stamped.retain(|finding| !is_listed(finding));
        if listed.is_empty() && stamped.is_empty() {
            return Ok(());
        }
        let sizes = ExpectedSizes::read(index.store(), loaded, facts.as_ref())?;
        let by_listing = listed.into_iter().map(|finding| (finding, false));
        for (finding, by_stamp) in by_listing.chain(stamped.into_iter().map(|finding| (finding, true))) {
            let named = loaded.meta.files.iter();
            let file = named
                .filter(|file| !file.excluded)
                .find(|file| file.path.to_string() == finding.file);
            match file.and_then(|file| Some((file, file.recorded_crc32c()?))) {
                Some((file, _)) if is_directory(index, &file.path)? => {
                    self.add_hopeless(loaded.id, finding, "a directory is in its place: remove it");
                }
                Some((file, crc32c)) => {
                    let size_bytes = sizes.expected(file);
                    self.add(loaded, (file, size_bytes, crc32c), finding, by_stamp);
                }
                None => self.add_hopeless(loaded.id, finding, "no meta file has its checksum"),
            }
        }
        Ok(())
    }

    /// Files of the application are in no other place that could be looked at.
    fn add_included(
        &mut self,
        store: &Store,
        id: BackupId,
        files: &[IncludedFile],
        stamped: Vec<Finding>,
    ) -> Result<()> {
        let mut findings = included::findings_of(store, id, files)?;
        for finding in stamped {
            if !findings.iter().any(|listed| listed.file == finding.file) {
                findings.push(finding);
            }
        }
        for finding in findings {
            self.add_hopeless(id, finding, "files of the application are not repaired");
        }
        Ok(())
    }

    fn add(
        &mut self,
        loaded: &LoadedMeta,
        (file, size_bytes, crc32c): (&MetaFile, Option<u64>, Crc32c),
        finding: Finding,
        by_stamp: bool,
    ) {
        let known = self
            .files
            .entry(finding.file.clone())
            .or_insert_with(|| DamagedFile {
                path: file.path.clone(),
                reason: finding.reason.clone(),
                by_stamp,
                size_bytes,
                crc32c,
                manifest: manifest_of(loaded),
                backups: Vec::new(),
            });
        if known.crc32c == crc32c && known.size_bytes == size_bytes {
            known.backups.push(loaded.id);
        } else {
            self.add_hopeless(loaded.id, finding, "other backups expect another content there");
        }
    }

    fn add_hopeless(&mut self, id: BackupId, finding: Finding, why: &str) {
        self.hopeless.push(NotRepaired {
            path: finding.file,
            reason: finding.reason,
            rejected: vec![why.to_owned()],
            backups: vec![id],
        });
    }
}

fn is_directory(index: &RepositoryIndex<'_>, path: &RepoPath) -> Result<bool> {
    let found = index.get(path)?;
    Ok(found.is_some_and(|entry| entry.kind == EntryKind::Directory))
}

fn manifest_of(loaded: &LoadedMeta) -> Option<DbFileName> {
    let mut names = loaded.meta.files.iter().map(|file| file.path.restored_name());
    names.find(|name| matches!(name, DbFileName::Manifest(_)))
}
