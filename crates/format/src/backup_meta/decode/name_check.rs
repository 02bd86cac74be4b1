//! What the names in a meta file must be to each other: of one backup, each restored once.

use std::collections::HashSet;
use std::fmt::Display;

use foldhash::fast::RandomState;

use crate::backup_meta::known_paths::KnownPaths;
use crate::backup_meta::line::Line;
use crate::backup_meta::{MetaFile, PathId};
use crate::backup_name::RepoPath;
use crate::file_name::DbFileName;
use crate::{BackupId, FormatError, Result};

/// Room is made for no more files before they are there.
pub(super) const EXPECTED_FILES: usize = 1 << 17;

/// The names in a meta file that is being read.
#[derive(Debug)]
pub(super) struct NameCheck<'k> {
    /// The backup whose private directory may be named.
    backup: Option<BackupId>,
    /// The names in the database so far.
    restored: HashSet<DbFileName, RandomState>,
    /// Paths whose lines need not be taken apart.
    pub(super) known: Option<KnownPaths<'k>>,
}

impl NameCheck<'_> {
    pub(super) fn new(backup: Option<BackupId>) -> Self {
        NameCheck {
            backup,
            restored: HashSet::default(),
            known: None,
        }
    }

    /// Makes room for so many files, as far as a number in a file is to be believed.
    pub(super) fn expect(&mut self, file_count: u32) {
        if self.known.is_some() {
            return;
        }
        let file_count = usize::try_from(file_count).unwrap_or(usize::MAX);
        self.restored.reserve(file_count.min(EXPECTED_FILES));
    }

    pub(super) fn check(&mut self, line: &Line<'_>, file: &MetaFile) -> Result<()> {
        let path = &file.path;
        if let RepoPath::Private(name) = path
            && *self.backup.get_or_insert(name.backup()) != name.backup()
        {
            return Err(line.corrupt(format!("{path} belongs to another backup")));
        }
        if file.excluded && !matches!(path, RepoPath::SharedChecksum(_)) {
            return Err(line.corrupt(format!("{path} is excluded, but not in shared_checksum/")));
        }
        let name = path.restored_name();
        let known = self.known.as_mut();
        if known
            .and_then(|known| known.is_new_name(&name))
            .unwrap_or_else(|| self.restored.insert(name))
        {
            Ok(())
        } else {
            Err(restored_twice(line, path))
        }
    }

    /// The same for a line of a known path, which is that of a shared file.
    pub(super) fn check_known(&mut self, line: &Line<'_>, id: PathId) -> Result<()> {
        let Some(known) = self.known.as_mut() else {
            return Ok(());
        };
        if known.is_new(id) {
            Ok(())
        } else {
            Err(restored_twice(line, known.text(id)))
        }
    }
}

fn restored_twice(line: &Line<'_>, path: impl Display) -> FormatError {
    line.corrupt(format!("{path} is restored under a name that another file has"))
}
