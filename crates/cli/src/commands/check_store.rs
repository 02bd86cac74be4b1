//! `stonekeep check-store`: tries what the place of a repository promises.

use clap::Args;
use stonekeep::store::check::{Promise, StoreCheck, Verdict};

use super::Session;
use crate::args::repository::RepoArgs;
use crate::exit::Exit;
use crate::output::text::{Page, Style};

/// Try what the place of a repository promises: a directory, a bucket or HDFS
///
/// Writes files below stonekeep/check/ and removes them; a repository that is there is not touched. Says of each promise whether it
/// is honoured, ignored or refused, and what follows from that. Ends with exit code 1 if backups are not safe there.
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::CHECK_STORE)]
pub(crate) struct CheckStoreArgs {
    #[command(flatten)]
    repo: RepoArgs,
}

pub(crate) fn run(args: &CheckStoreArgs, session: &Session) -> anyhow::Result<Exit> {
    let store = args.repo.store(&session.engine_options())?;
    let watcher = session.watch()?;
    let check = store.check(&watcher)?;
    session.output.data(&check, |page| text(page, &check))?;
    session.output.warnings(&check.warnings);
    Ok(if check.is_usable() {
        Exit::Success
    } else {
        Exit::Failure
    })
}

fn text(page: &mut Page<'_>, check: &StoreCheck) {
    for promise in &check.promises {
        let style = match promise.verdict {
            Verdict::Honoured => Style::Good,
            Verdict::Broken => Style::Bad,
            _ => Style::Warning,
        };
        page.marked(style, &format!("{}:", promise.verdict), line(promise));
    }
    page.line(if check.is_usable() {
        format!("{} can hold repositories", check.location)
    } else {
        format!("backups are not safe in {}", check.location)
    });
}

fn line(promise: &Promise) -> String {
    let Promise { name, seen, .. } = promise;
    match promise.follows.as_str() {
        "" => format!("{name}: {seen}"),
        follows => format!("{name}: {seen}; {follows}"),
    }
}
