//! `stonekeep backup`: makes a backup of a database.

mod args;
mod report;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use stonekeep::BackupEngine;
use stonekeep::image::{ImageSource, NoHost};

use super::Session;
use crate::exit::Exit;
use crate::mistakes;

pub(crate) use args::BackupArgs;

pub(crate) fn run(args: BackupArgs, session: &Session) -> anyhow::Result<Exit> {
    let engine_options = args.engine_options(session)?;
    let create_options = args.create_options()?;
    let components = args.components()?;
    mistakes::check_order(&args.database, args.repo.path())?;
    let source = args.source();
    // Opening refuses a database in the place of a repository, too, but does not say what is wrong.
    let store = args.repo.store(&engine_options)?;
    BackupEngine::check_place(&store, &source)?;
    raise_open_files_limit();

    let watcher = session.watch()?;
    if engine_options.destroy_old_data {
        // Nothing is destroyed for a database that cannot be backed up.
        source.capture(&mut NoHost, &watcher)?;
    }
    let engine = args
        .repo
        .open_or_create(store, engine_options)?
        .with_components(components);
    let report = if args.dry_run {
        engine.plan_new_backup(&source, &create_options, &watcher)
    } else {
        engine.create_new_backup(&source, &create_options, &watcher)
    };
    report::print(report?, &args, session)?;
    Ok(Exit::Success)
}

/// A capture holds a descriptor for each file that is not stored yet, so it may have as many as the system allows.
fn raise_open_files_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // Without it the capture copies more of the files early.
    let _ = setrlimit(Resource::Nofile, raised);
}
