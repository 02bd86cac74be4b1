//! `stonekeep restore --abort`.

use serde::Serialize;
use stonekeep::engine::restore::{AbortReport, abort_restore, plan_abort_restore};

use super::args::RestoreArgs;
use crate::commands::Session;
use crate::exit::Exit;
use crate::output::units::count;

/// What the report does not say.
#[derive(Serialize)]
struct AbortJson<'a> {
    aborted: bool,
    #[serde(flatten)]
    report: &'a AbortReport,
}

pub(super) fn run(args: &RestoreArgs, session: &Session) -> anyhow::Result<Exit> {
    // It takes little time, and must not be left half done: signals are deferred until it is done.
    session.interrupt.install()?;
    let wal_dir = args.wal_dir.as_deref();
    let report = if args.dry_run {
        plan_abort_restore(&args.to, wal_dir)?
    } else {
        abort_restore(&args.to, wal_dir)?
    };
    let document = AbortJson {
        aborted: !args.dry_run,
        report: &report,
    };
    let to = args.to.display();
    let done = format!("the restore to {to} is taken back");
    session
        .output
        .report(args.dry_run, &document, &[], &done, |page| {
            let files = count(report.files_moved_back, "file");
            if args.dry_run {
                page.line(format!(
                    "the restore to {to} would be taken back; nothing was changed"
                ));
                page.line(format!(
                    "{files} would be moved back, and what the restore has staged removed"
                ));
                return;
            }
            page.line(&done);
            let state = if report.rolled_back {
                "moved back; the old database is there again"
            } else {
                "had to move back: the restore had not changed the files at the target"
            };
            page.line(format!("{files} {state}"));
            page.line(format!(
                "{} of the restore removed",
                count(report.files_removed, "file")
            ));
        })?;
    Ok(Exit::Success)
}
