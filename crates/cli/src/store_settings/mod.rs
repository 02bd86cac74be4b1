//! Collects the settings of a store: from options, else from the environment variables of its provider, else from an AWS profile.
//!
//! Credentials come all from one place, the first of: keys in options; the profile that an option names; keys in variables; the
//! profile that `AWS_PROFILE` names, or `default`. Without any, the library asks the container or the instance.

mod aws_files;
mod aws_profile;
mod credential_process;
pub(crate) mod hadoop;
mod ini;
mod names;
mod profile_credentials;
mod variables;

use std::sync::Arc;

use stonekeep::store::remote::CredentialSource;

use self::aws_files::AwsFiles;
use self::aws_profile::Profile;
use self::names::{CONFIG_FILE, CREDENTIALS_FILE, PROFILE, Setting, is_key};
use crate::usage_error::UsageError;

/// What a store is opened with.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) options: Vec<Setting>,
    /// Where credentials come from that are not among the options.
    pub(crate) credentials: Option<Arc<dyn CredentialSource>>,
}

/// The settings of the store of a URL.
pub(crate) fn collect(url: &str, options: &[Setting]) -> Result<Settings, UsageError> {
    let variables = variables::of(url);
    if !variables::is_s3(url) {
        return Ok(Settings {
            options: variables.into_iter().chain(options.iter().cloned()).collect(),
            credentials: None,
        });
    }
    let (files, chosen, options) = take_profile(options);
    let named = chosen.clone().or_else(|| variables::given("AWS_PROFILE"));
    let profile = match files.profile(named.as_deref().unwrap_or("default"))? {
        None if named.is_none() => Profile::default(),
        None => return Err(files.no_profile(&named.unwrap_or_default())),
        Some(profile) => profile,
    };
    let has_keys = |settings: &[Setting]| settings.iter().any(|(name, _)| is_key(name));
    // A profile that an option names is meant, whatever stands in variables.
    let variables: Vec<Setting> = match chosen {
        Some(_) => variables.into_iter().filter(|(name, _)| !is_key(name)).collect(),
        None => variables,
    };
    let credentials = if has_keys(&options) || has_keys(&variables) || has_no_signature(&options, &variables)
    {
        None
    } else {
        profile_credentials::of(&profile, &files)?
    };
    let of_profile = profile.settings();
    Ok(Settings {
        options: of_profile.into_iter().chain(variables).chain(options).collect(),
        credentials,
    })
}

/// Whether requests are not signed, so that no credentials are needed.
fn has_no_signature(options: &[Setting], variables: &[Setting]) -> bool {
    let is_it = |(name, _): &&Setting| {
        ["aws_skip_signature", "skip_signature"]
            .iter()
            .any(|skip| skip.eq_ignore_ascii_case(name))
    };
    let last = options
        .iter()
        .rfind(is_it)
        .or_else(|| variables.iter().rfind(is_it));
    last.is_some_and(|(_, value)| matches!(&*value.to_ascii_lowercase(), "1" | "true" | "on" | "yes" | "y"))
}

/// The files of profiles, the name of the profile that an option chooses, and the other options.
fn take_profile(options: &[Setting]) -> (AwsFiles, Option<String>, Vec<Setting>) {
    let (mut files, mut chosen, mut others) = (AwsFiles::of_environment(), None, Vec::new());
    for (name, value) in options {
        match name.to_ascii_lowercase().as_str() {
            PROFILE => chosen = Some(value.clone()),
            CONFIG_FILE => files.config = value.into(),
            CREDENTIALS_FILE => files.credentials = value.into(),
            _ => others.push((name.clone(), value.clone())),
        }
    }
    (files, chosen, others)
}
