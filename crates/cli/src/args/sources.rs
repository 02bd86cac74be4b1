//! Other repositories that a command reads: any number of `--from`, each with the settings behind it.

use std::path::PathBuf;

use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::place::place;
use super::repositories::with_settings;
use super::repository::{RepoArgs, parse_setting};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct SourcesArgs {
    /// In the order of the command line.
    pub(crate) all: Vec<RepoArgs>,
}

/// The options, as they are typed.
#[derive(Debug, Args)]
struct Typed {
    /// Another repository that has the files, whatever the ids of its backups are; may be repeated
    #[arg(long, value_name = "REPO", value_parser = place())]
    from: Vec<PathBuf>,
    /// As --store-option, for the --from before it
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_setting)]
    from_store_option: Vec<(String, String)>,
}

impl Args for SourcesArgs {
    fn augment_args(command: Command) -> Command {
        Typed::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Typed::augment_args(command)
    }
}

impl FromArgMatches for SourcesArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let message =
            "with several --from, each --from-store-option stands behind the --from that it is for\n";
        Ok(SourcesArgs {
            all: with_settings(matches, ("from", "from_store_option"), message)?,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = SourcesArgs::from_arg_matches(matches)?;
        Ok(())
    }
}
