//! `stonekeep backup`: makes a backup of a database.

mod args;
mod exclude;
mod report;

use stonekeep::image::closed::ClosedDirectory;
use stonekeep::image::{ImageSource, NoHost};

use super::Session;
use crate::exit::Exit;
use crate::places;

pub(crate) use args::BackupArgs;

pub(crate) fn run(args: BackupArgs, session: &Session) -> anyhow::Result<Exit> {
    let engine_options = args.engine_options(session)?;
    let create_options = args.create_options()?;
    let directories: Vec<_> = args.wal_dir.iter().chain(&args.db_path).cloned().collect();
    places::check_source(args.repo.path(), &args.database, &directories)?;
    let source = ClosedDirectory::new(&args.database)
        .with_wal_dir(args.wal_dir.clone())
        .with_db_paths(args.db_path.clone());

    let watcher = session.watch()?;
    if engine_options.destroy_old_data {
        // Nothing is destroyed for a database that cannot be backed up.
        source.capture(&mut NoHost, &watcher)?;
    }
    let engine = args.repo.open_or_create(engine_options)?;
    let report = if args.dry_run {
        engine.plan_new_backup(&source, &create_options, &watcher)
    } else {
        engine.create_new_backup(&source, &create_options, &watcher)
    };
    watcher.finish();
    report::print(&report?, &args, session)?;
    Ok(Exit::Success)
}
