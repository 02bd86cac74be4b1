//! Opens the client of a URL, with the settings that options name.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use url::Url;

use super::credentials::CredentialSource;
use super::errors;
use super::holding::NewClient;
use super::limits::{self, Limits};
use super::provider::{self, Clients, Provider, S3};
use super::region;
use super::traffic::Traffic;
use super::trust;
use crate::store::Machine;
use crate::store::lease::Times;
use crate::{Error, Result};

/// The limit in time of a whole request: none, since a slow line would exceed any with a large object. A body that stalls
/// ends by the limit of the client.
const NO_LIMIT: (&str, &str) = ("timeout", "365 days");

/// The option with the seconds that a lease lasts.
const LEASE_PERIOD: &str = "lease_period";

/// What a URL names.
pub(super) struct Opened {
    /// Where it runs, if that is another machine.
    pub(super) machine: Option<Arc<dyn Machine>>,
    pub(super) clients: Clients,
    /// Makes further clients, which repeat no request by themselves.
    pub(super) new_client: NewClient,
    /// The times of leases and pins.
    pub(super) times: Times,
    /// The prefix of the repository.
    pub(super) prefix: Path,
    /// The place for messages. Has no credentials in it.
    pub(super) display: String,
    /// What may be asked of the store.
    pub(super) limits: Limits,
}

/// The clients, the prefix, and the place.
pub(super) fn open(
    url: &str,
    options: &[(String, String)],
    credentials: Option<Arc<dyn CredentialSource>>,
) -> Result<Opened> {
    let (limits, options) = &Limits::take(options)?;
    let traffic = &Traffic::new(*limits);
    let parsed = Url::parse(url).map_err(|error| invalid(url, &error))?;
    let bucket = parsed.host_str().filter(|host| !host.is_empty());
    let bucket = bucket.ok_or_else(|| invalid(url, &"it names no bucket"))?;
    let prefix = Path::from_url_path(parsed.path()).map_err(|error| invalid(url, &error))?;
    let (settings, times) = lease_times(options)?;
    let (settings, trust) = trust::take(&settings)?;
    if credentials.is_some() && !is_s3(parsed.scheme()) {
        return Err(invalid(url, &"only S3 has credentials from a source"));
    }
    let (clients, new_client) = match parsed.scheme() {
        "s3" | "s3a" => {
            let set =
                |builder: AmazonS3Builder, key: AmazonS3ConfigKey, value| builder.with_config(key, value);
            let builder = AmazonS3Builder::new().with_client_options(trust.clone());
            let builder = with_options(builder, &settings, set)?.with_bucket_name(bucket);
            let builder = region::discovered(builder, bucket, &trust);
            let provider = S3::new(builder, credentials).map_err(|error| contradiction(url, error))?;
            clients(url, provider, traffic)?
        }
        "gs" => {
            let set = |builder: GoogleCloudStorageBuilder, key: GoogleConfigKey, value| {
                builder.with_config(key, value)
            };
            let builder = GoogleCloudStorageBuilder::new().with_client_options(trust);
            let builder = with_options(builder, &settings, set)?;
            clients(url, builder.with_bucket_name(bucket), traffic)?
        }
        "az" => {
            let set =
                |builder: MicrosoftAzureBuilder, key: AzureConfigKey, value| builder.with_config(key, value);
            let builder = MicrosoftAzureBuilder::new().with_client_options(trust);
            let builder = with_options(builder, &settings, set)?;
            clients(url, builder.with_container_name(bucket), traffic)?
        }
        scheme => {
            let reason = format!("{scheme:?} is not a kind of store: use s3, gs, az, hdfs, https or file");
            return Err(invalid(url, &reason));
        }
    };
    let place = match prefix.as_ref() {
        "" => format!("{}://{bucket}", parsed.scheme()),
        prefix => format!("{}://{bucket}/{prefix}", parsed.scheme()),
    };
    Ok(Opened {
        machine: None,
        clients,
        new_client,
        times,
        prefix,
        display: place,
        limits: *limits,
    })
}

fn is_s3(scheme: &str) -> bool {
    matches!(scheme, "s3" | "s3a")
}

/// Whether a store of this URL has an option of this name.
pub(super) fn has_option(url: &str, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_own = name == LEASE_PERIOD || trust::is_name(&name) || limits::NAMES.contains(&&*name);
    let (scheme, _) = url.split_once(':').unwrap_or_default();
    let is_of_client = match scheme.to_ascii_lowercase().as_str() {
        scheme if is_s3(scheme) => name.parse::<AmazonS3ConfigKey>().is_ok(),
        "gs" => name.parse::<GoogleConfigKey>().is_ok(),
        "az" => name.parse::<AzureConfigKey>().is_ok(),
        _ => false,
    };
    is_own || is_of_client
}

fn clients<P: Provider>(url: &str, provider: P, traffic: &Traffic) -> Result<(Clients, NewClient)> {
    let clients = provider::clients(&provider, traffic).map_err(|error| contradiction(url, error))?;
    let url = url.to_owned();
    let new_client = move || provider::one_more(&provider).map_err(|error| contradiction(&url, error));
    Ok((clients, Box::new(new_client)))
}

/// The options without the one that is this crate's own.
fn lease_times(options: &[(String, String)]) -> Result<(Vec<(String, String)>, Times)> {
    let is_own = |option: &&(String, String)| option.0.eq_ignore_ascii_case(LEASE_PERIOD);
    let times = match options.iter().rfind(is_own) {
        None => Times::default(),
        Some((name, text)) => {
            let seconds = text.strip_suffix('s').unwrap_or(text).trim().parse();
            let seconds = seconds.map_err(|_| {
                Error::invalid(format!(
                    "{name}={text} is no time: use seconds, as in {LEASE_PERIOD}=600s"
                ))
            })?;
            Times::of_period(Duration::from_secs(seconds))?
        }
    };
    let settings = options.iter().filter(|option| !is_own(option)).cloned().collect();
    Ok((settings, times))
}

