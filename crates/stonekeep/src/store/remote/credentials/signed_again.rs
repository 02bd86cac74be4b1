//! Signs and sends a request again whose credentials have run out.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use object_store::CredentialProvider;
use object_store::HeaderMap;
use object_store::aws::AwsAuthorizer;
use object_store::client::{HttpClient, HttpError, HttpRequest, HttpResponse, HttpService};
use object_store::signer::Method;

use super::Renewing;

const TOKEN: &str = "x-amz-security-token";
const CONTENT_SHA256: &str = "x-amz-content-sha256";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// A client whose requests are signed by these credentials.
pub(in super::super) struct SignedAgain {
    client: HttpClient,
    credentials: Arc<Renewing>,
}

impl SignedAgain {
    pub(in super::super) fn client(client: HttpClient, credentials: Arc<Renewing>) -> HttpClient {
        HttpClient::new(SignedAgain { client, credentials })
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let token = request.headers().get(TOKEN).and_then(|token| token.to_str().ok());
        // Those without a token do not end.
        let Some(token) = token.map(str::to_owned) else {
            return self.client.execute(request).await;
        };
        let again = request.clone();
        let (answer, has_ended) = says_expired(&again, self.client.execute(request).await?).await?;
        if !has_ended || !self.credentials.renew(&token).await {
            return Ok(answer);
        }
        match self.signed(again).await {
            Some(again) => self.client.execute(again).await,
            None => Ok(answer),
        }
    }

    async fn signed(&self, mut request: HttpRequest) -> Option<HttpRequest> {
        let credential = self.credentials.get_credential().await.ok()?;
        let (region, service) = scope(request.headers())?;
        let digest = Digest::of(request.headers())?;
        let headers = request.headers_mut();
        headers.remove(TOKEN);
        headers.remove("authorization");
        let authorizer = AwsAuthorizer::new(&credential, &service, &region);
        let signed = match digest {
            Digest::Unsigned => authorizer
                .with_sign_payload(false)
                .try_authorize(&mut request, None),
            Digest::Sha256(sum) => authorizer.try_authorize(&mut request, Some(&sum)),
        };
        signed.ok().map(|()| request)
    }
}

impl HttpService for SignedAgain {
    fn call<'a, 'b>(&'a self, request: HttpRequest) -> BoxFuture<'b, Result<HttpResponse, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(self.send(request))
    }
}

impl fmt::Debug for SignedAgain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedAgain").finish_non_exhaustive()
    }
}

/// Whether the answer means that the credentials have ended. That to HEAD has no words.
async fn says_expired(
    request: &HttpRequest,
    answer: HttpResponse,
) -> Result<(HttpResponse, bool), HttpError> {
    let status = answer.status().as_u16();
    if request.method() == Method::HEAD {
        return Ok((answer, status == 400));
    }
    if !matches!(status, 400 | 401 | 403) {
        return Ok((answer, false));
    }
    let (head, body) = answer.into_parts();
    let body: Bytes = body.bytes().await?;
    let has_ended = names_expired_token(&body);
    Ok((HttpResponse::from_parts(head, body.into()), has_ended))
}

/// Whether this is the answer to a request whose credentials have ended.
pub(in super::super) fn names_expired_token(body: &[u8]) -> bool {
    let words = b"ExpiredToken";
    body.windows(words.len()).any(|part| part == words)
}

/// The region that a request was signed for.
pub(in super::super) fn signed_region(headers: &HeaderMap) -> Option<String> {
    scope(headers).map(|(region, _)| region)
}

/// The region and the service that a request was signed for.
fn scope(headers: &HeaderMap) -> Option<(String, String)> {
    // AWS4-HMAC-SHA256 Credential=ID/20260101/REGION/SERVICE/aws4_request, …
    let authorization = headers.get("authorization")?.to_str().ok()?;
    let (_, credential) = authorization.split_once("Credential=")?;
    let mut words = credential.split(',').next()?.rsplit('/').skip(1);
    let (service, region) = (words.next()?, words.next()?);
    Some((region.to_owned(), service.to_owned()))
}

/// How the content of a request was signed.
enum Digest {
    Unsigned,
    Sha256(Vec<u8>),
}

