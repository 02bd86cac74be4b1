//! Requests that the store refuses after a certain time: signed URLs.
//!
//! What is signed is the method, the path, the query and, where the provider can, headers: a condition, the checksum of the
//! content (its bytes are not signed) and the metadata. Azure signs no headers. A URL says until when it is accepted, by the
//! signer's wall clock. Each request is sent once, by an HTTP client with the settings of the store's own.

mod answer;
mod bulk;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use md5::{Digest, Md5};
use object_store::client::{HttpClient, HttpRequest};
use object_store::path::Path;
use object_store::signer::{HeaderMap, HeaderName, HeaderValue, Method, SignedUrlOptions, Signer, Url};
use object_store::{Attribute, Attributes, Error, Result};

pub(super) use self::answer::{Answer, failure};
pub(super) use self::bulk::deleted;
use super::credentials::{Renewing, names_expired_token};

/// Whose way of signing requests it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignedRequests {
    /// Amazon S3, and stores with its protocol.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage.
    Azure,
}

/// What signs requests, and what sends them.
#[derive(Clone)]
pub(super) struct SignedClient {
    signer: Arc<dyn Signer>,
    requests: SignedRequests,
    http: HttpClient,
    /// What the signer signs with, where it can fetch them again.
    credentials: Option<Arc<Renewing>>,
    /// What each put says besides: how the object is to be encrypted.
    put_headers: HeaderMap,
}

/// A request that is accepted for a limited time.
pub(super) struct Signed {
    request: HttpRequest,
    /// For messages.
    path: Path,
}

#[cfg(test)]
impl Signed {
    /// Where it goes, and its headers.
    pub(super) fn parts(&self) -> (String, HeaderMap) {
        (self.request.uri().to_string(), self.request.headers().clone())
    }
}

impl SignedClient {
    pub(super) fn new(signer: Arc<dyn Signer>, requests: SignedRequests, http: HttpClient) -> Self {
        SignedClient {
            signer,
            requests,
            http,
            credentials: None,
            put_headers: HeaderMap::new(),
        }
    }

    pub(super) fn with_credentials(self, credentials: Option<Arc<Renewing>>) -> Self {
        SignedClient { credentials, ..self }
    }

    /// Sends these headers with each put, signed.
    pub(super) fn with_put_headers(mut self, headers: HeaderMap) -> Self {
        self.put_headers = headers;
        self
    }

    /// Whether one request can delete many objects.
    pub(super) fn deletes_many(&self) -> bool {
        self.requests == SignedRequests::S3
    }

    /// Whether a request lists the multipart uploads of a bucket.
    pub(super) fn lists_uploads(&self) -> bool {
        self.requests != SignedRequests::Azure
    }

    /// Puts an object with this metadata; with `create` only if there is none.
    pub(super) async fn put(
        &self,
        path: &Path,
        content: Bytes,
        metadata: &Attributes,
        create: bool,
        accepted_for: Duration,
    ) -> Result<Signed> {
        let mut headers = self.put_headers.clone();
        headers.insert("content-md5", value(&STANDARD.encode(Md5::digest(&content)))?);
        if create {
            let (name, condition) = match self.requests {
                SignedRequests::Google => ("x-goog-if-generation-match", "0"),
                SignedRequests::S3 | SignedRequests::Azure => ("if-none-match", "*"),
            };
            headers.insert(name, HeaderValue::from_static(condition));
        }
        let prefix = match self.requests {
            SignedRequests::S3 => "x-amz-meta-",
            SignedRequests::Google => "x-goog-meta-",
            SignedRequests::Azure => "x-ms-meta-",
        };
        for (attribute, text) in metadata {
            if let Attribute::Metadata(name) = attribute {
                let name = HeaderName::from_bytes(format!("{prefix}{name}").as_bytes()).map_err(unusable)?;
                headers.insert(name, value(text)?);
            }
        }
        self.sign(Method::PUT, path, &[], headers, content, accepted_for)
            .await
    }

    /// Deletes one object.
    pub(super) async fn delete(&self, path: &Path, accepted_for: Duration) -> Result<Signed> {
        let nothing = (HeaderMap::new(), Bytes::new());
        self.sign(Method::DELETE, path, &[], nothing.0, nothing.1, accepted_for)
            .await
    }

