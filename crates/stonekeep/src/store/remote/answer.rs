//! What the failure of a request that writes means: refused for good, taken, or perhaps carried out.

use object_store::{Error, Result};

use super::errors;
use super::first_contact::NEVER_REACHED;

/// Whether the request was not carried out, and will not be if it is repeated.
pub(super) fn is_final(error: &Error) -> bool {
    let is = |words: &[&str]| {
        let text = errors::all_causes(error);
        words.iter().any(|word| text.contains(word))
    };
    match error {
        Error::NotFound { .. }
        | Error::InvalidPath { .. }
        | Error::NotSupported { .. }
        | Error::NotImplemented { .. }
        | Error::Unauthenticated { .. }
        | Error::UnknownConfigurationKey { .. } => true,
        Error::PermissionDenied { .. } => !is(&["RequestTimeTooSkewed"]),
        Error::AlreadyExists { .. } | Error::Precondition { .. } => false,
        _ => match status(error) {
            Some(400) => !is(&["RequestTimeout", "ExpiredToken", "RequestTimeTooSkewed"]),
            Some(408 | 429) => false,
            Some(501) => true,
            Some(status) => (300..500).contains(&status),
            None => is(&["incorrectly configured region", NEVER_REACHED]),
        },
    }
}

/// Whether a request that reads is worth another attempt, which the client does not make by itself: the answer was cut or is no
/// answer to it, or the store says so with a status that refuses.
pub(super) fn is_worth_another(error: &Error) -> bool {
    const WORDS: [&str; 6] = [
        "Error getting list response body",
        "invalid list response",
        "RequestTimeout",
        "RequestTimeTooSkewed",
        "ExpiredToken",
        "OperationAborted",
    ];
    let text = errors::all_causes(error);
    WORDS.iter().any(|words| text.contains(words)) || status(error) == Some(408)
}

/// Whether the store cannot do this kind of request.
pub(in super::super) fn is_unsupported(error: &Error) -> bool {
    matches!(error, Error::NotSupported { .. } | Error::NotImplemented { .. }) || status(error) == Some(501)
}

/// `None` instead of the error for an object that is not there.
pub(super) fn unless_absent<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Err(Error::NotFound { .. }) => Ok(None),
        found => found.map(Some),
    }
}

/// The HTTP status that the client's text names: it has no other way to tell it.
fn status(error: &Error) -> Option<u16> {
    let text = errors::all_causes(error);
    let (_, after) = text.split_once("status code: ")?;
    after.get(..3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> Error {
        Error::Generic {
            store: "S3",
            source: text.to_owned().into(),
        }
    }

    fn answered(status: &str) -> Error {
        generic(&format!("Server returned non-2xx status code: {status}"))
    }

    #[test]
    fn what_may_have_been_carried_out_or_passes_is_not_final() {
        for error in [
            answered("500 Internal Server Error: "),
            answered("503 Service Unavailable: SlowDown"),
            answered("429 Too Many Requests: "),
            answered("408 Request Timeout: "),
            answered("400 Bad Request: <Code>RequestTimeout</Code>"),
            answered("400 Bad Request: <Code>ExpiredToken</Code>"),
            generic("Server returned error response: InternalError"),
            generic("connection reset by peer"),
            Error::AlreadyExists {
                path: "p".to_owned(),
                source: "409 OperationAborted".into(),
            },
            Error::PermissionDenied {
                path: "p".to_owned(),
                source: "403 RequestTimeTooSkewed".into(),
            },
        ] {
            assert!(!is_final(&error), "{error}");
        }
    }

    #[test]
    fn what_was_cut_on_the_way_is_asked_for_again() {
        for (text, expected) in [
            (
                "Error getting list response body: end of file before message length reached",
                true,
            ),
            ("Got invalid list response: ill-formed document", true),
            (
                "Server returned non-2xx status code: 400 Bad Request: <Code>RequestTimeout</Code>",
                true,
            ),
            (
                "Server returned non-2xx status code: 403 Forbidden: AccessDenied",
                false,
            ),
            (
                "Server returned non-2xx status code: 500 Internal Server Error: ",
                false,
            ),
            ("connection refused", false),
        ] {
            assert_eq!(is_worth_another(&generic(text)), expected, "{text}");
        }
    }

    #[test]
    fn a_refusal_is_final() {
        for error in [
            answered("400 Bad Request: <Code>EntityTooSmall</Code>"),
            answered("501 Not Implemented: If-None-Match"),
            answered("413 Payload Too Large: "),
            generic(
                "Received redirect without LOCATION, this normally indicates an incorrectly configured region",
            ),
            generic(&format!("Connection refused {NEVER_REACHED}")),
            Error::PermissionDenied {
                path: "p".to_owned(),
                source: "403 AccessDenied".into(),
            },
            Error::NotFound {
                path: "p".to_owned(),
                source: "404 NoSuchBucket".into(),
            },
        ] {
            assert!(is_final(&error), "{error}");
        }
        assert!(is_unsupported(&answered("501 Not Implemented: ")));
        assert!(!is_unsupported(&answered("500 Internal Server Error: ")));
    }
}
