//! Fetches credentials, keeps them while they last, and fetches them again.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use object_store::aws::{
    AmazonS3Builder as Builder, AmazonS3ConfigKey as Key, AwsCredential, AwsCredentialProvider,
};
use object_store::{ClientConfigKey, CredentialProvider, Error, Result, RetryConfig};
use tokio::sync::Mutex;

use super::super::first_contact::METADATA_LIMIT;
use super::{CredentialSource, Credentials};
use crate::{Clock, SystemClock};

/// How long before their end credentials are fetched again.
const AHEAD: Duration = Duration::from_secs(300);

/// How soon after a fetch there is another one, if they end soon or were refused.
const PAUSE: Duration = Duration::from_secs(10);

/// How long the last credentials are used while no new ones can be fetched whose end is not known: the client fetches them five
/// minutes before.
const BRIDGED: Duration = Duration::from_secs(240);

/// See the module.
pub(in super::super) struct Renewing {
    source: Source,
    held: Mutex<Option<Held>>,
    pause: Duration,
}

enum Source {
    Own(Arc<dyn CredentialSource>),
    /// What the client does by itself with these settings: keys, a web identity, a container, an instance.
    Client(Box<Builder>),
}

struct Held {
    credential: Arc<AwsCredential>,
    expires: Option<SystemTime>,
    fetched: Instant,
    /// When they were refused, and no others could be fetched.
    refused: Option<Instant>,
    /// What fetches credentials for the client, and keeps them.
    provider: Option<AwsCredentialProvider>,
}

impl Renewing {
    /// # Errors
    /// Settings that contradict each other.
    pub(in super::super) fn new(
        source: Option<Arc<dyn CredentialSource>>,
        settings: &Builder,
    ) -> Result<Self> {
        let source = match source {
            Some(source) => Source::Own(source),
            None => {
                let settings = settings.clone().with_bucket_name("any");
                provider(&settings)?;
                Source::Client(Box::new(settings))
            }
        };
        Ok(Renewing {
            source,
            held: Mutex::default(),
            pause: PAUSE,
        })
    }

    /// Fetches others than those with this token, unless that has been done. Whether there are others now.
    pub(in super::super) async fn renew(&self, refused_token: &str) -> bool {
        let is_refused = |held: &Held| held.credential.token.as_deref() == Some(refused_token);
        let mut held = self.held.lock().await;
        match held.as_ref() {
            Some(held) if !is_refused(held) => return true,
            Some(held) if held.refused.is_some_and(|at| at.elapsed() < self.pause) => return false,
            _ => {}
        }
        match self.fetch(None).await {
            Ok(fetched) => *held = Some(fetched),
            Err(error) => {
                tracing::warn!(%error, "credentials have ended, and no others can be fetched");
            }
        }
        match held.as_mut().filter(|held| is_refused(held)) {
            Some(held) => {
                held.refused = Some(Instant::now());
                false
            }
            None => true,
        }
    }

    /// Also through a provider that keeps credentials by itself.
    async fn fetch(&self, provider_of_client: Option<AwsCredentialProvider>) -> Result<Held> {
        let (credential, expires, provider) = match &self.source {
            Source::Own(source) => {
                let source = Arc::clone(source);
                let fetched = tokio::task::spawn_blocking(move || source.fetch()).await;
                let fetched = fetched.map_err(|error| none(error.to_string()))?.map_err(none)?;
                let expires = fetched.expires;
                (Arc::new(credential(fetched)), expires, None)
            }
            Source::Client(settings) => {
                let provider = match provider_of_client {
                    Some(provider) => provider,
                    None => provider(settings)?,
                };
                (provider.get_credential().await?, None, Some(provider))
            }
        };
        Ok(Held {
            credential,
            expires,
            fetched: Instant::now(),
            refused: None,
            provider,
        })
    }
}

impl Held {
    /// Whether a request may be signed with them. A provider decides by itself.
    fn lasts(&self, pause: Duration) -> bool {
        let lasts_for = |time| self.expires.is_none_or(|end| SystemClock.now() + time < end);
        let recent = self.fetched.elapsed() < pause && lasts_for(Duration::ZERO);
        self.provider.is_none() && (lasts_for(AHEAD) || recent)
    }

    /// Whether they will do when no others can be fetched.
    fn bridges(&self) -> bool {
        match self.expires {
            Some(end) => SystemClock.now() < end,
            None => self.provider.is_some() && self.fetched.elapsed() < BRIDGED,
        }
    }
}

