//! An HTTP service in memory whose answers a test decides, and a signer that signs nothing.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use object_store::Result;
use object_store::client::{HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService};
use object_store::path::Path;
use object_store::signer::{Method, SignedUrlOptions, Signer, Url};

pub(super) type Answered = std::result::Result<HttpResponse, HttpError>;

type Answer = dyn Fn(&HttpRequest) -> Answered + Send + Sync;

/// See the [module](self).
pub(super) struct Answering {
    answer: Box<Answer>,
    asked: Asked,
}

/// The requests so far.
#[derive(Clone, Default)]
pub(super) struct Asked(Arc<Mutex<Vec<HttpRequest>>>);

impl Asked {
    pub(super) fn all(&self) -> Vec<HttpRequest> {
        self.0.lock().unwrap().clone()
    }
}

impl Answering {
    pub(super) fn client(
        answer: impl Fn(&HttpRequest) -> Answered + Send + Sync + 'static,
    ) -> (HttpClient, Asked) {
        let (answer, asked) = (Box::new(answer), Asked::default());
        let service = Answering {
            answer,
            asked: asked.clone(),
        };
        (HttpClient::new(service), asked)
    }
}

#[async_trait]
impl HttpService for Answering {
    async fn call(&self, request: HttpRequest) -> Answered {
        let answer = (self.answer)(&request);
        self.asked.0.lock().unwrap().push(request);
        answer
    }
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answering")
    }
}

pub(super) fn response(status: u16, body: &str) -> HttpResponse {
    let mut response = HttpResponse::new(body.to_owned().into());
    *response.status_mut() = status.try_into().unwrap();
    response
}

pub(super) fn failed(kind: HttpErrorKind, text: &str) -> Answered {
    Err(HttpError::new_boxed(kind, text.to_owned().into()))
}

/// Its URLs say how long they last.
#[derive(Debug)]
pub(super) struct Unsigned;

#[async_trait]
impl Signer for Unsigned {
    async fn signed_url(&self, method: Method, path: &Path, lasts: Duration) -> Result<Url> {
        self.signed_url_opts(method, path, lasts, &SignedUrlOptions::new())
            .await
    }

    async fn signed_url_opts(
        &self,
        _: Method,
        path: &Path,
        lasts: Duration,
        options: &SignedUrlOptions,
    ) -> Result<Url> {
        let mut url = Url::parse("https://host/").unwrap();
        url.set_path(path.as_ref());
        let lasts = ("lasts".to_owned(), lasts.as_secs().to_string());
        url.query_pairs_mut()
            .extend_pairs(options.extra_query.iter().chain([&lasts]));
        Ok(url)
    }
}
