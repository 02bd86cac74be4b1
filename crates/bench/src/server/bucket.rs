//! A prefix in a bucket of an S3 server: `STONEKEEP_TEST_S3` and the variables `AWS_…`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _};
use serde::{Deserialize, Serialize};

use super::{put, runtime};

/// Names the bucket, and a prefix in it.
const URL: &str = "STONEKEEP_TEST_S3";
/// In the order in which the command looks at them.
const ENDPOINTS: [&str; 3] = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];

/// A prefix of a bucket. Credentials are not in it: everybody takes them from the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bucket {
    pub(crate) endpoint: String,
    pub(crate) name: String,
    /// Without a slash at either end.
    pub(crate) prefix: String,
}

impl Bucket {
    /// The one that the environment names.
    ///
    /// # Errors
    /// Says which variable is missing.
    pub(crate) fn of_environment() -> Result<Self> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let url = set(URL).with_context(|| format!("there is no {URL}=s3://BUCKET/PREFIX"))?;
        let endpoint = ENDPOINTS.into_iter().find_map(set);
        let endpoint = endpoint.context("there is no AWS_ENDPOINT_URL=http://HOST:PORT")?;
        Self::parse(&url, &endpoint)
    }

    fn parse(url: &str, endpoint: &str) -> Result<Self> {
        let rest = url.strip_prefix("s3://");
        let rest = rest.with_context(|| format!("{URL} is {url}, which is no s3:// URL"))?;
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        ensure!(!name.is_empty(), "{URL} is {url}, which names no bucket");
        Ok(Bucket {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            name: name.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
        })
    }

    /// A prefix below.
    pub(crate) fn join(&self, name: &str) -> Self {
        let prefix = match self.prefix.as_str() {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        };
        Bucket {
            prefix,
            ..self.clone()
        }
    }

    /// The same, reached through another address.
    pub(crate) fn through(&self, endpoint: &str) -> Self {
        Bucket {
            endpoint: endpoint.to_owned(),
            ..self.clone()
        }
    }

    /// As in `s3://BUCKET/PREFIX`.
    pub(crate) fn url(&self) -> String {
        format!("s3://{}/{}", self.name, self.prefix)
    }

    /// Puts files under the prefix, as a bare client does: so many requests at a time, large files in parts.
    ///
    /// # Errors
    /// Those of the store and of reading the files.
    pub(crate) fn put(&self, files: Vec<(PathBuf, String)>, requests: usize) -> Result<()> {
        let store: Arc<dyn ObjectStore> = Arc::new(self.open()?);
        let keyed: Result<Vec<_>> = files
            .into_iter()
            .map(|(path, name)| Ok((path, self.key(&name)?)))
            .collect();
        runtime()?.block_on(put::files(store, keyed?, requests))
    }

    /// Removes everything under the prefix, of which there are at least so many objects.
    ///
    /// # Errors
    /// Those of the store; fewer objects.
    pub(crate) fn remove(&self, at_least: u64) -> Result<()> {
        let store = self.open()?;
        let prefix = ObjectPath::parse(&self.prefix)?;
        let removed = runtime()?.block_on(async {
            let keys: Vec<ObjectPath> = store
                .list(Some(&prefix))
                .map_ok(|object| object.location)
                .try_collect()
                .await?;
            let count = keys.len() as u64;
            let keys = futures_util::stream::iter(keys).map(Ok).boxed();
            store
                .delete_stream(keys)
                .try_for_each(|_| async { Ok(()) })
                .await?;
            Ok::<u64, object_store::Error>(count)
        });
        let removed = removed.with_context(|| format!("removing {}", self.url()))?;
        ensure!(
            removed >= at_least,
            "{} had {removed} objects, not {at_least}",
            self.url()
        );
        Ok(())
    }

    /// Tries whether there is such a bucket that can be read and written.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) fn try_out(&self) -> Result<()> {
        let store = self.open()?;
        let key = self.key("try")?;
        let tried = runtime()?.block_on(async {
            store.put(&key, "try".into()).await?;
            store.delete(&key).await
        });
        tried.with_context(|| format!("trying {} at {}", self.url(), self.endpoint))
    }

    fn open(&self) -> Result<AmazonS3> {
        AmazonS3Builder::from_env()
            .with_endpoint(&self.endpoint)
            .with_allow_http(true)
            .with_bucket_name(&self.name)
            .build()
            .with_context(|| format!("opening {} at {}", self.url(), self.endpoint))
    }

    fn key(&self, name: &str) -> Result<ObjectPath> {
        ObjectPath::parse(format!("{}/{name}", self.prefix))
            .map_err(|error| anyhow!("{name} below {}: {error}", self.prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_bucket_and_a_prefix() {
        let parse = |url: &str| Bucket::parse(url, "http://127.0.0.1:1/").unwrap();
        let bucket = parse("s3://b");
        assert_eq!((bucket.name.as_str(), bucket.prefix.as_str()), ("b", ""));
        assert_eq!(bucket.endpoint, "http://127.0.0.1:1");
        assert_eq!(bucket.join("x").url(), "s3://b/x");
        assert_eq!(parse("s3://b/c/d/").join("x").url(), "s3://b/c/d/x");
        assert_eq!(
            bucket.through("http://127.0.0.1:2").endpoint,
            "http://127.0.0.1:2"
        );
        assert!(Bucket::parse("gs://b", "").is_err());
        assert!(Bucket::parse("s3://", "").is_err());
    }
}