#[async_trait]
impl CredentialProvider for Renewing {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> Result<Arc<AwsCredential>> {
        let mut held = self.held.lock().await;
        if let Some(held) = held.as_ref().filter(|held| held.lasts(self.pause)) {
            return Ok(Arc::clone(&held.credential));
        }
        let provider = held.as_ref().and_then(|held| held.provider.clone());
        match self.fetch(provider).await {
            Ok(fetched) => {
                let credential = Arc::clone(&fetched.credential);
                *held = Some(fetched);
                Ok(credential)
            }
            Err(error) => match held.as_ref().filter(|held| held.bridges()) {
                Some(held) => {
                    tracing::warn!(%error, "credentials end soon, and no others can be fetched");
                    Ok(Arc::clone(&held.credential))
                }
                None => Err(error),
            },
        }
    }
}

/// What fetches credentials with these settings.
fn provider(settings: &Builder) -> Result<AwsCredentialProvider> {
    let mut settings = settings.clone();
    if is_of_an_instance(&settings) {
        let once = RetryConfig {
            max_retries: 0,
            ..RetryConfig::default()
        };
        let limit = Key::Client(ClientConfigKey::Timeout);
        settings = settings
            .with_retry(once)
            .with_config(limit, format!("{} s", METADATA_LIMIT.as_secs()));
    }
    Ok(Arc::clone(settings.build()?.credentials()))
}

/// Whether nothing else than the metadata service of an instance can have credentials.
fn is_of_an_instance(settings: &Builder) -> bool {
    let others = [
        Key::AccessKeyId,
        Key::SecretAccessKey,
        Key::WebIdentityTokenFile,
        Key::ContainerCredentialsRelativeUri,
        Key::ContainerCredentialsFullUri,
    ];
    others.iter().all(|key| settings.get_config_value(key).is_none())
}

fn credential(fetched: Credentials) -> AwsCredential {
    AwsCredential {
        key_id: fetched.key_id,
        secret_key: fetched.secret_key,
        token: fetched.session_token,
    }
}

fn none(why: String) -> Error {
    Error::Unauthenticated {
        path: "credentials".to_owned(),
        source: why.into(),
    }
}

impl fmt::Debug for Renewing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewing").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Another token each time, or an error.
    #[derive(Debug)]
    struct Counting {
        fetched: AtomicU32,
        lasts: Duration,
        works: u32,
    }

    impl Counting {
        fn new(lasts: Duration, works: u32) -> Arc<Self> {
            Arc::new(Counting {
                fetched: AtomicU32::new(0),
                lasts,
                works,
            })
        }
    }

    impl CredentialSource for Counting {
        fn fetch(&self) -> std::result::Result<Credentials, String> {
            let number = self.fetched.fetch_add(1, Ordering::Relaxed);
            if number >= self.works {
                return Err("no more".to_owned());
            }
            let token = format!("token {number}");
            let credentials = Credentials::new("id", "key").with_session_token(token);
            Ok(credentials.with_expiry(SystemClock.now() + self.lasts))
        }
    }

    fn runs<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build();
        runtime.unwrap().block_on(work)
    }

    fn renewing(source: &Arc<Counting>, pause: Duration) -> Renewing {
        let renewing = Renewing::new(Some(source.clone()), &Builder::new()).unwrap();
        Renewing { pause, ..renewing }
    }

    async fn token(renewing: &Renewing) -> String {
        let credential = renewing.get_credential().await.unwrap();
        credential.token.clone().unwrap()
    }

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn credentials_are_kept_until_shortly_before_their_end() {
        runs(async {
            for (lasts, pause, second) in [
                (LONG, Duration::ZERO, "token 0"),
                // Not with each request.
                (AHEAD - PAUSE, LONG, "token 0"),
                (AHEAD - PAUSE, Duration::ZERO, "token 1"),
            ] {
                let renewing = renewing(&Counting::new(lasts, 9), pause);
                assert_eq!(token(&renewing).await, "token 0");
                assert_eq!(token(&renewing).await, second, "{lasts:?}");
            }
        });
    }

    #[test]
    fn a_failure_to_fetch_is_bridged_until_the_end() {
        runs(async {
            for (lasts, is_bridged) in [(200, true), (0, false)] {
                let source = Counting::new(Duration::from_secs(lasts), 1);
                let renewing = renewing(&source, Duration::ZERO);
                assert_eq!(token(&renewing).await, "token 0");
                assert_eq!(renewing.get_credential().await.is_ok(), is_bridged, "{lasts}");
                assert_eq!(source.fetched.load(Ordering::Relaxed), 2);
            }
        });
    }

    #[test]
    fn refused_ones_are_fetched_again_once_for_all_requests() {
        let source = Counting::new(LONG, 2);
        runs(async {
            let renewing = renewing(&source, LONG);
            assert_eq!(token(&renewing).await, "token 0");
            for _ in 0..3 {
                assert!(renewing.renew("token 0").await);
                assert_eq!(token(&renewing).await, "token 1");
            }
            // There are no more: that is not tried for each request.
            for _ in 0..3 {
                assert!(!renewing.renew("token 1").await);
                assert_eq!(token(&renewing).await, "token 1");
            }
        });
        assert_eq!(source.fetched.load(Ordering::Relaxed), 3);
    }
}