/// The builder with the defaults of this crate and these options, in their order.
pub(super) fn with_options<B, K: FromStr>(
    builder: B,
    options: &[(String, String)],
    set: impl Fn(B, K, String) -> B,
) -> Result<B> {
    let options = options
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    [NO_LIMIT]
        .into_iter()
        .chain(options)
        .try_fold(builder, |builder, (name, value)| {
            let key = name.to_ascii_lowercase().parse();
            let key = key.map_err(|_| {
                let own = limits::NAMES.join(", ");
                Error::invalid(format!("this store has no option {name:?}"))
                    .with_hint(format!("options are those of the crate object_store, and {own}"))
            })?;
            Ok(set(builder, key, value.to_owned()))
        })
}

/// A URL without user, password, query and a slash at its end, for messages.
pub(super) fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let host = url.host_str().unwrap_or_default();
    format!(
        "{}://{host}{port}{}",
        url.scheme(),
        url.path().trim_end_matches('/')
    )
}

pub(super) fn invalid(url: &str, reason: &dyn fmt::Display) -> Error {
    let url = errors::without_secrets(url);
    Error::invalid(format!("{url:?} is not the URL of a store: {reason}"))
}

pub(super) fn contradiction(url: &str, error: object_store::Error) -> Error {
    let reason = errors::without_secrets(&error.to_string());
    Error::invalid(format!(
        "{} cannot be opened: {reason}",
        errors::without_secrets(url)
    ))
    .with_hint("check the options of the store, and the environment variables of the provider")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(url: &str, options: &[(&str, &str)]) -> Result<(String, String)> {
        let options: Vec<_> = options
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        open(url, &options, None).map(|opened| (opened.prefix.to_string(), opened.display))
    }

    #[test]
    fn a_url_names_bucket_and_prefix() {
        let options = [
            ("aws_region", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("aws_secret_access_key", "key"),
        ];
        for (url, prefix, place) in [
            ("s3://bucket", "", "s3://bucket"),
            ("s3://bucket/", "", "s3://bucket"),
            ("s3://bucket/db/one/", "db/one", "s3://bucket/db/one"),
            ("s3a://bucket/a%20b", "a b", "s3a://bucket/a b"),
        ] {
            let expected = (prefix.to_owned(), place.to_owned());
            assert_eq!(opened(url, &options).unwrap(), expected, "{url}");
        }
    }

    #[test]
    fn each_kind_of_store_takes_its_own_options() {
        let azure = [
            ("azure_storage_account_name", "account"),
            ("azure_storage_account_key", "a2V5"),
        ];
        let of_container = ("p".to_owned(), "az://container/p".to_owned());
        assert_eq!(opened("az://container/p", &azure).unwrap(), of_container);
        let no_key = [azure[0], ("azure_storage_account_key", "no base64!")];
        let error = opened("az://container/p", &no_key).unwrap_err();
        assert!(
            error.to_string().contains("az://container/p cannot be opened"),
            "{error}"
        );
        let google = [("google_skip_signature", "true")];
        let of_bucket = ("db/one".to_owned(), "gs://bucket/db/one".to_owned());
        assert_eq!(opened("gs://bucket/db/one", &google).unwrap(), of_bucket);
        for (url, of_another) in [("gs://bucket", &azure[..1]), ("az://container", &google[..])] {
            let error = opened(url, of_another).unwrap_err();
            assert!(error.to_string().contains("this store has no option"), "{error}");
        }
        for seconds in ["ten minutes", "0"] {
            let error = opened("gs://bucket", &[google[0], ("lease_period", seconds)]).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidArgument, "{seconds}");
        }
    }

    #[derive(Debug)]
    struct NoSource;

    impl CredentialSource for NoSource {
        fn fetch(&self) -> std::result::Result<crate::store::remote::Credentials, String> {
            Err("no credentials".to_owned())
        }
    }

    #[test]
    fn a_source_of_credentials_is_refused_where_it_would_be_ignored() {
        for url in ["gs://bucket/p", "az://container/p"] {
            let error = open(url, &[], Some(Arc::new(NoSource))).map(drop).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidArgument, "{url}");
            let text = error.to_string();
            assert!(text.contains(url) && text.contains("only S3"), "{text}");
        }
    }

    #[test]
    fn options_are_those_of_the_kind_of_store() {
        for (url, name, expected) in [
            ("s3://b", "aws_region", true),
            ("S3a://b", "AWS_REGION", true),
            ("s3://b", "aws_profile", false),
            ("s3://b", "google_service_account", false),
            ("gs://b", "google_service_account", true),
            ("az://b", "azure_storage_account_name", true),
            ("az://b", "allow_http", true),
            ("gs://b", "lease_period", true),
            ("s3://b", "ca_bundle", true),
            ("hdfs://h", "hdfs_user", false),
            ("no url", "aws_region", false),
        ] {
            assert_eq!(has_option(url, name), expected, "{url} {name}");
        }
    }

    #[test]
    fn what_no_store_has_is_invalid() {
        for (url, options, reason) in [
            ("s3:///prefix", [("aws_region", "x")], "no bucket"),
            (
                "ftp://host/p",
                [("aws_region", "x")],
                "use s3, gs, az, hdfs, https or file",
            ),
            ("s3://bucket/p", [("aws_regoin", "x")], "aws_regoin"),
            ("s3://bucket/a//b", [("aws_region", "x")], "not the URL"),
        ] {
            let error = opened(url, &options).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidArgument, "{url}");
            assert!(error.to_string().contains(reason), "{error}");
        }
    }
}
