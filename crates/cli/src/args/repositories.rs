//! The repositories of a backup: one or several `--repo`, each with the settings behind it.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::repository::RepoArgs;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct RepositoriesArgs {
    /// At least one, in the order of the command line.
    pub(crate) all: Vec<RepoArgs>,
}

impl Args for RepositoriesArgs {
    fn augment_args(command: Command) -> Command {
        RepoArgs::augment_args(command)
            .mut_arg("repo", |arg| {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                arg.action(ArgAction::Append).help(format!(
                    "{help}. May be repeated: the database is read once for all"
                ))
            })
            .mut_arg("store_option", |arg| {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                arg.help(format!("{help}. With several --repo it is for the one before it"))
            })
    }

    fn augment_args_for_update(command: Command) -> Command {
        RepositoriesArgs::augment_args(command)
    }
}

impl FromArgMatches for RepositoriesArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let message = "with several --repo, each --store-option stands behind the --repo that it is for\n";
        Ok(RepositoriesArgs {
            all: with_settings(matches, ("repo", "store_option"), message)?,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = RepositoriesArgs::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The repositories of an option, each with the settings of the other option that stand behind it.
pub(super) fn with_settings(
    matches: &ArgMatches,
    (option, setting): (&str, &str),
    message: &str,
) -> Result<Vec<RepoArgs>, clap::Error> {
    let repos = matches.get_many::<PathBuf>(option).unwrap_or_default();
    let places: Vec<usize> = matches.indices_of(option).into_iter().flatten().collect();
    let settings = matches.get_many::<(String, String)>(setting).unwrap_or_default();
    let setting_places = matches.indices_of(setting).into_iter().flatten();
    let mut all: Vec<(PathBuf, Vec<(String, String)>)> =
        repos.cloned().map(|repo| (repo, Vec::new())).collect();
    for (setting, place) in settings.zip(setting_places) {
        // With one repository it does not matter where it stands.
        let before = places.iter().filter(|repo| **repo < place).count();
        let of = if all.len() == 1 { 0 } else { before.wrapping_sub(1) };
        let Some((_, settings)) = all.get_mut(of) else {
            return Err(clap::Error::raw(ErrorKind::ArgumentConflict, message));
        };
        settings.push(setting.clone());
    }
    let all = all.into_iter();
    Ok(all.map(|(repo, settings)| RepoArgs::at(repo, settings)).collect())
}