    /// Deletes many objects, where a store can ([`SignedClient::deletes_many`]).
    pub(super) async fn delete_many(&self, paths: &[Path], accepted_for: Duration) -> Result<Signed> {
        let body = Bytes::from(bulk::request(paths));
        let mut headers = HeaderMap::new();
        headers.insert("content-md5", value(&STANDARD.encode(Md5::digest(&body)))?);
        headers.insert("content-type", HeaderValue::from_static("application/xml"));
        let bucket = Path::default();
        self.sign(
            Method::POST,
            &bucket,
            &[("delete", "")],
            headers,
            body,
            accepted_for,
        )
        .await
    }

    /// Ends a multipart upload that was not completed.
    pub(super) async fn abort(&self, path: &Path, upload_id: &str, accepted_for: Duration) -> Result<Signed> {
        let query = [match self.requests {
            SignedRequests::Google | SignedRequests::S3 => ("uploadId", upload_id),
            SignedRequests::Azure => {
                return Err(Error::NotSupported {
                    source: "Azure has no request that aborts an upload".into(),
                });
            }
        }];
        self.sign(
            Method::DELETE,
            path,
            &query,
            HeaderMap::new(),
            Bytes::new(),
            accepted_for,
        )
        .await
    }

    /// Signs any request.
    pub(super) async fn sign(
        &self,
        method: Method,
        path: &Path,
        query: &[(&str, &str)],
        headers: HeaderMap,
        body: Bytes,
        accepted_for: Duration,
    ) -> Result<Signed> {
        let url = if self.requests == SignedRequests::Azure {
            self.signer.signed_url(method.clone(), path, accepted_for).await?
        } else {
            let mut options = SignedUrlOptions::new().with_query(query.iter().copied());
            options.signed_headers = headers.clone();
            self.signer
                .signed_url_opts(method.clone(), path, accepted_for, &options)
                .await?
        };
        let length = body.len();
        let mut request = HttpRequest::new(body.into());
        *request.uri_mut() = uri(&url)?;
        *request.headers_mut() = headers;
        if method == Method::PUT {
            // The client leaves it out for an empty body, and stores refuse that.
            request
                .headers_mut()
                .insert("content-length", HeaderValue::from(length));
        }
        if self.requests == SignedRequests::Azure && method == Method::PUT {
            let kind = HeaderValue::from_static("BlockBlob");
            request.headers_mut().insert("x-ms-blob-type", kind);
        }
        *request.method_mut() = method;
        Ok(Signed {
            request,
            path: path.clone(),
        })
    }

    /// Sends a request once. An error means that nobody knows whether it was carried out.
    /// Credentials that have ended are fetched again, for the next signature.
    pub(super) async fn send(&self, signed: Signed) -> Result<Answer> {
        let token = self
            .credentials
            .as_ref()
            .and_then(|_| session_token(&signed.request));
        let unknown = |error: object_store::client::HttpError| Error::Generic {
            store: "network",
            source: error.into(),
        };
        let response = self.http.execute(signed.request).await.map_err(unknown)?;
        let status = response.status().as_u16();
        let body = response.into_body().bytes().await.map_err(unknown)?;
        if let (Some(credentials), Some(token)) = (&self.credentials, token)
            && matches!(status, 400 | 401 | 403)
            && names_expired_token(&body)
        {
            credentials.renew(&token).await;
        }
        Ok(Answer {
            status,
            body,
            path: signed.path,
        })
    }
}

impl fmt::Debug for SignedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The signer's own text may have credentials in it.
        f.debug_tuple("SignedClient").field(&self.requests).finish()
    }
}

/// The token in the URL of a request.
fn session_token(request: &HttpRequest) -> Option<String> {
    let url = Url::parse(&request.uri().to_string()).ok()?;
    let mut query = url.query_pairs();
    let (_, token) = query.find(|(name, _)| name == "X-Amz-Security-Token")?;
    Some(token.into_owned())
}

fn uri<T: std::str::FromStr>(url: &Url) -> Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    url.as_str().parse().map_err(unusable)
}

fn value(text: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(unusable)
}

