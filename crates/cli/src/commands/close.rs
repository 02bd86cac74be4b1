//! `stonekeep close`: removes what `open` made.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use stonekeep::engine::in_place::close_in_place;

use super::Session;
use crate::exit::Exit;

/// Remove a directory that `stonekeep open` made, and nothing else
#[derive(Debug, Args)]
pub(crate) struct CloseArgs {
    /// The directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

#[derive(Serialize)]
struct CloseJson<'a> {
    directory: &'a PathBuf,
    closed: bool,
}

pub(crate) fn run(args: &CloseArgs, session: &Session) -> anyhow::Result<Exit> {
    // It is soon done: signals are taken, and wait.
    session.interrupt.install()?;
    close_in_place(&args.directory)?;
    let document = CloseJson {
        directory: &args.directory,
        closed: true,
    };
    session.output.outcome(&document, |page| {
        page.line(format!("{} is removed", args.directory.display()));
    })?;
    Ok(Exit::Success)
}
