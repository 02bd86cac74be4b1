//! The place of a repository, as it may be shown.

use url::Url;

/// A URL without user, password and query; anything else as it is.
pub(crate) fn without_secrets(location: &str) -> String {
    let Some(mut url) = Url::parse(location).ok().filter(Url::has_host) else {
        return location.to_owned();
    };
    let is_clean = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if is_clean {
        return location.to_owned();
    }
    url.set_query(None);
    // Both fail only for URLs without a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}
