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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use object_store::client::HttpRequestBody;

    use super::super::answering::{Answering, response};
    use super::*;

    const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=id/20261130/eu-west-1/s3/aws4_request, Signature=00";

    /// The status and the text that the client sees of an answer to a signed request.
    fn seen(
        status: u16,
        headers: &'static [(&'static str, &'static str)],
        body: &'static str,
    ) -> (u16, String) {
        let (http, _) = Answering::client(move |_| {
            let mut response = response(status, body);
            for (name, value) in headers {
                response.headers_mut().insert(*name, value.parse().unwrap());
            }
            Ok(response)
        });
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        for (name, value) in [("authorization", SIGNED), ("x-amz-date", "20261130T000000Z")] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let answer = Headers::client(http).execute(request).now_or_never();
        let answer = answer.unwrap().unwrap();
        let (status, body) = (answer.status().as_u16(), answer.into_body().bytes());
        let bytes = body.now_or_never().unwrap().unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn a_redirection_without_words_names_the_region_of_the_bucket() {
        let (status, text) = seen(301, &[("x-amz-bucket-region", "eu-south-2")], "");
        assert_eq!(status, REFUSED);
        assert!(text.contains("<Code>PermanentRedirect</Code>"), "{text}");
        assert!(text.contains("<Region>eu-south-2</Region>"), "{text}");
        // Without the header it is known that the bucket is elsewhere, and not where.
        let (_, text) = seen(307, &[], "");
        assert!(text.contains("the bucket is in another region"), "{text}");
        assert!(!text.contains("<Region>"), "{text}");
    }

    #[test]
    fn a_refusal_has_the_region_only_if_it_is_another_one() {
        const DENIED: &str = "<Error><Code>AccessDenied</Code></Error>";
        let same = seen(403, &[("x-amz-bucket-region", "eu-west-1")], DENIED);
        assert_eq!(same, (403, DENIED.to_owned()));
        let (_, text) = seen(403, &[("x-amz-bucket-region", "eu-south-2")], DENIED);
        assert_eq!(text, format!("{DENIED}<Region>eu-south-2</Region>"));
        // What would become another element is left out.
        let (_, text) = seen(403, &[("x-amz-bucket-region", "a</Region><Code>b")], DENIED);
        assert_eq!(text, DENIED);
    }

    #[test]
    fn a_refusal_because_of_the_clock_has_both_clocks() {
        const SKEWED: &str = "<Error><Code>RequestTimeTooSkewed</Code></Error>";
        let (_, text) = seen(403, &[("date", "Mon, 30 Nov 2026 01:00:00 GMT")], SKEWED);
        let times = "<RequestTime>20261130T000000Z</RequestTime><ServerTime>Mon, 30 Nov 2026 01:00:00 GMT</ServerTime>";
        assert_eq!(text, format!("{SKEWED}{times}"));
    }

    #[test]
    fn other_answers_are_handed_on_as_they_are() {
        let headers: &[(&str, &str)] = &[("x-amz-bucket-region", "eu-south-2")];
        assert_eq!(seen(200, headers, "content"), (200, "content".to_owned()));
        assert_eq!(seen(503, headers, "busy"), (503, "busy".to_owned()));
    }
}
