//! A command for one database and one repository, as a complete command line.

use std::ffi::OsString;
use std::sync::Arc;

use clap::Command;
use stonekeep::Result;

use super::layers::{Origin, Setting};
use super::secrets::Secrets;
use super::unusable::Unusable;
use crate::config::{Config, Entry, Target};
use crate::option;
use crate::output::Output;
use crate::output::location::without_secrets;

/// The options of a command that name a repository, with the one that has settings of its store.
pub(super) const PLACES: [(&str, &str); 3] = [
    ("repo", "store-option"),
    ("from", "from-store-option"),
    ("to", "to-store-option"),
];

/// A repository of the file, for one of the options that name one.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The option that names it.
    pub(crate) option: &'static str,
    pub(super) store_option: &'static str,
    pub(crate) target: Target,
}

/// A command line that is to be run.
#[derive(Debug)]
pub(crate) struct Job {
    /// The database that it is for, if the command line names it.
    pub(crate) entry: Option<Entry>,
    /// Repositories of the file.
    pub(crate) places: Vec<Place>,
    pub(super) path: Vec<String>,
    pub(crate) settings: Vec<Setting>,
    /// Words behind the options.
    pub(super) words: Vec<OsString>,
    pub(super) config: Option<Arc<Config>>,
}

impl Job {
    /// The words of the command line, the first one the program's name. Secrets are looked up now. Of a backup in several repositories,
    /// one for which that fails is only unusable.
    pub(crate) fn words(
        &self,
        cli: &Command,
        secrets: &mut Secrets,
        unusable: &Unusable,
    ) -> Result<Vec<OsString>> {
        let mut words: Vec<OsString> = vec!["stonekeep".into()];
        words.extend(self.path.iter().map(OsString::from));
        // What is typed comes after what the file says of the store, so that it counts.
        for place in &self.places {
            words.push(format!("--{}={}", place.option, place.target.location).into());
            let settings = self.store_settings(place, secrets);
            for setting in self.or_unusable(place, settings, unusable)? {
                words.push(format!("--{}={setting}", place.store_option).into());
            }
        }
        let command = self.command(cli);
        for setting in &self.settings {
            let of_command = command.and_then(|command| option::find(command, &setting.long));
            if let Some(arg) = of_command.or_else(|| option::find(cli, &setting.long)) {
                words.extend(option::words(arg, &setting.values));
            }
        }
        if !self.words.is_empty() {
            words.push("--".into());
            words.extend(self.words.iter().cloned());
        }
        Ok(words)
    }

    /// The settings that the file has for the store of a place, as `KEY=VALUE`.
    pub(crate) fn store_settings(&self, place: &Place, secrets: &mut Secrets) -> Result<Vec<String>> {
        match &self.config {
            Some(config) => secrets.settings(config, &place.target),
            None => Ok(Vec::new()),
        }
    }

    /// What is needed of a place. If that failed, and the place is one of several repositories of a backup, it is unusable, and does not
    /// stop the others.
    pub(crate) fn or_unusable<T: Default>(
        &self,
        place: &Place,
        needed: Result<T>,
        unusable: &Unusable,
    ) -> Result<T> {
        match needed {
            Err(error) if self.is_one_of_several(place) => {
                unusable.add(&place.target.location, error);
                Ok(T::default())
            }
            needed => needed,
        }
    }

    fn is_one_of_several(&self, place: &Place) -> bool {
        let of_option = |other: &&Place| other.option == place.option;
        let number = self.places.iter().filter(of_option).count();
        self.verb() == "backup" && place.option == "repo" && number > 1
    }

    /// The declaration of the command.
    pub(crate) fn command<'c>(&self, cli: &'c Command) -> Option<&'c Command> {
        let mut command = cli;
        for name in &self.path {
            command = command.find_subcommand(name)?;
        }
        Some(command)
    }

    /// The first name of the command.
    pub(crate) fn verb(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }

    /// How the command speaks.
    pub(crate) fn output(&self) -> Output {
        Output {
            command: Some(self.verb().to_owned()),
            json: self.has("json"),
            quiet: self.has("quiet"),
            ..Output::default()
        }
    }

    /// The database, with the repository if it has others, too.
    pub(crate) fn heading(&self) -> String {
        let Some(entry) = &self.entry else {
            return self.verb().to_owned();
        };
        match &self.places[..] {
            [place] if entry.targets.len() > 1 => {
                let target = &place.target;
                let repository = target.name.clone();
                let repository = repository.unwrap_or_else(|| without_secrets(&target.location));
                format!("{} in {repository}", entry.name)
            }
            _ => entry.name.clone(),
        }
    }

    /// Gives an option a number that nobody has given; a command without the option ignores it.
    pub(crate) fn set(&mut self, long: &str, number: usize) {
        self.settings.push(Setting {
            long: long.to_owned(),
            values: vec![number.to_string().into()],
            origin: Origin::BuiltIn,
        });
    }

    /// Whether a switch is on.
    pub(crate) fn has(&self, long: &str) -> bool {
        let is_on =
            |setting: &Setting| setting.long == long && setting.values.iter().any(|value| value == "true");
        self.settings.iter().any(is_on)
    }
}
