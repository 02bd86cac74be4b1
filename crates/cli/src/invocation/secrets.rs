//! The settings of stores, with secrets from where they are.

use std::collections::HashMap;

use stonekeep::Error;

use crate::config::{Config, StoreSetting, Target};

/// Values that were looked up. A command is run once, however many databases are backed up to its repository.
#[derive(Debug, Default)]
pub(crate) struct Secrets(HashMap<(Option<String>, String), String>);

impl Secrets {
    /// The settings of a repository's store, as `KEY=VALUE`.
    pub(crate) fn settings(&mut self, config: &Config, target: &Target) -> Result<Vec<String>, Error> {
        let mut settings = Vec::new();
        for setting in &target.settings {
            let identity = (target.name.clone(), setting.key.clone());
            let value = match self.0.get(&identity) {
                Some(value) => value.clone(),
                None => self.look_up(identity, (config, setting))?,
            };
            settings.push(format!("{}={value}", setting.key));
        }
        Ok(settings)
    }

    fn look_up(
        &mut self,
        identity: (Option<String>, String),
        (config, setting): (&Config, &StoreSetting),
    ) -> Result<String, Error> {
        let value = setting.value.resolve().map_err(|reason| {
            let place = config.place(setting.at);
            Error::invalid(format!("{place}: {} has no value: {reason}", setting.key))
        })?;
        self.0.insert(identity, value.clone());
        Ok(value)
    }
}