impl Digest {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(CONTENT_SHA256)?.to_str().ok()?;
        if text == UNSIGNED {
            return Some(Digest::Unsigned);
        }
        if text.len() != 64 {
            return None;
        }
        let pairs = text.as_bytes().chunks(2);
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let sum = pairs.map(byte).collect::<Option<Vec<u8>>>()?;
        Some(Digest::Sha256(sum))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use object_store::aws::AmazonS3Builder;
    use object_store::client::HttpRequestBody;

    use super::super::super::answering::{Answering, Asked, response};
    use super::super::{CredentialSource, Credentials};
    use super::*;

    /// Another token each time.
    #[derive(Debug, Default)]
    struct Tokens(AtomicU32);

    impl CredentialSource for Tokens {
        fn fetch(&self) -> std::result::Result<Credentials, String> {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Credentials::new("id", "secret").with_session_token(format!("token-{number}")))
        }
    }

    /// What is sent of a request with the first token and these headers, to a store for which that has ended.
    fn sent(headers: &[(&'static str, &str)]) -> (u16, Asked) {
        let (http, asked) = Answering::client(|request| {
            let expired = response(400, "<Error><Code>ExpiredToken</Code></Error>");
            let is_first = request.headers()[TOKEN] == "token-0";
            Ok(if is_first { expired } else { response(200, "") })
        });
        let source = Arc::new(Tokens::default());
        let renewing = Arc::new(Renewing::new(Some(source), &AmazonS3Builder::new()).unwrap());
        let client = SignedAgain::client(http, Arc::clone(&renewing));
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = "https://host/bucket/key".parse().unwrap();
        for (name, value) in [&[(TOKEN, "token-0")][..], headers].concat() {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build();
        let answer = runtime.unwrap().block_on(async {
            renewing.get_credential().await.unwrap();
            client.execute(request).await.unwrap()
        });
        (answer.status().as_u16(), asked)
    }

    const AUTHORIZATION: (&str, &str) = (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=id/20261130/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=00",
    );

    #[test]
    fn a_request_is_sent_again_with_the_new_token_and_its_content_signed_as_before() {
        let sum = "0a".repeat(32);
        for digest in [UNSIGNED, &sum] {
            let (status, asked) = sent(&[AUTHORIZATION, (CONTENT_SHA256, digest)]);
            assert_eq!(status, 200, "{digest}");
            let [_, again] = asked.all().try_into().unwrap();
            let headers = again.headers();
            assert_eq!(headers[TOKEN], "token-1");
            assert_eq!(headers[CONTENT_SHA256], digest);
            assert_eq!(signed_region(headers).as_deref(), Some("eu-west-1"));
            let authorization = headers["authorization"].to_str().unwrap();
            assert!(!authorization.ends_with("Signature=00"), "{authorization}");
        }
    }

    #[test]
    fn a_request_that_cannot_be_signed_again_keeps_its_refusal() {
        for headers in [&[][..], &[AUTHORIZATION], &[(CONTENT_SHA256, UNSIGNED)]] {
            let (status, asked) = sent(headers);
            assert_eq!((status, asked.all().len()), (400, 1), "{headers:?}");
        }
    }

    #[test]
    fn what_a_request_was_signed_for_is_read_from_it() {
        let mut headers = HeaderMap::new();
        let authorization = "AWS4-HMAC-SHA256 Credential=a/b/20261130/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=00";
        headers.insert("authorization", authorization.parse().unwrap());
        assert_eq!(scope(&headers), Some(("eu-west-1".to_owned(), "s3".to_owned())));
        assert!(Digest::of(&headers).is_none());
        for (text, length) in [(UNSIGNED, None), (&"0a".repeat(32), Some(32))] {
            headers.insert(CONTENT_SHA256, text.parse().unwrap());
            let found = match Digest::of(&headers).unwrap() {
                Digest::Unsigned => None,
                Digest::Sha256(sum) => Some(sum.len()),
            };
            assert_eq!(found, length);
        }
        for text in ["", "zz", &"0".repeat(63)] {
            headers.insert(CONTENT_SHA256, text.parse().unwrap());
            assert!(Digest::of(&headers).is_none(), "{text}");
        }
        assert!(names_expired_token(b"<Error><Code>ExpiredToken</Code>"));
        assert!(!names_expired_token(b"<Error><Code>AccessDenied</Code>"));
    }
}
