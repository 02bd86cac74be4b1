//! Fails soon at a host that has never answered: its name or its port is probably wrong.
//!
//! A host that has answered once is asked again for minutes by the client, while it restarts. One that nothing is heard of is tried
//! three times within a second if it refuses connections, and once if it does not answer; the metadata service of an
//! instance, which most machines do not have, is given one second. A request that was not sent since its connection had just ended,
//! as when the server is restarted, is repeated, too.

use std::collections::HashSet;
use std::error::Error as _;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use object_store::client::{HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService};
use tokio::time::{sleep, timeout};

/// Pauses between the attempts to connect.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(500)];

/// How long the metadata service of an instance may take to answer.
pub(super) const METADATA_LIMIT: Duration = Duration::from_secs(1);

/// What the paths of metadata services begin with: AWS, Google, Azure.
const METADATA: [&str; 4] = [
    "/latest/api/token",
    "/latest/meta-data/",
    "/computeMetadata/",
    "/metadata/identity/",
];

/// What the HTTP client says of a request that it has not sent, when the server has just closed its connection.
const CANCELED: &str = "operation was canceled";

/// What the text of such an error ends with.
pub(super) const NEVER_REACHED: &str = "(this host has never answered)";

/// The hosts that have answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Reached {
    hosts: Arc<Mutex<HashSet<String>>>,
}

impl Reached {
    fn has(&self, host: &str) -> bool {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.contains(host)
    }

    fn add(&self, host: &str) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.insert(host.to_owned());
    }

    /// The client that fails soon at others.
    pub(super) fn guard(&self, client: HttpClient) -> HttpClient {
        HttpClient::new(FirstContact {
            client,
            reached: self.clone(),
        })
    }
}

struct FirstContact {
    client: HttpClient,
    reached: Reached,
}

impl FirstContact {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let host = request
            .uri()
            .authority()
            .map(ToString::to_string)
            .unwrap_or_default();
        if self.reached.has(&host) {
            return self.client.execute(request).await.map_err(as_unsent);
        }
        let is_metadata = METADATA.iter().any(|path| request.uri().path().starts_with(path));
        let mut pauses = PAUSES.iter();
        loop {
            let attempt = self.client.execute(request.clone());
            let ended = if is_metadata {
                timeout(METADATA_LIMIT, attempt)
                    .await
                    .unwrap_or_else(|_| Err(no_answer()))
            } else {
                attempt.await
            };
            let error = match ended {
                Ok(answer) => {
                    self.reached.add(&host);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            match (error.kind(), pauses.next()) {
                (HttpErrorKind::Connect, Some(pause)) if !is_metadata => sleep(*pause).await,
                (HttpErrorKind::Connect | HttpErrorKind::Timeout, _) => return Err(for_good(&error)),
                _ => return Err(error),
            }
        }
    }
}

impl HttpService for FirstContact {
    fn call<'a, 'b>(&'a self, request: HttpRequest) -> BoxFuture<'b, Result<HttpResponse, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(self.send(request))
    }
}

impl fmt::Debug for FirstContact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstContact").finish_non_exhaustive()
    }
}

fn no_answer() -> HttpError {
    let text = format!("no answer within {} s", METADATA_LIMIT.as_secs());
    HttpError::new_boxed(HttpErrorKind::Timeout, text.into())
}

/// What was never sent, since its connection had just ended, as an error that the client repeats: by itself it does not.
fn as_unsent(error: HttpError) -> HttpError {
    if error.kind() == HttpErrorKind::Unknown && texts(&error).contains(CANCELED) {
        return HttpError::new_boxed(HttpErrorKind::Request, texts(&error).into());
    }
    error
}

/// The error as one that the client does not repeat.
fn for_good(error: &HttpError) -> HttpError {
    let text = format!("{} {NEVER_REACHED}", texts(error));
    HttpError::new_boxed(HttpErrorKind::Unknown, text.into())
}

/// The texts of the causes, each once.
fn texts(error: &HttpError) -> String {
    let mut text = String::new();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&more);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;
    use object_store::client::HttpRequestBody;
    use tokio::time::Instant;

    use super::super::answering::{Answering, failed as fails, response};
    use super::*;

    fn failed(kind: HttpErrorKind, text: &str) -> HttpErrorKind {
        as_unsent(HttpError::new_boxed(kind, text.to_owned().into())).kind()
    }

    fn request(url: &str) -> HttpRequest {
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = url.parse().unwrap();
        request
    }

    fn waits<T>(work: impl Future<Output = T>) -> T {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().build().unwrap().block_on(work)
    }

    #[test]
    fn a_host_that_refuses_connections_is_given_up_for_good_unless_it_has_answered() {
        let (down, reached) = (Arc::new(AtomicBool::new(true)), Reached::default());
        let switch = Arc::clone(&down);
        let (http, requests) = Answering::client(move |_| {
            if switch.load(Ordering::Relaxed) {
                return fails(HttpErrorKind::Connect, "Connection refused");
            }
            Ok(response(200, ""))
        });
        let client = reached.guard(http);
        let ask = |url: &str| waits(client.execute(request(url)));
        let error = ask("https://one/bucket").unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Unknown, "the client repeats it");
        assert!(texts(&error).contains(NEVER_REACHED), "{error:?}");
        assert_eq!(requests.all().len(), 1 + PAUSES.len());
        // One that answers, and is restarted: its client waits for it.
        down.store(false, Ordering::Relaxed);
        assert_eq!(ask("https://two/bucket").unwrap().status().as_u16(), 200);
        down.store(true, Ordering::Relaxed);
        let error = ask("https://two/bucket").unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Connect);
        assert!(!texts(&error).contains(NEVER_REACHED), "{error:?}");
    }

    #[test]
    fn an_error_that_is_not_about_the_host_is_handed_on_at_once() {
        let (http, requests) = Answering::client(|_| fails(HttpErrorKind::Decode, "no HTTP"));
        let client = Reached::default().guard(http);
        let error = waits(client.execute(request("https://host/b"))).unwrap_err();
        assert_eq!(error.kind(), HttpErrorKind::Decode);
        assert_eq!(requests.all().len(), 1);
    }

    /// A service that never answers.
    #[derive(Debug)]
    struct Silent;

    #[async_trait]
    impl HttpService for Silent {
        async fn call(&self, _: HttpRequest) -> Result<HttpResponse, HttpError> {
            std::future::pending().await
        }
    }

    #[test]
    fn a_metadata_service_that_is_not_there_is_waited_for_a_second_and_never_again() {
        let client = Reached::default().guard(HttpClient::new(Silent));
        let error = waits(async {
            let begun = Instant::now();
            let url = "http://169.254.169.254/metadata/identity/oauth2/token?resource=x";
            let answer = client.execute(request(url)).await;
            assert!(begun.elapsed() >= METADATA_LIMIT);
            answer.unwrap_err()
        });
        assert_eq!(error.kind(), HttpErrorKind::Unknown, "the client repeats it");
        let text = texts(&error);
        assert!(
            text.contains("no answer within 1 s") && text.contains(NEVER_REACHED),
            "{text}"
        );
    }

    #[test]
    fn what_was_never_sent_is_repeated() {
        let canceled = "client error (Canceled): operation was canceled: connection was not ready";
        let unknown = HttpErrorKind::Unknown;
        assert_eq!(failed(unknown, canceled), HttpErrorKind::Request);
        assert_eq!(failed(unknown, "certificate has expired"), unknown);
        assert_eq!(failed(HttpErrorKind::Timeout, canceled), HttpErrorKind::Timeout);
    }
}
