//! `stonekeep config`: checks and shows the configuration file.

mod check;
mod show;

use clap::{Args, Command, Subcommand};

use super::Session;
use crate::exit::Exit;

/// Check or show the configuration file
///
/// The file is the one that --config names, else the one that STONEKEEP_CONFIG names, else stonekeep/config.toml in $XDG_CONFIG_HOME or
/// ~/.config, else /etc/stonekeep/config.toml. docs/configuration.md describes it.
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::CONFIG)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Check(check::CheckArgs),
    Show(show::ShowArgs),
}

pub(crate) fn run(args: &ConfigArgs, cli: &Command, session: &Session) -> anyhow::Result<Exit> {
    match &args.what {
        What::Check(args) => check::run(args, cli, session),
        What::Show(args) => show::run(args, cli, session),
    }
}
