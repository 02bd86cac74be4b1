//! Adds to the body of a refusal what S3 tells in headers alone: the region of the bucket, and its clock.

use std::fmt;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use object_store::client::{HttpClient, HttpError, HttpRequest, HttpResponse, HttpService};

use super::credentials::signed_region;

/// What the client makes of a redirection has no words of the store.
const REFUSED: u16 = 400;

/// Words that mean that the clocks differ.
const ABOUT_CLOCKS: [&str; 2] = ["RequestTimeTooSkewed", "Date is too old"];

/// A client whose errors have them.
pub(super) struct Headers {
    client: HttpClient,
}

impl Headers {
    pub(super) fn client(client: HttpClient) -> HttpClient {
        HttpClient::new(Headers { client })
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let signed_for = signed_region(request.headers());
        let signed_at = header(request.headers(), "x-amz-date");
        let answer = self.client.execute(request).await?;
        let status = answer.status().as_u16();
        let is_redirection = matches!(status, 301 | 302 | 307 | 308);
        if !is_redirection && !matches!(status, 400 | 403) {
            return Ok(answer);
        }
        let region = header(answer.headers(), "x-amz-bucket-region");
        let clock = header(answer.headers(), "date");
        let (mut head, body) = answer.into_parts();
        let body = body.bytes().await?;
        let mut text = String::from_utf8_lossy(&body).into_owned();
        let is_other = region.is_some() && region != signed_for && (signed_for.is_some() || is_redirection);
        if (is_redirection || is_other) && !text.contains("<Code>") {
            text.push_str("<Code>PermanentRedirect</Code><Message>the bucket is in another region</Message>");
        }
        if let Some(region) = region.filter(|_| is_other && !text.contains("<Region>")) {
            text.push_str(&format!("<Region>{region}</Region>"));
        }
        if ABOUT_CLOCKS.iter().any(|words| text.contains(words)) && !text.contains("<ServerTime>") {
            if let Some(at) = signed_at {
                text.push_str(&format!("<RequestTime>{at}</RequestTime>"));
            }
            if let Some(clock) = clock {
                text.push_str(&format!("<ServerTime>{clock}</ServerTime>"));
            }
        }
        if is_redirection {
            head.status = REFUSED.try_into().unwrap_or(head.status);
        }
        head.headers.remove("content-length");
        Ok(HttpResponse::from_parts(head, Bytes::from(text).into()))
    }
}

fn header(headers: &object_store::HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    // It becomes a part of XML.
    (!value.contains(['<', '&'])).then(|| value.to_owned())
}

impl HttpService for Headers {
    fn call<'a, 'b>(&'a self, request: HttpRequest) -> BoxFuture<'b, Result<HttpResponse, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(self.send(request))
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Headers").finish_non_exhaustive()
    }
}
