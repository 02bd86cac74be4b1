//! Finds and reads the files of AWS profiles.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::aws_profile::Profile;
use super::ini::{self, Section};
use super::variables::given;
use crate::usage_error::UsageError;

/// Where the two files are, which need not exist.
#[derive(Debug, Clone)]
pub(super) struct AwsFiles {
    pub(super) config: PathBuf,
    pub(super) credentials: PathBuf,
}

impl AwsFiles {
    /// Where the AWS tools look for them.
    pub(super) fn of_environment() -> Self {
        let home = PathBuf::from(given("HOME").unwrap_or_default());
        let file = |variable: &str, name: &str| match given(variable) {
            Some(path) => match path.strip_prefix("~/") {
                Some(below) => home.join(below),
                None => path.into(),
            },
            None => home.join(".aws").join(name),
        };
        AwsFiles {
            config: file("AWS_CONFIG_FILE", "config"),
            credentials: file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        }
    }

    /// The profile of this name, from both files; `None` if it is in neither.
    pub(super) fn profile(&self, name: &str) -> Result<Option<Profile>, UsageError> {
        let config = sections(&self.config)?;
        let credentials = sections(&self.credentials)?;
        let of_config = [format!("profile {name}"), name.to_owned()];
        let allowed = if name == "default" {
            &of_config[..]
        } else {
            &of_config[..1]
        };
        let found = allowed.iter().find_map(|section| config.get(section));
        let keys = credentials.get(name);
        if found.is_none() && keys.is_none() {
            return Ok(None);
        }
        let mut settings = found.cloned().unwrap_or_default();
        let services = settings
            .get("services")
            .and_then(|name| config.get(&format!("services {name}")));
        if let Some(endpoint) = services.and_then(|services| services.get("s3.endpoint_url")) {
            settings.insert("endpoint_url".to_owned(), endpoint.clone());
        }
        settings.extend(keys.cloned().unwrap_or_default());
        Ok(Some(Profile::new(name, settings)))
    }

    /// The error for a profile that is in neither file.
    pub(super) fn no_profile(&self, name: &str) -> UsageError {
        let names = [&self.config, &self.credentials]
            .into_iter()
            .filter_map(|file| sections(file).ok())
            .flat_map(|sections| sections.into_keys().collect::<Vec<_>>())
            .filter(|section| !section.starts_with("sso-session ") && !section.starts_with("services "))
            .map(|section| section.strip_prefix("profile ").unwrap_or(&section).to_owned())
            .collect::<BTreeSet<_>>();
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        let message = format!(
            "there is no AWS profile {name:?} in {} or {}",
            self.config.display(),
            self.credentials.display()
        );
        UsageError::new(message).with_hint(match &*names {
            "" => "check AWS_PROFILE, AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE".to_owned(),
            names => format!("the profiles there are: {names}"),
        })
    }
}

/// The sections of a file; none if there is no file.
fn sections(file: &Path) -> Result<std::collections::BTreeMap<String, Section>, UsageError> {
    match std::fs::read(file) {
        Ok(bytes) => Ok(ini::sections(&String::from_utf8_lossy(&bytes))),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(Default::default())
        }
        Err(error) => Err(UsageError::new(format!(
            "reading the AWS profiles in {}: {error}",
            file.display()
        ))
        .with_hint(
            "make it readable, or name another file with AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE",
        )),
    }
}
