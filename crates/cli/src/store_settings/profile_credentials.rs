//! Fetches the credentials of an AWS profile.

use std::sync::Arc;

use stonekeep::store::remote::{CredentialSource, Credentials};

use super::aws_files::AwsFiles;
use super::aws_profile::Profile;
use super::credential_process;
use super::names::{KEY_ID, SECRET_KEY, TOKEN};
use crate::usage_error::UsageError;

/// Settings that mean that credentials come from a service of AWS, which the AWS CLI asks.
const OF_SERVICES: [&str; 6] = [
    "sso_session",
    "sso_start_url",
    "sso_account_id",
    "login_session",
    "source_profile",
    "credential_source",
];

/// Where the credentials of a profile come from.
enum From {
    /// Keys in the file, which is read again each time: other tools put new ones there.
    Keys,
    /// A command that prints them.
    Process(String),
    /// The AWS CLI: it has them from a service (single sign-on, roles).
    AwsCli,
}

/// See the module.
struct ProfileCredentials {
    name: String,
    from: From,
    files: AwsFiles,
}

impl ProfileCredentials {
    fn new(name: &str, from: From, files: AwsFiles) -> Self {
        ProfileCredentials {
            name: name.to_owned(),
            from,
            files,
        }
    }

    fn keys(&self) -> Result<Credentials, String> {
        let profile = self
            .files
            .profile(&self.name)
            .map_err(|error| error.to_string())?;
        let profile = profile.ok_or_else(|| format!("the AWS profile {:?} is gone", self.name))?;
        let setting = |name: &str| {
            let value = profile.get(name);
            value.ok_or_else(|| format!("the AWS profile {:?} has no {name}", self.name))
        };
        let credentials = Credentials::new(setting(KEY_ID)?, setting(SECRET_KEY)?);
        Ok(match profile.get(TOKEN) {
            Some(token) => credentials.with_session_token(token),
            None => credentials,
        })
    }

    fn run(&self, mut command: std::process::Command, called: &str) -> Result<Credentials, String> {
        command
            .env("AWS_CONFIG_FILE", &self.files.config)
            .env("AWS_SHARED_CREDENTIALS_FILE", &self.files.credentials);
        credential_process::run(command)
            .map_err(|error| format!("{called} of the AWS profile {:?}: {error}", self.name))
    }
}

/// The source of its credentials; `None` if the profile has none, or the library gets them by its settings.
pub(super) fn of(
    profile: &Profile,
    files: &AwsFiles,
) -> Result<Option<Arc<dyn CredentialSource>>, UsageError> {
    let of_service = OF_SERVICES.iter().any(|setting| profile.get(setting).is_some());
    let from = match (profile.get(KEY_ID), profile.get(SECRET_KEY)) {
        _ if of_service => From::AwsCli,
        _ if profile.get("web_identity_token_file").is_some() => return Ok(None),
        (Some(_), Some(_)) => From::Keys,
        (None, None) => match profile.get("credential_process") {
            Some(command) => From::Process(command.to_owned()),
            None => return Ok(None),
        },
        (key, _) => {
            let missing = if key.is_some() { SECRET_KEY } else { KEY_ID };
            let message = format!("the AWS profile {:?} has no {missing}", profile.name());
            return Err(UsageError::new(message));
        }
    };
    let source = ProfileCredentials::new(profile.name(), from, files.clone());
    Ok(Some(Arc::new(source)))
}

impl CredentialSource for ProfileCredentials {
    fn fetch(&self) -> Result<Credentials, String> {
        match &self.from {
            From::Keys => self.keys(),
            From::Process(text) => {
                let mut command = std::process::Command::new("sh");
                command.args(["-c", text]);
                self.run(command, "credential_process")
            }
            From::AwsCli => {
                let mut command = std::process::Command::new("aws");
                command.args([
                    "configure",
                    "export-credentials",
                    "--format",
                    "process",
                    "--profile",
                ]);
                command.arg(&self.name);
                self.run(command, "the AWS CLI (version 2), which gets the credentials")
            }
        }
    }
}

impl std::fmt::Debug for ProfileCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A command line may have a secret in it.
        f.debug_tuple("ProfileCredentials").field(&self.name).finish()
    }
}
