//! Which files of a backup verifications found damaged, and not found right since.

use std::collections::HashMap;

use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::{MetaFile, PathId, PathTable};
use stonekeep_format::backup_name::RepoPath;

use super::stamp::{Stamp, Wanted};
use super::stamps::Stamps;
use crate::Finding;
use crate::repo::included::IncludedFile;
use crate::repo::loaded_meta::LoadedMeta;
use crate::repo::meta_scanner::ScannedMeta;

/// What kind of damage a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamageKind {
    /// It has other bytes than meta files expect: another copy may be right.
    Bytes,
    /// It has the bytes that meta files expect, and these are damaged: no copy is better.
    Inside,
}

/// A file of a backup that a verification found damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownDamage {
    /// The file, and what is wrong with it.
    pub finding: Finding,
    /// Of which kind that is.
    pub kind: DamageKind,
}

/// Files that were found damaged, for a look at many backups.
#[derive(Debug)]
pub struct DamagedFiles<'a> {
    stamps: &'a Stamps,
    /// Those that a table of paths has.
    shared: HashMap<PathId, &'a str>,
    is_empty: bool,
}

impl DamagedFiles<'_> {
    /// Those of a backup whose known files have the paths of that table.
    pub fn of(&self, scanned: &ScannedMeta, included: &[IncludedFile]) -> Vec<KnownDamage> {
        if self.is_empty {
            return Vec::new();
        }
        let mut damaged = self.stamps.damaged_files(&scanned.loaded, included);
        damaged.extend(scanned.plain.iter().filter_map(|(id, crc32c)| {
            let path = *self.shared.get(id)?;
            let file = MetaFile::new(RepoPath::parse(path)?, *crc32c);
            self.stamps.known_damage(path, wanted_by(&file))
        }));
        damaged
    }
}

impl Stamps {
    /// Those of a backup.
    pub fn damaged_files(&self, loaded: &LoadedMeta, included: &[IncludedFile]) -> Vec<KnownDamage> {
        if self.is_empty() {
            return Vec::new();
        }
        let files = loaded.meta.files.iter().filter(|file| !file.excluded);
        let named = files.map(|file| (file.path.to_string(), wanted_by(file)));
        let others = included.iter().filter_map(|file| of_included(file, loaded.id));
        let all = named.chain(others);
        all.filter_map(|(path, wanted)| self.known_damage(&path, wanted))
            .collect()
    }

    /// What was found wrong with the bytes of a file, or inside.
    fn known_damage(&self, path: &str, wanted: Wanted) -> Option<KnownDamage> {
        let of_bytes = self.damage(path, wanted).map(|damage| damage.reason);
        let (reason, kind) = match of_bytes {
            Some(reason) => (reason, DamageKind::Bytes),
            None => (self.damaged_contents(path, wanted)?, DamageKind::Inside),
        };
        let finding = Finding::new(path, reason);
        Some(KnownDamage { finding, kind })
    }

    /// The files that were found damaged, for a look at many backups.
    pub fn damaged(&self, paths: &PathTable) -> DamagedFiles<'_> {
        let damaged = self
            .paths()
            .filter(|(_, stamps)| stamps.iter().any(Stamp::is_damage));
        let mut files = DamagedFiles {
            stamps: self,
            shared: HashMap::new(),
            is_empty: true,
        };
        for (path, _) in damaged {
            files.is_empty = false;
            if let Some(id) = paths.find(path.as_bytes()) {
                files.shared.insert(id, path);
            }
        }
        files
    }
}

fn wanted_by(file: &MetaFile) -> Wanted {
    Wanted {
        size_bytes: file.recorded_size_bytes(),
        crc32c: file.recorded_crc32c(),
    }
}

/// `None` for a path that leads elsewhere, which no facts have.
fn of_included(file: &IncludedFile, id: BackupId) -> Option<(String, Wanted)> {
    let path = file.key(id).ok()?.to_string();
    Some((path, Wanted::of_included(file)))
}
