//! Sends the HTTP requests of a client, the repeated ones too, as many at a time as serve the store, and no faster than allowed.
//!
//! A request holds its place until the head of the answer is there: with the body of a PUT, without that of a GET. A reader
//! may hold the body of one object while it asks for another.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};

use super::concurrency::Concurrency;
use super::first_contact::Reached;
use super::headers::Headers;
use super::limits::Limits;

/// Too many requests, and unavailable: S3's SlowDown, Azure's ServerBusy.
const ASKS_FOR_FEWER: [u16; 2] = [429, 503];

/// What all clients of a store share.
#[derive(Debug, Clone)]
pub(super) struct Traffic {
    concurrency: Arc<Concurrency>,
    pace: Option<Arc<Pace>>,
    reached: Reached,
}

impl Traffic {
    pub(super) fn new(limits: Limits) -> Self {
        Traffic {
            concurrency: Arc::new(Concurrency::new(limits.max_requests)),
            pace: limits.requests_per_second.map(|rate| Arc::new(Pace::new(rate))),
            reached: Reached::default(),
        }
    }

    /// The client within the limits.
    pub(super) fn govern(&self, client: HttpClient) -> HttpClient {
        let client = Headers::client(self.reached.guard(client));
        let traffic = self.clone();
        HttpClient::new(Governed { client, traffic })
    }
}

impl HttpConnector for Traffic {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(self.govern(ReqwestConnector::default().connect(options)?))
    }
}

/// A client with its limits.
struct Governed {
    client: HttpClient,
    traffic: Traffic,
}

impl fmt::Debug for Governed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Governed").finish_non_exhaustive()
    }
}

impl Governed {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let bytes = request.body().content_length() as u64;
        if let Some(pace) = &self.traffic.pace {
            tokio::time::sleep(pace.wait(Instant::now())).await;
        }
        let permit = self.traffic.concurrency.permit().await;
        let answer = self.client.execute(request).await;
        match &answer {
            Ok(answer) if ASKS_FOR_FEWER.contains(&answer.status().as_u16()) => permit.pushed_back(),
            Err(error) if error.kind() == HttpErrorKind::Timeout => permit.pushed_back(),
            Ok(_) => permit.answered(bytes),
            Err(_) => drop(permit),
        }
        answer
    }
}

impl HttpService for Governed {
    fn call<'a, 'b>(&'a self, request: HttpRequest) -> BoxFuture<'b, Result<HttpResponse, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(self.send(request))
    }
}

/// Requests at even distances.
#[derive(Debug)]
struct Pace {
    distance: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    fn new(requests_per_second: u32) -> Self {
        Pace {
            distance: Duration::from_secs(1) / requests_per_second.max(1),
            next: Mutex::default(),
        }
    }

    /// How long the next request has to wait. Unused time is not saved up.
    fn wait(&self, now: Instant) -> Duration {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let at = next.map_or(now, |at| at.max(now));
        *next = Some(at + self.distance);
        at - now
    }
}

#[cfg(test)]
mod tests {
    use object_store::client::HttpRequestBody;

    use super::super::answering::{Answering, response};
    use super::*;

    /// What is around the client shows nothing of the requests, which are signed.
    #[test]
    fn a_governed_client_shows_its_layers_alone() {
        let (http, _) = Answering::client(|_| Ok(response(200, "")));
        let traffic = Traffic::new(Limits::default());
        let reached = Reached::default();
        assert_eq!(format!("{http:?}"), "HttpClient(Answering)");
        for (client, shown) in [
            (traffic.govern(http.clone()), "HttpClient(Governed { .. })"),
            (Headers::client(http.clone()), "HttpClient(Headers { .. })"),
            (reached.guard(http), "HttpClient(FirstContact { .. })"),
        ] {
            assert_eq!(format!("{client:?}"), shown);
        }
    }

    #[test]
    fn requests_are_sent_no_faster_than_is_allowed() {
        let (http, asked) = Answering::client(|_| Ok(response(200, "")));
        let limits = Limits {
            requests_per_second: Some(50),
            ..Limits::default()
        };
        let client = Traffic::new(limits).govern(http);
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let took = runtime.enable_time().build().unwrap().block_on(async {
            let begun = Instant::now();
            for _ in 0..6 {
                let request = HttpRequest::new(HttpRequestBody::empty());
                client.execute(request).await.unwrap();
            }
            begun.elapsed()
        });
        assert_eq!(asked.all().len(), 6);
        // The first one does not wait.
        assert!(took >= Duration::from_millis(5 * 20), "{took:?}");
    }

    #[test]
    fn requests_come_at_even_distances() {
        let (pace, now) = (Pace::new(10), Instant::now());
        let waits: Vec<_> = (0..3).map(|_| pace.wait(now).as_millis()).collect();
        assert_eq!(waits, [0, 100, 200]);
        let later = now + Duration::from_secs(60);
        let waits: Vec<_> = (0..2).map(|_| pace.wait(later).as_millis()).collect();
        assert_eq!(waits, [0, 100]);
    }
}
