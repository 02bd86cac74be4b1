//! Reads the tables `[repository.NAME]`: a place, the settings of its store, and options for the databases that are backed up there.

use clap::Command;
use toml::de::{DeTable, DeValue};
use url::Url;

use super::options::{VerbOptions, verb_names};
use super::problem::{At, Problem};
use super::reference::{FORMS, Reference};
use super::table::{Reader, Value};
use crate::args::place::scheme;

/// A place for repositories.
#[derive(Debug, Clone)]
pub(super) struct Repository {
    pub(super) name: String,
    pub(super) at: At,
    /// A path or a URL.
    pub(super) location: Option<String>,
    pub(super) settings: Vec<Setting>,
    pub(super) options: VerbOptions,
}

/// A setting of the store, as `--store-option` gives one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) key: String,
    pub(crate) value: Reference,
    pub(crate) at: At,
}

const KEYS: [&str; 3] = ["path", "url", "store-option"];

impl Repository {
    pub(super) fn read<'t>(
        reader: &mut Reader<'t>,
        (name, at): (&str, At),
        (table, cli): (&DeTable<'t>, &Command),
    ) -> Self {
        let place = format!("repository.{name}");
        let mut repository = Repository {
            name: name.to_owned(),
            at,
            location: None,
            settings: Vec::new(),
            options: VerbOptions::default(),
        };
        for (key, value) in table {
            let what = format!("{place}.{}", key.get_ref());
            match &**key.get_ref() {
                both @ ("path" | "url") => {
                    let location = match both {
                        "path" => reader.path(value, &what).map(|path| path.display().to_string()),
                        _ => url(reader, value, &what),
                    };
                    if repository.location.is_some() && location.is_some() {
                        reader.wrong(
                            key.span(),
                            format!("{place} has a path and a url: it is in one place"),
                        );
                    }
                    repository.location = location.or(repository.location);
                }
                "store-option" => repository.settings = settings(reader, value, &what),
                other => {
                    if !repository.options.read(reader, (key, value), (&place, cli)) {
                        let known = KEYS.into_iter().chain(verb_names(cli));
                        reader.unknown(key.span(), (other, &place), known);
                    }
                }
            }
        }
        if !table.contains_key("path") && !table.contains_key("url") {
            let problem = Problem::new(at, format!("{place} has no place"));
            reader.problem(problem.with_hint("add path = \"/directory\" or url = \"s3://bucket/prefix\""));
        }
        repository
    }
}

/// The URL of a store, without a secret in it.
pub(super) fn url<'t>(reader: &mut Reader<'t>, value: &Value<'t>, what: &str) -> Option<String> {
    let text = reader.string(value, what)?;
    let at = reader.at(value.span());
    if scheme(text).is_none() {
        reader.problem(
            Problem::new(at, format!("{what} must be a URL")).with_hint("a directory is named by path"),
        );
        return None;
    }
    has_no_secret(reader, text, (what, at)).then(|| text.to_owned())
}

/// Whether a text is a URL without a secret in it; if not, that is reported.
pub(super) fn has_no_secret(reader: &mut Reader<'_>, text: &str, (what, at): (&str, At)) -> bool {
    let problem = match Url::parse(text) {
        Ok(url) if url.password().is_none() && url.query().is_none() => return true,
        Ok(_) => {
            let message =
                format!("{what} must have no password and no query: they would be secrets in this file");
            let hint = "give credentials by reference in the table store-option of a repository";
            Problem::new(at, message).with_hint(hint)
        }
        Err(error) => Problem::new(at, format!("{what}: {error}")),
    };
    reader.problem(problem);
    false
}

fn settings<'t>(reader: &mut Reader<'t>, value: &Value<'t>, what: &str) -> Vec<Setting> {
    let mut settings = Vec::new();
    let Some(table) = reader.table(value, what) else {
        return settings;
    };
    for (key, value) in table {
        let (name, at) = (key.get_ref().to_string(), reader.at(key.span()));
        let what = format!("{what}.{name}");
        let is_literal = !matches!(value.get_ref(), DeValue::Table(_));
        if is_literal && is_secret(&name) {
            let at = reader.at(value.span());
            let message = format!("{what} is a secret, which this file must not have");
            reader.problem(Problem::new(at, message).with_hint(FORMS));
            continue;
        }
        if let Some(value) = Reference::read(reader, value, &what) {
            let key = name;
            settings.push(Setting { key, value, at });
        }
    }
    settings
}

/// Whether the setting of this name is a secret, and not the name of a file or an identifier of one.
fn is_secret(name: &str) -> bool {
    const PARTS: [&str; 8] = [
        "secret",
        "password",
        "token",
        "sas_key",
        "account_key",
        "access_key",
        "master_key",
        "customer_key",
    ];
    const NO_SECRETS: [&str; 5] = ["_id", "_file", "_uri", "_url", "_path"];
    let name = name.to_ascii_lowercase();
    let is_other = NO_SECRETS.iter().any(|end| name.ends_with(end));
    !is_other && PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in [
            "aws_secret_access_key",
            "AWS_SESSION_TOKEN",
            "token",
            "azure_storage_account_key",
            "azure_storage_sas_token",
            "azure_client_secret",
            "google_service_account_key",
            "aws_sse_customer_key_base64",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "aws_region",
            "aws_access_key_id",
            "aws_web_identity_token_file",
            "aws_endpoint",
            "aws_sse_kms_key_id",
            "hdfs_user",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
