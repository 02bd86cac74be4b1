//! Backups of one database in several repositories, from one capture and, as long as they keep pace, one read of its files.
//!
//! Each repository has a run of its own on a thread of its own, with all of its steps: its lock, its id, its plan, its commit.
//! Only two things are shared.
//! - **The capture.** The runs are begun one after the other, in the order of their repositories' identity, each when the one
//!   before waits for the capture: so two processes with the same repositories never wait for each other. When all of them wait, the
//!   database is captured once, for all: a file is held if any run needs it, and may be copied early if all of them can. A run
//!   that has to capture again, since the database changed, gets a capture of its own.
//! - **The reads.** See `image/shared_reads.rs`: nobody waits for a slower one.
//!
//! A run that fails is left out, and the others go on. So is one that comes no further for a minute while it plans or
//! copies: it would hold deleted files of the database on the disk. It is asked to stop; if it does not answer because its
//! store does not, its thread is left behind, and with it what it holds until the store answers or the process ends.
//!
//! A crash leaves in each repository what a crash of its run alone leaves.

mod conductor;
mod hosts;
mod member;
mod watched;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use self::conductor::Conductor;
use super::CreateReport;
use crate::engine::callbacks::guarded;
use crate::engine::{BackupEngine, CreateBackupOptions};
use crate::image::{ImageSource, MOST_SHARERS};
use crate::store::Store;
use crate::{Error, Observer, Result};

/// So long a run may come no further.
pub const DEFAULT_STALL_LIMIT: Duration = Duration::from_secs(60);

/// Backs up a database into the repositories of these engines, as [`BackupEngine::create_new_backup`] does into one; what became
/// of each, in their order. `stall_limit` is how long one of them may come no further: [`DEFAULT_STALL_LIMIT`].
///
/// # Errors
/// `InvalidArgument` for no engine, more than 64, or two of one repository. What fails for one repository is in its own result.
pub fn create_new_backups(
    engines: &[BackupEngine],
    source: &dyn ImageSource,
    options: &CreateBackupOptions,
    stall_limit: Duration,
    observer: &dyn Observer,
) -> Result<Vec<Result<CreateReport>>> {
    if engines.len() > MOST_SHARERS {
        return Err(Error::invalid(format!("more than {MOST_SHARERS} repositories")));
    }
    let order = in_order(engines)?;
    match engines {
        [] => Err(Error::invalid("no repository")),
        [engine] => Ok(vec![engine.create_new_backup(source, options, observer)]),
        engines => guarded(observer, |observer| {
            let conductor = Conductor::new(engines, source, options, stall_limit, observer);
            Ok(conductor.run(&order))
        }),
    }
}

/// The numbers of the engines, in the order of their repositories' identity.
fn in_order(engines: &[BackupEngine]) -> Result<Vec<usize>> {
    let mut identities: Vec<(PathBuf, usize)> = engines
        .iter()
        .map(|engine| identity(engine.store()))
        .zip(0..)
        .collect();
    identities.sort();
    let mut seen = BTreeSet::new();
    for (identity, number) in &identities {
        if !seen.insert(identity) {
            let location = engines
                .get(*number)
                .map_or("", |engine| engine.store().location());
            return Err(Error::invalid(format!(
                "the repository {location} is named twice"
            )));
        }
    }
    Ok(identities.into_iter().map(|(_, number)| number).collect())
}

/// The same for all names of a repository that are known to be one. What does not exist yet is named by its parent.
fn identity(store: &Store) -> PathBuf {
    let Some(directory) = store.directory() else {
        return store.location().trim_end_matches('/').into();
    };
    let parent = || {
        Some(
            directory
                .parent()?
                .canonicalize()
                .ok()?
                .join(directory.file_name()?),
        )
    };
    let canonical = directory.canonicalize().ok().or_else(parent);
    canonical.unwrap_or_else(|| directory.to_owned())
}
