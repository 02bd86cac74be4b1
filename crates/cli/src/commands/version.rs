//! `stonekeep version`: the program's version.

use clap::Args;
use serde::Serialize;

use super::Session;
use crate::exit::Exit;

/// Print the version
#[derive(Debug, Args)]
pub(crate) struct VersionArgs {}

#[derive(Serialize)]
struct VersionJson {
    version: &'static str,
}

pub(crate) fn run(_: &VersionArgs, session: &Session) -> anyhow::Result<Exit> {
    let version = env!("CARGO_PKG_VERSION");
    let text = format!("stonekeep {version}\n");
    session.output.raw(&VersionJson { version }, &text)?;
    Ok(Exit::Success)
}
