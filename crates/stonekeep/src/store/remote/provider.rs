//! What the clients of the providers have in common.

use std::sync::{Arc, Mutex, PoisonError};

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::azure::{MicrosoftAzure, MicrosoftAzureBuilder};
use object_store::client::{HttpClient, HttpConnector, ReqwestConnector};
use object_store::gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder};
use object_store::signer::{HeaderMap, Signer};
use object_store::{ClientOptions, ObjectStore, Result, RetryConfig};

use super::attempts;
use super::credentials::{CredentialSource, Renewing, SignedAgain};
use super::encryption;
use super::fence::Sender;
use super::signed::{SignedClient, SignedRequests};
use super::traffic::Traffic;
use super::upload::Sessions;

/// The settings of a client.
pub(super) trait Provider: Clone + Send + Sync + 'static {
    type Client: ObjectStore + Signer;
    const REQUESTS: SignedRequests;
    /// Whether listings are in the order of the names, and can begin after any of them.
    const LISTS_IN_ORDER: bool;

    /// What fetches credentials again that the store says have ended.
    fn credentials(&self) -> Option<Arc<Renewing>> {
        None
    }
    fn with_retries(self, retries: RetryConfig) -> Self;
    fn with_connector(self, connector: Connector) -> Self;
    fn client(self) -> Result<Self::Client>;
    fn sessions(reads: &Arc<Self::Client>, writes: &Arc<Self::Client>) -> Sessions;
    /// What the client says in each put besides the object: a signed put has to say the same.
    fn put_headers(&self) -> Result<HeaderMap> {
        Ok(HeaderMap::new())
    }
}

/// The clients of one store.
pub(super) struct Clients {
    /// Repeats requests by itself.
    pub(super) reads: Arc<dyn ObjectStore>,
    /// Does not.
    pub(super) writes: Arc<dyn ObjectStore>,
    /// Whether listings are in the order of the names, and can begin after any of them.
    pub(super) lists_in_order: bool,
    pub(super) sessions: Sessions,
    pub(super) sender: Sender,
}

/// Makes the clients of a store. Requests under a lease, which run out, and those of leases do not wait for others.
pub(super) fn clients<P: Provider>(provider: &P, traffic: &Traffic) -> Result<Clients> {
    let new_connector = || Connector::new(Some(traffic.clone()), provider.credentials());
    let reads = provider.clone().with_retries(attempts::of_reads());
    let reads = Arc::new(reads.with_connector(new_connector()).client()?);
    let connector = new_connector();
    let writes = provider.clone().with_retries(once());
    let writes = Arc::new(writes.with_connector(connector.clone()).client()?);
    let sender = match connector.last() {
        Some(http) => {
            let signed = SignedClient::new(writes.clone(), P::REQUESTS, http);
            let signed = signed.with_credentials(provider.credentials());
            Sender::Signed(signed.with_put_headers(provider.put_headers()?))
        }
        None => Sender::Plain {
            store: writes.clone(),
            used_by_one_process: false,
        },
    };
    Ok(Clients {
        sessions: P::sessions(&reads, &writes),
        reads,
        writes,
        lists_in_order: P::LISTS_IN_ORDER,
        sender,
    })
}

/// Makes one more client, which repeats no request by itself.
pub(super) fn one_more<P: Provider>(provider: &P) -> Result<Arc<dyn ObjectStore>> {
    let connector = Connector::new(None, provider.credentials());
    let one_more = provider.clone().with_retries(once()).with_connector(connector);
    Ok(Arc::new(one_more.client()?))
}

fn once() -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    }
}

/// Connects as the client does by itself, and keeps the last connection: the client's own, after those for credentials. So
/// signed requests go through the same proxy, and trust the same certificates. The client itself sends as the traffic allows,
/// and once more what was signed by credentials that have ended.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    last: Arc<Mutex<Option<HttpClient>>>,
    traffic: Option<Traffic>,
    credentials: Option<Arc<Renewing>>,
}

impl Connector {
    fn new(traffic: Option<Traffic>, credentials: Option<Arc<Renewing>>) -> Self {
        Connector {
            last: Arc::default(),
            traffic,
            credentials,
        }
    }

    fn last(&self) -> Option<HttpClient> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(client.clone());
        let client = match &self.traffic {
            Some(traffic) => traffic.govern(client),
            None => client,
        };
        Ok(match &self.credentials {
            Some(credentials) => SignedAgain::client(client, Arc::clone(credentials)),
            None => client,
        })
    }
}

/// The settings of S3, and credentials that all clients share.
#[derive(Clone)]
pub(super) struct S3 {
    builder: AmazonS3Builder,
    credentials: Arc<Renewing>,
}

impl S3 {
    pub(super) fn new(builder: AmazonS3Builder, source: Option<Arc<dyn CredentialSource>>) -> Result<Self> {
        let credentials = Arc::new(Renewing::new(source, &builder)?);
        Ok(S3 {
            builder: builder.with_credentials(credentials.clone()),
            credentials,
        })
    }
}

