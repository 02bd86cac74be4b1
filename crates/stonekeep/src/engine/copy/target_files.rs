//! The shared files that the target has, and what the backups there say of them.

use stonekeep_format::backup_meta::{PathId, PathTable};
use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::{BackupId, Crc32c};

use crate::repo::catalog::MetaState;
use crate::repo::index::RepositoryIndex;
use crate::repo::meta_scanner::MetaScanner;
use crate::repo::stored_files::StoredEntry;
use crate::store::Store;
use crate::{ErrorKind, Result};

/// What the target has under a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum There {
    Nothing,
    /// This very file, as the newest backup says that names it; whether it is known to be durable.
    Same {
        durable: bool,
    },
    /// A file of the same length, which no backup names, or another one by what the newest says: its bytes decide.
    Unknown,
    /// Something else.
    Another,
}

#[derive(Debug, Clone, Copy)]
struct Said {
    crc32c: Option<Crc32c>,
    durable: bool,
}

/// See the [module](self). Meta files are read as they are needed, the newest first; only one is in memory.
pub(super) struct TargetFiles<'a> {
    index: &'a RepositoryIndex<'a>,
    /// By the listing's ids of paths.
    said: Vec<Option<Said>>,
    /// Backups that have not been read, the newest last.
    unread: Vec<BackupId>,
    scanner: MetaScanner,
    /// The paths of files that this run has copied or looked at, with their checksums.
    known: PathTable,
    checksums: Vec<Crc32c>,
}

impl<'a> TargetFiles<'a> {
    /// Lists the files; no meta file is read.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(super) fn list(index: &'a RepositoryIndex<'a>) -> Result<Self> {
        Ok(TargetFiles {
            index,
            said: Vec::new(),
            unread: index.backups()?.ids.clone(),
            scanner: MetaScanner::default(),
            known: PathTable::default(),
            checksums: Vec::new(),
        })
    }

    /// What is under this path, compared with a file of this length and checksum.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(super) fn look(&mut self, path: &RepoPath, size_bytes: u64, crc32c: Crc32c) -> Result<There> {
        if let Some(known) = self.known.find_path(path) {
            let same = self.checksums.get(known.index()) == Some(&crc32c);
            return Ok(if same {
                There::Same { durable: true }
            } else {
                There::Another
            });
        }
        let shared = self.index.shared()?;
        let Some(id) = shared.find(path) else {
            return Ok(There::Nothing);
        };
        if shared.entry(id) != Some(StoredEntry::file(size_bytes)) {
            return Ok(There::Another);
        }
        while self.said(id).is_none() && self.read_next()? {}
        Ok(match self.said(id) {
            Some(said) if said.crc32c == Some(crc32c) => There::Same {
                durable: said.durable,
            },
            _ => There::Unknown,
        })
    }

    /// Remembers a file that has this checksum and is as durable as this run makes anything.
    pub(super) fn remember(&mut self, path: &RepoPath, crc32c: Crc32c) {
        let id = self.known.insert(path);
        if id.index() == self.checksums.len() {
            self.checksums.push(crc32c);
        }
    }

    fn said(&self, id: PathId) -> Option<Said> {
        self.said.get(id.index()).copied().flatten()
    }

    /// Reads the newest backup that has not been read; whether there was one.
    fn read_next(&mut self) -> Result<bool> {
        let Some(id) = self.unread.pop() else {
            return Ok(false);
        };
        let (store, shared): (&Store, _) = (self.index.store(), self.index.shared()?);
        let scanned = match self.scanner.read(store, shared.known(), id) {
            Ok(MetaState::Readable(scanned)) => scanned,
            Ok(MetaState::Unreadable(_)) => return Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        let facts = scanned.loaded.facts_head(store)?;
        let durable = facts.is_some_and(|facts| facts.durable);
        let others = scanned.others();
        let others = others.filter_map(|file| Some((shared.find(&file.path)?, file.recorded_crc32c())));
        let plain = scanned.plain.iter().map(|(path, crc32c)| (*path, Some(*crc32c)));
        self.said.resize(shared.paths().len(), None);
        for (path, crc32c) in plain.chain(others) {
            if let Some(said @ None) = self.said.get_mut(path.index()) {
                *said = Some(Said { crc32c, durable });
            }
        }
        Ok(true)
    }
}
