//! Translates errors of an object store: their kind, their text without secrets, and what to check.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use super::said::{Said, Wrong};
use crate::Error;

/// The error of a request; `doing` is what was tried on which key, as in "reading meta/3".
pub(super) fn explain(doing: &str, place: &str, error: object_store::Error) -> Error {
    use object_store::Error as Remote;
    let doing = format!("{doing} of {place}");
    let text = without_secrets(&all_causes(&error));
    let is_refusal = matches!(
        error,
        Remote::PermissionDenied { .. } | Remote::Unauthenticated { .. }
    );
    let said = Said::of(&text).counted_as_refusal(is_refusal);
    let wrong = said.wrong();
    match &error {
        Remote::Precondition { .. } => Error::io(
            doing,
            io::Error::other("another object took its place while it was read"),
        ),
        Remote::NotFound { .. } if wrong != Wrong::Bucket => {
            let cause = io::Error::new(io::ErrorKind::NotFound, text);
            Error::not_found(format!("{doing}: it does not exist")).with_source(cause)
        }
        _ => Error::io(doing, io::Error::new(wrong.io_kind(), said.words())).with_hint(said.hint()),
    }
}

/// The error of a request that nothing answers.
pub(super) fn no_answer(doing: &str, place: &str, limit: Duration) -> Error {
    let text = format!("no answer within {} s", limit.as_secs());
    let hint = Said::of(&text).hint();
    let cause = io::Error::new(io::ErrorKind::TimedOut, text);
    Error::io(format!("{doing} of {place}"), cause).with_hint(hint)
}

/// Whether the store refuses a range: that of an empty object, or any.
pub(super) fn is_about_a_range(error: &object_store::Error) -> bool {
    let names_it = || {
        let text = all_causes(error).to_lowercase();
        text.contains("416") || text.contains("range")
    };
    match error {
        object_store::Error::NotSupported { .. } => true,
        object_store::Error::Generic { .. } => names_it(),
        _ => false,
    }
}

/// The texts of an error and its causes, each only if the text before does not end with it.
pub(super) fn all_causes(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = cause.source();
    }
    text
}

/// The text with the user, the password and the query string of each URL removed: signatures and tokens are there.
pub(super) fn without_secrets(text: &str) -> String {
    let mut rest = text;
    let mut clean = String::with_capacity(text.len());
    while let Some(at) = rest.find("://") {
        let (before, url) = rest.split_at(at + "://".len());
        clean.push_str(before);
        let end = url
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ')' | ']' | '}'))
            .unwrap_or(url.len());
        let (url, after) = url.split_at(end);
        clean.push_str(&without_secrets_of_url(url));
        rest = after;
    }
    clean.push_str(rest);
    clean
}

fn without_secrets_of_url(url: &str) -> String {
    let (address, query) = match url.split_once('?') {
        Some((address, _)) => (address, "?…"),
        None => (url, ""),
    };
    let authority_end = address.find('/').unwrap_or(address.len());
    let (authority, path) = address.split_at(authority_end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{host}{path}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_in_messages_have_no_secrets() {
        for (text, expected) in [
            ("no URL at all", "no URL at all"),
            (
                "error for (https://host/b/k?X-Amz-Signature=abc&x=1): reset",
                "error for (https://host/b/k?…): reset",
            ),
            (
                "https://me:word@host/p and http://h?sig=1",
                "https://host/p and http://h?…",
            ),
            ("ends with https://", "ends with https://"),
        ] {
            assert_eq!(without_secrets(text), expected);
        }
    }

    #[test]
    fn an_absent_object_is_not_found_and_a_refusal_names_what_to_check() {
        let absent = object_store::Error::NotFound {
            path: "p/meta/1".to_owned(),
            source: "404".into(),
        };
        let error = explain("reading meta/1", "s3://bucket/p", absent);
        assert_eq!(error.kind(), crate::ErrorKind::NotFound);
        assert_eq!(
            error.to_string(),
            "reading meta/1 of s3://bucket/p: it does not exist"
        );
        let refused = object_store::Error::PermissionDenied {
            path: "p".to_owned(),
            source: "403 for https://k:s@host/p?X-Amz-Security-Token=t".into(),
        };
        let error = explain("listing p", "s3://bucket/p", refused);
        assert_eq!(error.io_kind(), Some(io::ErrorKind::PermissionDenied));
        assert!(error.hint().is_some_and(|hint| hint.contains("credentials")));
        assert!(!error.one_line().contains("Token"), "{error:?}");
    }
}
