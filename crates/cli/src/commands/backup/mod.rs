//! `stonekeep backup`: makes a backup of a database, in one repository or in several.

mod args;
mod open;
mod report;
mod several;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Session;
use crate::exit::Exit;
use crate::mistakes;

pub(crate) use args::BackupArgs;

pub(crate) fn run(args: BackupArgs, session: &Session) -> anyhow::Result<Exit> {
    for repo in &args.repositories.all {
        mistakes::check_order(&args.database, repo.path())?;
    }
    raise_open_files_limit();
    let source = args.source();
    let watcher = session.watch()?;
    let [repo] = &args.repositories.all[..] else {
        return several::run(&args, &source, session, &watcher);
    };
    let engine = open::open(&args, repo, &source, session, &watcher)?;
    let create_options = args.create_options()?;
    let report = if args.dry_run {
        engine.plan_new_backup(&source, &create_options, &watcher)
    } else {
        engine.create_new_backup(&source, &create_options, &watcher)
    };
    report::print(report?, (&args, repo), session)?;
    Ok(Exit::Success)
}

/// A capture holds a descriptor for each file that is not stored yet, so it may have as many as the system allows.
pub(super) fn raise_open_files_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // Without it the capture copies more of the files early.
    let _ = setrlimit(Resource::Nofile, raised);
}
