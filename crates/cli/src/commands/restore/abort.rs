//! `stonekeep restore --abort`.

use serde::Serialize;
use stonekeep::engine::restore::{AbortReport, abort_restore, plan_abort_restore};

use super::args::RestoreArgs;
use crate::commands::Session;
use crate::exit::Exit;
use crate::output::units::count;

#[derive(Serialize)]
struct AbortJson {
    dry_run: bool,
    aborted: bool,
    rolled_back: bool,
    files_moved_back: u64,
    files_removed: u64,
}

pub(super) fn run(args: &RestoreArgs, session: &Session) -> anyhow::Result<Exit> {
    // It is soon done, and half of it is worse than all of it: signals are taken, and wait.
    session.interrupt.install()?;
    let wal_dir = args.wal_dir.as_deref();
    if args.dry_run {
        return tell_plan(&plan_abort_restore(&args.to, wal_dir)?, args, session);
    }
    let report = abort_restore(&args.to, wal_dir)?;
    let document = AbortJson {
        dry_run: false,
        aborted: true,
        rolled_back: report.rolled_back,
        files_moved_back: report.files_moved_back,
        files_removed: report.files_removed,
    };
    let printed = session.output.outcome(&document, |page| {
        page.line(format!("the restore to {} is taken back", args.to.display()));
        let state = if report.rolled_back {
            "moved back; the old database is there again"
        } else {
            "had to move back: the restore had not touched what stands there"
        };
        page.line(format!("{} {state}", count(report.files_moved_back, "file")));
        page.line(format!(
            "{} of the restore removed",
            count(report.files_removed, "file")
        ));
    });
    session.output.end_report(printed, &[], || {
        format!("the restore to {} is taken back", args.to.display())
    })?;
    Ok(Exit::Success)
}

fn tell_plan(report: &AbortReport, args: &RestoreArgs, session: &Session) -> anyhow::Result<Exit> {
    let document = AbortJson {
        dry_run: true,
        aborted: false,
        rolled_back: report.rolled_back,
        files_moved_back: report.files_moved_back,
        files_removed: report.files_removed,
    };
    session.output.data(&document, |page| {
        let (to, files) = (args.to.display(), count(report.files_moved_back, "file"));
        page.line(format!(
            "the restore to {to} would be taken back; nothing was changed"
        ));
        page.line(format!(
            "{files} would be moved back, and what the restore has staged removed"
        ));
    })?;
    Ok(Exit::Success)
}
