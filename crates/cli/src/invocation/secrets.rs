//! The settings of stores, with secrets from where they are.

use std::collections::HashMap;

use stonekeep::Error;

use crate::config::{Config, StoreSetting, Target};

/// Values that were looked up, or why there is none. A command is run once, however many databases are backed up to its repository.
#[derive(Default)]
pub(crate) struct Secrets(HashMap<(Option<String>, String), Result<String, String>>);

impl Secrets {
    /// The settings of a repository's store, as `KEY=VALUE`.
    pub(crate) fn settings(&mut self, config: &Config, target: &Target) -> Result<Vec<String>, Error> {
        let mut settings = Vec::new();
        for setting in &target.settings {
            let value = self.value(target, setting).map_err(|reason| {
                let place = config.place(setting.at);
                Error::invalid(format!("{place}: {} has no value: {reason}", setting.key))
            })?;
            settings.push(format!("{}={value}", setting.key));
        }
        Ok(settings)
    }

    /// The value of one of them, or why there is none.
    pub(crate) fn value(&mut self, target: &Target, setting: &StoreSetting) -> Result<String, String> {
        let identity = (target.name.clone(), setting.key.clone());
        let value = self.0.entry(identity);
        value.or_insert_with(|| setting.value.resolve()).clone()
    }
}
