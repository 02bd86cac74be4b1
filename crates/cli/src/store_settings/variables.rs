//! The settings of a store in environment variables.

use stonekeep::store::remote::RemoteStore;

use super::names::Setting;

/// What the variables of providers begin with.
const PREFIXES: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];

/// Variables of the providers' tools whose settings have other names here. Of several, the last one counts.
const RENAMED: [(&str, &str); 7] = [
    ("SERVICE_ACCOUNT", "google_service_account"),
    ("MSI_ENDPOINT", "azure_msi_endpoint"),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "aws_metadata_endpoint"),
    ("AWS_CA_BUNDLE", "ca_bundle"),
    ("AWS_ENDPOINT", "aws_endpoint"),
    ("AWS_ENDPOINT_URL", "aws_endpoint"),
    ("AWS_ENDPOINT_URL_S3", "aws_endpoint"),
];

/// The value of a variable that is not empty.
pub(super) fn given(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

pub(super) fn is_s3(url: &str) -> bool {
    let scheme = url
        .split_once("://")
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme.is_some_and(|scheme| matches!(&*scheme, "s3" | "s3a"))
}

/// Those that the store of a URL has.
pub(super) fn of(url: &str) -> Vec<Setting> {
    let mut settings = Vec::new();
    for (name, value) in std::env::vars_os() {
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else {
            continue;
        };
        let is_known = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let is_renamed = RENAMED.iter().any(|(variable, _)| *variable == name);
        if is_known && !is_renamed && !value.is_empty() {
            settings.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }
    let renamed = RENAMED
        .iter()
        .filter_map(|(variable, name)| Some(((*name).to_owned(), given(variable)?)));
    settings.extend(renamed);
    settings.retain(|(name, _)| RemoteStore::has_option(url, name));
    settings
}
