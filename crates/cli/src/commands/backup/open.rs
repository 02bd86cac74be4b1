//! Opens a repository for a backup.

use stonekeep::image::{Directory, ImageSource, NoHost};
use stonekeep::{BackupEngine, Observer};

use super::args::BackupArgs;
use crate::args::repository::RepoArgs;
use crate::commands::Session;

/// Opens one of the repositories.
pub(super) fn open(
    args: &BackupArgs,
    repo: &RepoArgs,
    source: &Directory,
    session: &Session,
    observer: &dyn Observer,
) -> anyhow::Result<BackupEngine> {
    if let Some(error) = session.unusable.take(repo.path()) {
        return Err(error.into());
    }
    let engine_options = args.engine_options(session)?;
    // Opening refuses a database in the place of a repository, too, but does not say what is wrong.
    let store = repo.store(&engine_options)?;
    BackupEngine::check_place(&store, source)?;
    if engine_options.destroy_old_data {
        // Nothing is destroyed for a database that cannot be backed up.
        source.capture(&mut NoHost, observer)?;
    }
    let engine = repo.open_or_create(store, engine_options)?;
    Ok(engine.with_components(args.components()?))
}
