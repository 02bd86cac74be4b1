//! Requests that a bucket refuses when they arrive too late: the signer of a process, and the server's side of it.
//!
//! A URL says until when the request is accepted, counted from the time of day that the signer's machine shows. The server compares it
//! with its own clock when it carries the request out, however long that was on its way.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use object_store::client::{
    HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use object_store::path::Path;
use object_store::signer::{Method, SignedUrlOptions, Signer, Url};
use object_store::{Attribute, Attributes, Error, Result};
use stonekeep::Clock;

use super::bucket::{Bucket, Condition};
use super::process::Watch;
use super::requests::Requests;

/// Signs for a process, and sends for it.
#[derive(Clone)]
pub(super) struct SignedRequests {
    pub(super) requests: Requests,
    /// Sees the changes that are made.
    pub(super) watch: Watch,
    /// The repository's.
    pub(super) prefix: Path,
}

impl std::fmt::Debug for SignedRequests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignedRequests")
    }
}

#[async_trait]
impl Signer for SignedRequests {
    async fn signed_url(&self, method: Method, path: &Path, expires_in: Duration) -> Result<Url> {
        self.signed_url_opts(method, path, expires_in, &SignedUrlOptions::default())
            .await
    }

    async fn signed_url_opts(
        &self,
        _: Method,
        path: &Path,
        expires_in: Duration,
        options: &SignedUrlOptions,
    ) -> Result<Url> {
        let now = self.requests.process.clock.now();
        let until = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default() + expires_in;
        // A signature's time is in whole seconds.
        let text = format!("http://store/{path}?until={}", until.as_secs());
        let mut url = Url::parse(&text).map_err(|error| Error::Generic {
            store: "simulation",
            source: error.into(),
        })?;
        for (name, value) in &options.extra_query {
            url.query_pairs_mut().append_pair(name, value);
        }
        Ok(url)
    }
}

/// What a request asks for.
#[derive(Debug, Clone)]
enum Asked {
    Put {
        path: Path,
        content: Bytes,
        attributes: Attributes,
        condition: Condition,
    },
    Delete(Vec<Path>, IsBulk),
    Other,
}

type IsBulk = bool;

/// An answer: its status, and its text.
type Answered = (u16, String);

#[async_trait]
impl HttpService for SignedRequests {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let until = until(&request);
        let asked = asked(&request);
        let (bucket, watch, prefix) = (
            Arc::clone(&self.requests.bucket),
            Arc::clone(&self.watch),
            self.prefix.clone(),
        );
        let what = format!("signed until {until} s: {}", asked.name());
        let path = Path::from("signed");
        let act = move || {
            let now = bucket
                .now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default();
            if now.as_secs() > until {
                return (
                    403,
                    "<Code>AccessDenied</Code><Message>Request has expired</Message>".to_owned(),
                );
            }
            asked.carry_out(&bucket, &prefix, &watch)
        };
        let (status, text) = self.requests.send(&what, &path, act).map_err(|error| {
            let kind = match error {
                Error::PermissionDenied { .. } => HttpErrorKind::Connect,
                _ => HttpErrorKind::Unknown,
            };
            HttpError::new(kind, error)
        })?;
        let mut response = HttpResponse::new(HttpResponseBody::from(Bytes::from(text)));
        if let Ok(status) = status.try_into() {
            *response.status_mut() = status;
        }
        Ok(response)
    }
}

fn until(request: &HttpRequest) -> u64 {
    let query = request.uri().query().unwrap_or_default();
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let until = pairs.find(|(name, _)| *name == "until");
    until
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or_default()
}

fn asked(request: &HttpRequest) -> Asked {
    let path = Path::from(request.uri().path().trim_start_matches('/'));
    let content = request.body().as_bytes().cloned().unwrap_or_default();
    let is_bulk = request
        .uri()
        .query()
        .is_some_and(|query| query.contains("delete="));
    match request.method().as_str() {
        "PUT" => {
            let header = |name: &str| request.headers().get(name).is_some();
            Asked::Put {
                path,
                content,
                attributes: attributes(request),
                condition: if header("if-none-match") {
                    Condition::Absent
                } else {
                    Condition::Any
                },
            }
        }
        "POST" if is_bulk => Asked::Delete(keys(&String::from_utf8_lossy(&content)), true),
        "DELETE" => Asked::Delete(vec![path], false),
        _ => Asked::Other,
    }
}

fn attributes(request: &HttpRequest) -> Attributes {
    let mut attributes = Attributes::new();
    for (name, value) in request.headers() {
        if let (Some(name), Ok(value)) = (name.as_str().strip_prefix("x-amz-meta-"), value.to_str()) {
            let attribute = Attribute::Metadata(name.to_owned().into());
            attributes.insert(attribute, value.to_owned().into());
        }
    }
    attributes
}

/// The keys in the body of a bulk deletion.
fn keys(body: &str) -> Vec<Path> {
    let after = body.split("<Key>").skip(1);
    let keys = after.filter_map(|text| Some(text.split_once("</Key>")?.0));
    keys.map(Path::from).collect()
}

impl Asked {
    fn name(&self) -> String {
        match self {
            Asked::Put { path, condition, .. } => format!("put {path} if {condition:?}"),
            Asked::Delete(paths, _) => format!(
                "delete {}",
                paths.iter().map(Path::to_string).collect::<Vec<_>>().join(" ")
            ),
            Asked::Other => "something else".to_owned(),
        }
    }

    fn carry_out(&self, bucket: &Bucket, prefix: &Path, watch: &Watch) -> Answered {
        let see = |path: &Path| {
            watch(
                path.as_ref()
                    .strip_prefix(prefix.as_ref())
                    .unwrap_or_default()
                    .trim_start_matches('/'),
            )
        };
        match self {
            Asked::Put {
                path,
                content,
                attributes,
                condition,
            } => match bucket.write(path, content.clone(), attributes.clone(), condition) {
                Some(_) => {
                    see(path);
                    (200, String::new())
                }
                None => (412, "<Code>PreconditionFailed</Code>".to_owned()),
            },
            Asked::Delete(paths, is_bulk) => {
                for path in paths {
                    if bucket.remove(path) {
                        see(path);
                    }
                }
                if !is_bulk {
                    return (204, String::new());
                }
                let one = |path: &Path| format!("<Deleted><Key>{path}</Key></Deleted>");
                let all: String = paths.iter().map(one).collect();
                (200, format!("<DeleteResult>{all}</DeleteResult>"))
            }
            Asked::Other => (501, "<Code>NotImplemented</Code>".to_owned()),
        }
    }
}
