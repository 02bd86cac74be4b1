//! The directories of a trial.
//!
//! ```text
//! report          what the process in between has to say
//! temporary/      TMPDIR of the command
//! outside/        what nobody may touch: links lead here
//! outside/linked  files that have second names in what is hostile
//! room/repository room/database room/target   each may be hostile
//! room/fresh room/other room/scratch room/opened …   where commands write
//! ```

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{PermissionsExt as _, lchown};
use std::path::{Path, PathBuf};

use anyhow::Result;
use tempfile::TempDir;

use super::origin::Origin;
use crate::tree;

/// How long a name and its content outside are.
const SECRET: &[u8] = b"nobody changes this\n";

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Site(TempDir);

impl Site {
    /// Lays a repository, its database, and the same database as a target.
    pub(super) fn lay(origin: &Origin) -> Result<Self> {
        let site = Site(tempfile::tempdir()?);
        fs::set_permissions(site.base(), Permissions::from_mode(0o755))?;
        for directory in [
            "outside/deep/deeper",
            "outside/linked",
            "temporary",
            "room/scratch",
        ] {
            fs::create_dir_all(site.base().join(directory))?;
        }
        for file in [
            "secret",
            "deep/CURRENT",
            "deep/000009.sst",
            "deep/deeper/1",
            "linked/file",
        ] {
            fs::write(site.outside().join(file), SECRET)?;
        }
        tree::write(&site.repository(), &origin.repository)?;
        tree::write(&site.database(), &origin.database)?;
        tree::write(&site.target(), &origin.database)?;
        Ok(site)
    }

    pub(super) fn base(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn report(&self) -> PathBuf {
        self.base().join("report")
    }

    pub(super) fn temporary(&self) -> PathBuf {
        self.base().join("temporary")
    }

    pub(super) fn outside(&self) -> PathBuf {
        self.base().join("outside")
    }

    /// A place where commands write, or one of the three that are laid.
    pub(super) fn room(&self, name: &str) -> PathBuf {
        self.base().join("room").join(name)
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.room("repository")
    }

    pub(super) fn database(&self) -> PathBuf {
        self.room("database")
    }

    pub(super) fn target(&self) -> PathBuf {
        self.room("target")
    }

    /// Gives everything to this user.
    pub(super) fn give_to(&self, user: u32) -> io::Result<()> {
        give(self.base(), user)
    }
}

fn give(path: &Path, user: u32) -> io::Result<()> {
    lchown(path, Some(user), Some(user))?;
    if !fs::symlink_metadata(path)?.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        match give(&entry?.path(), user) {
            // A path that is longer than paths can be.
            Err(error) if error.kind() == ErrorKind::InvalidFilename => {}
            given => given?,
        }
    }
    Ok(())
}
