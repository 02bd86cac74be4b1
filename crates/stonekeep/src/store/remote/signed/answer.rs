//! What the answer to a signed request says.

use std::fmt;

use bytes::Bytes;
use object_store::Error;
use object_store::path::Path;

/// How much of an answer's text a message shows.
const SHOWN_BYTES: usize = 600;

/// The answer to a request.
#[derive(Debug)]
pub(in super::super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
    pub(super) path: Path,
}

impl Answer {
    /// The request was carried out.
    pub(in super::super) fn is_done(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// These credentials may not do that.
    pub(in super::super) fn is_forbidden(&self) -> bool {
        matches!(self.status, 401 | 403)
    }

    /// The text of it.
    pub(in super::super) fn body(&self) -> &Bytes {
        &self.body
    }

    /// The store has not carried the request out because it came too late.
    pub(in super::super) fn is_expired(&self) -> bool {
        matches!(self.status, 400 | 401 | 403) && says_expired(&self.text())
    }

    /// The store may still carry the request out, or has done so.
    pub(in super::super) fn is_doubtful(&self) -> bool {
        let is_busy = ["SlowDown", "ServerBusy", "RequestTimeout"];
        match self.status {
            408 | 500.. if self.status != 501 => {
                let text = self.text();
                !is_busy.iter().any(|code| text.contains(code))
            }
            _ => false,
        }
    }

    fn text(&self) -> String {
        let shown = self.body.get(..SHOWN_BYTES).unwrap_or(&self.body);
        String::from_utf8_lossy(shown).into_owned()
    }
}

#[cfg(test)]
impl Answer {
    pub(in super::super) fn of(status: u16, body: &str) -> Self {
        Answer {
            status,
            body: Bytes::copy_from_slice(body.as_bytes()),
            path: Path::from("p"),
        }
    }
}

/// Whether a store means by this that a request came too late.
pub(super) fn says_expired(text: &str) -> bool {
    // S3 and Google, garage, Azure.
    let words = [
        "expired",
        "date is too old",
        "not valid in the specified time frame",
    ];
    let text = text.to_ascii_lowercase();
    words.iter().any(|words| text.contains(words))
}

/// The status and the code of S3's error, without the rest of its text.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        let code = text
            .split_once("<Code>")
            .and_then(|(_, rest)| rest.split_once('<'));
        match code {
            Some((code, _)) => write!(f, "{} {code}", self.status),
            None => write!(f, "status {}", self.status),
        }
    }
}

/// The error of a request that was not carried out, in the terms of the client.
pub(in super::super) fn failure(answer: &Answer) -> Error {
    let path = answer.path.to_string();
    let text = format!(
        "Server returned non-2xx status code: {}: {}",
        answer.status,
        answer.text()
    );
    let source = text.into();
    match answer.status {
        401 => Error::Unauthenticated { path, source },
        403 => Error::PermissionDenied { path, source },
        404 => Error::NotFound { path, source },
        409 => Error::AlreadyExists { path, source },
        304 | 412 => Error::Precondition { path, source },
        _ => Error::Generic {
            store: "signed request",
            source,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_requests_are_told_from_refused_and_unknown_ones() {
        for (status, body, expired, doubtful) in [
            (200, "", false, false),
            (204, "", false, false),
            (
                403,
                "<Code>AccessDenied</Code><Message>Request has expired</Message>",
                true,
                false,
            ),
            (
                403,
                "<Code>AuthenticationFailed</Code>Signature not valid in the specified time frame: Start",
                true,
                false,
            ),
            (400, "<Code>ExpiredToken</Code>", true, false),
            (
                400,
                "<Code>InvalidRequest</Code><Message>Bad request: Date is too old</Message>",
                true,
                false,
            ),
            (403, "<Code>SignatureDoesNotMatch</Code>", false, false),
            (404, "<Code>NoSuchKey</Code>", false, false),
            (412, "", false, false),
            (500, "expired", false, true),
            (503, "<Code>SlowDown</Code>", false, false),
            (503, "", false, true),
            (501, "", false, false),
        ] {
            let answer = Answer::of(status, body);
            assert_eq!(answer.is_expired(), expired, "{answer:?}");
            assert_eq!(answer.is_doubtful(), doubtful, "{answer:?}");
        }
    }

    #[test]
    fn an_answer_is_shown_by_its_status_and_its_code_alone() {
        let refused = "<Error><Code>AccessDenied</Code><Message>the key ABC may not</Message></Error>";
        for (status, body, shown) in [
            (403, refused, "403 AccessDenied"),
            (502, "<html>Bad Gateway</html>", "status 502"),
            (200, "", "status 200"),
        ] {
            assert_eq!(Answer::of(status, body).to_string(), shown);
        }
    }

    #[test]
    fn failures_have_the_kinds_of_the_client_and_their_status() {
        use std::error::Error as _;
        for status in [304, 400, 401, 403, 404, 409, 412, 501, 503] {
            let error = failure(&Answer::of(status, "why"));
            let text = error.source().unwrap().to_string();
            assert!(text.contains(&format!("status code: {status}: why")), "{text}");
        }
        assert!(matches!(
            failure(&Answer::of(412, "")),
            Error::Precondition { .. }
        ));
    }
}
