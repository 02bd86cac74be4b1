//! The repository of a command that can do without one.

use std::path::PathBuf;

use clap::builder::Resettable;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::repository::RepoArgs;

/// The repository, which must be given unless `--database` is.
#[derive(Debug)]
pub(crate) struct OptionalRepoArgs {
    /// Nothing with `--database` alone.
    pub(crate) given: Option<RepoArgs>,
}

impl Args for OptionalRepoArgs {
    fn augment_args(command: Command) -> Command {
        RepoArgs::augment_args(command).mut_arg("repo", |arg| {
            let help = arg.get_help().map_or_else(String::new, ToString::to_string);
            // The parser would take the variable for an option that was typed, which contradicts `--database`. It counts as all others do.
            arg.required(false)
                .required_unless_present("database")
                .env(Resettable::Reset)
                .help(format!("{help} [env: STONEKEEP_REPO]"))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        OptionalRepoArgs::augment_args(command)
    }
}

impl FromArgMatches for OptionalRepoArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let settings = matches.get_many("store_option").into_iter().flatten();
        let repo = matches.get_one::<PathBuf>("repo").cloned();
        Ok(OptionalRepoArgs {
            given: repo.map(|repo| RepoArgs::at(repo, settings.cloned().collect())),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = OptionalRepoArgs::from_arg_matches(matches)?;
        Ok(())
    }
}