fn unusable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Generic {
        store: "signing",
        source: error.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::FutureExt;
    use object_store::CredentialProvider;
    use object_store::aws::AmazonS3Builder;

    use super::super::answering::{Answering, Unsigned, response};
    use super::super::credentials::{CredentialSource, Credentials};
    use super::*;

    const LIFE: Duration = Duration::from_secs(60);

    fn client(requests: SignedRequests) -> SignedClient {
        let (http, _) = Answering::client(|_| Ok(response(200, "")));
        SignedClient::new(Arc::new(Unsigned), requests, http)
    }

    #[test]
    fn an_upload_is_aborted_by_its_id_where_the_provider_has_ids() {
        let path = Path::from("p/a");
        for (requests, expected) in [
            (
                SignedRequests::S3,
                Some("https://host/p/a?uploadId=id+7&lasts=60"),
            ),
            (
                SignedRequests::Google,
                Some("https://host/p/a?uploadId=id+7&lasts=60"),
            ),
            (SignedRequests::Azure, None),
        ] {
            let client = client(requests);
            match client.abort(&path, "id 7", LIFE).now_or_never().unwrap() {
                Ok(signed) => assert_eq!(Some(&*signed.parts().0), expected),
                Err(error) => {
                    assert!(expected.is_none(), "{error}");
                    assert!(matches!(error, Error::NotSupported { .. }), "{error}");
                }
            }
        }
    }

    #[test]
    fn each_provider_has_its_own_names_for_the_condition_and_the_metadata() {
        let mut metadata = Attributes::new();
        metadata.insert(Attribute::Metadata("token".into()), "7".into());
        for (requests, condition, named) in [
            (SignedRequests::S3, ("if-none-match", "*"), "x-amz-meta-token"),
            (
                SignedRequests::Google,
                ("x-goog-if-generation-match", "0"),
                "x-goog-meta-token",
            ),
            (SignedRequests::Azure, ("if-none-match", "*"), "x-ms-meta-token"),
        ] {
            let (client, path) = (client(requests), Path::from("a"));
            let put = client.put(&path, Bytes::new(), &metadata, true, LIFE);
            let (_, headers) = put.now_or_never().unwrap().unwrap().parts();
            assert_eq!(headers[condition.0], condition.1, "{requests:?}");
            assert_eq!(headers[named], "7", "{requests:?}");
            assert_eq!(headers["content-length"], "0", "{requests:?}");
        }
    }

    #[test]
    fn metadata_that_no_header_can_have_is_an_error_and_not_another_request() {
        let mut metadata = Attributes::new();
        metadata.insert(
            Attribute::Metadata("token".into()),
            "7\r\nx-amz-acl: public-read".into(),
        );
        let (client, path) = (client(SignedRequests::S3), Path::from("a"));
        let put = client.put(&path, Bytes::new(), &metadata, false, LIFE);
        let error = put.now_or_never().unwrap().err().unwrap();
        assert!(
            matches!(error, Error::Generic { store: "signing", .. }),
            "{error}"
        );
    }

    /// Another token each time.
    #[derive(Debug, Default)]
    struct Tokens(AtomicU32);

    impl CredentialSource for Tokens {
        fn fetch(&self) -> std::result::Result<Credentials, String> {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Credentials::new("id", "secret").with_session_token(format!("token {number}")))
        }
    }

    #[test]
    fn credentials_that_a_signed_request_shows_to_have_ended_are_fetched_again_once() {
        let (http, _) = Answering::client(|_| Ok(response(400, "<Code>ExpiredToken</Code>")));
        let tokens = Arc::new(Tokens::default());
        let renewing = Renewing::new(Some(tokens.clone()), &AmazonS3Builder::new()).unwrap();
        let renewing = Arc::new(renewing);
        let client = SignedClient::new(Arc::new(Unsigned), SignedRequests::S3, http)
            .with_credentials(Some(Arc::clone(&renewing)));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build();
        let token = runtime.unwrap().block_on(async {
            renewing.get_credential().await.unwrap();
            let token = [("X-Amz-Security-Token", "token 0")];
            for _ in 0..2 {
                let nothing = (HeaderMap::new(), Bytes::new());
                let path = Path::from("a");
                let request = client.sign(Method::DELETE, &path, &token, nothing.0, nothing.1, LIFE);
                // The caller signs again: nothing was carried out.
                let answer = client.send(request.await.unwrap()).await.unwrap();
                assert!(answer.is_expired() && !answer.is_doubtful());
            }
            renewing.get_credential().await.unwrap().token.clone()
        });
        assert_eq!(token.as_deref(), Some("token 1"));
        assert_eq!(tokens.0.load(Ordering::Relaxed), 2);
    }
}
