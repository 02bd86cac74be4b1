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
    use super::*;

    fn failed(kind: HttpErrorKind, text: &str) -> HttpErrorKind {
        as_unsent(HttpError::new_boxed(kind, text.to_owned().into())).kind()
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
