//! The bucket of the S3 server of the tests, with the settings that its variables have.

use stonekeep::store::Store;
use stonekeep::store::remote::RemoteStore;
use stonekeep_testkit::skip;

/// The bucket's URL, or a note that there is none.
pub(super) fn of_test(test: &str) -> Option<String> {
    let needed = "needs an S3 server: STONEKEEP_TEST_S3=s3://BUCKET and its AWS_… variables";
    let bucket = std::env::var("STONEKEEP_TEST_S3").unwrap_or_default();
    match &*bucket {
        "" => skip::because(test, needed).unwrap(),
        "none" => {}
        _ => return Some(bucket),
    }
    None
}

/// The store at a URL, with options besides those of the server.
pub(super) fn opened(url: &str, options: &[(&str, &str)]) -> Store {
    let is_of_provider = |name: &str| name.starts_with("AWS_") || name.starts_with("AZURE_");
    let of_server = std::env::vars().filter(|(name, _)| is_of_provider(name));
    let mut settings: Vec<_> = of_server
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .filter(|(name, _)| RemoteStore::has_option(url, name))
        .collect();
    settings.extend(
        options
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    RemoteStore::open(url, &settings).unwrap().into()
}
