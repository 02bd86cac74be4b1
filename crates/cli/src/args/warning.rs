//! Parses the name of a warning.

use stonekeep::WarningName;

/// The name of a warning.
pub(crate) fn parse(text: &str) -> std::result::Result<WarningName, String> {
    WarningName::parse(text).ok_or_else(|| {
        let names: Vec<&str> = WarningName::ALL.iter().map(|name| name.as_str()).collect();
        format!("not the name of a warning; the names are {}", names.join(", "))
    })
}