impl Provider for S3 {
    type Client = AmazonS3;
    const REQUESTS: SignedRequests = SignedRequests::S3;
    const LISTS_IN_ORDER: bool = true;

    fn credentials(&self) -> Option<Arc<Renewing>> {
        Some(Arc::clone(&self.credentials))
    }

    fn with_retries(mut self, retries: RetryConfig) -> Self {
        self.builder = self.builder.with_retry(retries);
        self
    }

    fn with_connector(mut self, connector: Connector) -> Self {
        self.builder = self.builder.with_http_connector(connector);
        self
    }

    fn client(self) -> Result<AmazonS3> {
        self.builder.build()
    }

    fn sessions(_: &Arc<AmazonS3>, writes: &Arc<AmazonS3>) -> Sessions {
        Sessions::ById(writes.clone())
    }

    fn put_headers(&self) -> Result<HeaderMap> {
        encryption::put_headers(&self.builder)
    }
}

impl Provider for GoogleCloudStorageBuilder {
    type Client = GoogleCloudStorage;
    const REQUESTS: SignedRequests = SignedRequests::Google;
    const LISTS_IN_ORDER: bool = true;

    fn with_retries(self, retries: RetryConfig) -> Self {
        self.with_retry(retries)
    }

    fn with_connector(self, connector: Connector) -> Self {
        self.with_http_connector(connector)
    }

    fn client(self) -> Result<GoogleCloudStorage> {
        self.build()
    }

    fn sessions(_: &Arc<GoogleCloudStorage>, writes: &Arc<GoogleCloudStorage>) -> Sessions {
        Sessions::ById(writes.clone())
    }
}

impl Provider for MicrosoftAzureBuilder {
    type Client = MicrosoftAzure;
    const REQUESTS: SignedRequests = SignedRequests::Azure;
    /// The client begins after a name only where it is not the emulator that it asks.
    const LISTS_IN_ORDER: bool = false;

    fn with_retries(self, retries: RetryConfig) -> Self {
        self.with_retry(retries)
    }

    fn with_connector(self, connector: Connector) -> Self {
        self.with_http_connector(connector)
    }

    fn client(self) -> Result<MicrosoftAzure> {
        self.build()
    }

    fn sessions(reads: &Arc<MicrosoftAzure>, _: &Arc<MicrosoftAzure>) -> Sessions {
        Sessions::ByHandle(reads.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::super::credentials::Credentials;
    use super::super::limits::Limits;
    use super::*;

    const SECRETS: [&str; 3] = ["wJalrXUtnFEMI", "a-session-token", "AKIA-OF-A-TEST"];

    #[derive(Debug)]
    struct Source;

    impl CredentialSource for Source {
        fn fetch(&self) -> std::result::Result<Credentials, String> {
            Ok(credentials())
        }
    }

    fn credentials() -> Credentials {
        let [secret, token, id] = SECRETS;
        let expires = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        Credentials::new(id, secret)
            .with_session_token(token)
            .with_expiry(expires)
    }

    /// All that a bug report may have in it.
    #[test]
    fn nothing_that_is_shown_of_a_store_has_a_secret() {
        let [secret, token, id] = SECRETS;
        let settings = AmazonS3Builder::new()
            .with_bucket_name("bucket")
            .with_region("eu-west-1")
            .with_access_key_id(id)
            .with_secret_access_key(secret)
            .with_token(token);
        let traffic = Traffic::new(Limits::default());
        let mut shown = vec![format!("{:?}", credentials())];
        for source in [None, Some(Arc::new(Source) as Arc<dyn CredentialSource>)] {
            let provider = S3::new(settings.clone(), source).unwrap();
            let clients = clients(&provider, &traffic).unwrap();
            shown.push(format!("{:?}", provider.credentials));
            shown.push(format!("{:?} {:?}", clients.sender, clients.sessions));
            let connector = Connector::new(Some(traffic.clone()), provider.credentials());
            shown.push(format!("{:?}", connector.connect(&ClientOptions::new()).unwrap()));
        }
        let http = ReqwestConnector::default()
            .connect(&ClientOptions::new())
            .unwrap();
        shown.push(format!("{:?}", traffic.govern(http)));
        for text in &shown {
            for secret in SECRETS {
                assert!(!text.contains(secret), "{text}");
            }
        }
        // And it shows what it is.
        let all = shown.join("\n");
        for what in [
            "Credentials",
            "expires",
            "Renewing",
            "SignedClient(S3)",
            "ById",
            "SignedAgain",
            "Governed",
        ] {
            assert!(all.contains(what), "{what} is not in {all}");
        }
    }

    #[test]
    fn a_client_of_azure_has_handles_and_no_ids() {
        let azure = MicrosoftAzureBuilder::new()
            .with_account("account")
            .with_access_key("a2V5")
            .with_container_name("container");
        let clients = clients(&azure, &Traffic::new(Limits::default())).unwrap();
        assert_eq!(format!("{:?}", clients.sessions), "ByHandle");
        assert_eq!(format!("{:?}", clients.sender), "Signed(SignedClient(Azure))");
        assert!(!clients.lists_in_order);
    }
}
