//! An AWS profile, and its settings of the store.

use super::ini::Section;
use super::names::Setting;

/// The settings of a profile, and the names that the library has for them.
const SETTINGS: [(&str, &str); 6] = [
    ("region", "aws_region"),
    ("endpoint_url", "aws_endpoint"),
    ("ca_bundle", "ca_bundle"),
    ("role_arn", "aws_role_arn"),
    ("web_identity_token_file", "aws_web_identity_token_file"),
    ("role_session_name", "aws_role_session_name"),
];

/// A profile.
#[derive(Debug, Clone, Default)]
pub(super) struct Profile {
    name: String,
    settings: Section,
}

impl Profile {
    pub(super) fn new(name: &str, settings: Section) -> Self {
        Profile {
            name: name.to_owned(),
            settings,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A setting that is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.settings.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// Settings of the store.
    pub(super) fn settings(&self) -> Vec<Setting> {
        // A role is for the library where its token is in a file.
        let is_for_library =
            |name: &str| !name.starts_with("role") || self.get("web_identity_token_file").is_some();
        SETTINGS
            .iter()
            .filter(|(name, _)| is_for_library(name))
            .filter_map(|(name, option)| Some(((*option).to_owned(), self.get(name)?.to_owned())))
            .collect()
    }
}
