//! Repositories in a bucket: each trial has a prefix of its own.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use stonekeep::store::Store;
use stonekeep::store::remote::RemoteStore;
use stonekeep_testkit::server::BUCKET;

use super::words::Site;
use crate::place::Place;

/// Short, so that a command that was killed while it deleted is not waited for long, but long enough for a slow machine.
const PERIOD: (&str, &str) = ("lease_period", "20s");
const OPTION: &str = "lease_period=20s";
const WAIT: &str = "120s";

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Bucket {
    /// Of this run.
    url: String,
    settings: Vec<(String, String)>,
    places: AtomicU64,
}

impl Bucket {
    /// The bucket that [`BUCKET`] names, with the settings that `AWS_…` has.
    pub(super) fn of_environment() -> Result<Self> {
        let bucket = std::env::var(BUCKET).ok().filter(|url| url.contains("://"));
        let bucket = bucket.with_context(|| format!("{BUCKET} names no bucket"))?;
        let variables = std::env::vars().map(|(name, value)| (name.to_ascii_lowercase(), value));
        let mut settings: Vec<(String, String)> = variables
            .filter(|(name, _)| name.starts_with("aws_") && RemoteStore::has_option(&bucket, name))
            .collect();
        settings.push((PERIOD.0.to_owned(), PERIOD.1.to_owned()));
        Ok(Bucket {
            url: format!("{bucket}/torture/{}", std::process::id()),
            settings,
            places: AtomicU64::new(0),
        })
    }

    /// An empty place.
    pub(super) fn place(&self) -> Result<(Place, Site)> {
        let number = self.places.fetch_add(1, Ordering::Relaxed);
        let url = format!("{}/{number}", self.url);
        let store = Store::from(RemoteStore::open(&url, &self.settings)?);
        let site = Site {
            url,
            option: Some(OPTION),
            wait: Some(WAIT),
        };
        Ok((Place::of_bucket(store), site))
    }
}
