//! `stonekeep check`: one health word for each database, with the reasons.
//!
//! Nothing is changed and no lock is taken. A repository that does not answer within `--timeout` is `unreachable`: it is looked at by a
//! thread that is left behind then, and ends with the process.

mod args;
mod examine;
mod health;
mod judge;
mod nagios;
mod prometheus;
mod report;

pub(crate) use args::CheckArgs;
pub(crate) use examine::{Subject, examine};
pub(crate) use health::Checked;
pub(crate) use report::report;

use super::Session;
use crate::exit::Exit;

/// Checks the repository of a command line that names no database.
pub(crate) fn run(args: CheckArgs, session: &Session) -> anyhow::Result<Exit> {
    let how = args.output();
    let subjects = vec![Subject::new(None, None, args)];
    let checked = examine(subjects, &session.engine_options());
    report(&checked, &how, &session.output)
}
