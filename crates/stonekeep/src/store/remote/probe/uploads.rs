//! Whether uploads that are not completed can be found and aborted, and in which storage class objects are.

use std::time::Duration;

use bytes::Bytes;
use object_store::path::Path;
use object_store::signer::{HeaderMap, Method};
use object_store::{ObjectStoreExt, Result as Asked};

use super::super::errors;
use super::super::said::element;
use super::super::signed::{Answer, SignedClient};
use super::bucket::{ARCHIVES, NO_RULE_ABORTS};
use super::requests::Probe;
use crate::Result;
use crate::store::promise::{Promise, Verdict};

const ACCEPTED_FOR: Duration = Duration::from_secs(60);

const UPLOADS: &str = "unfinished uploads";
const CLASS: &str = "storage class";

async fn ask(signed: &SignedClient, method: Method, path: &Path, query: &[(&str, &str)]) -> Asked<Answer> {
    let (headers, body) = (HeaderMap::new(), Bytes::new());
    let request = signed
        .sign(method, path, query, headers, body, ACCEPTED_FOR)
        .await?;
    signed.send(request).await
}

/// How the requests for an upload ended, in their order.
#[derive(Debug)]
struct Tried {
    begun: Answer,
    /// Whether the listing names it.
    listed: Option<bool>,
    /// Whether the credentials may not list.
    is_hidden: bool,
    aborted: Answer,
}

async fn try_upload(signed: &SignedClient, below: &Path) -> Asked<Option<Tried>> {
    let path = &below.clone().join("upload");
    let begun = ask(signed, Method::POST, path, &[("uploads", "")]).await?;
    let text = String::from_utf8_lossy(begun.body()).into_owned();
    let Some(id) = element(&text, "UploadId").filter(|_| begun.is_done()) else {
        return Ok(None);
    };
    // As gc asks: MinIO lists the uploads of one key, and none below a directory.
    let prefix = format!("{below}/");
    let (bucket, query) = (Path::default(), [("uploads", ""), ("prefix", prefix.as_str())]);
    // It is aborted whatever the listing says.
    let listing = ask(signed, Method::GET, &bucket, &query).await;
    let aborted = ask(signed, Method::DELETE, path, &[("uploadId", id)]).await?;
    let listing = listing?;
    let names_it = String::from_utf8_lossy(listing.body()).contains(id);
    Ok(Some(Tried {
        begun,
        listed: listing.is_done().then_some(names_it),
        is_hidden: listing.is_forbidden(),
        aborted,
    }))
}

fn judged(tried: &Tried) -> Promise {
    let found = |verdict, seen: &str| Promise::new(UPLOADS, verdict, seen);
    if !tried.aborted.is_done() {
        let seen = format!(
            "an upload was begun ({}), and not aborted: {}",
            tried.begun, tried.aborted
        );
        return found(Verdict::Refused, &seen).with_consequence(NO_RULE_ABORTS);
    }
    match tried.listed {
        Some(true) => found(Verdict::Honoured, "they are listed and aborted"),
        Some(false) => {
            found(Verdict::Ignored, "they are aborted, and not listed").with_consequence(NO_RULE_ABORTS)
        }
        None if tried.is_hidden => found(
            Verdict::Unknown,
            "they are aborted; the permission s3:ListBucketMultipartUploads is missing",
        )
        .with_consequence(NO_RULE_ABORTS),
        None => found(Verdict::Unknown, "they are aborted; the store does not list them")
            .with_consequence(NO_RULE_ABORTS),
    }
}

/// What the class of a new object means.
fn of_class(class: &str) -> Promise {
    let promise = |verdict| Promise::new(CLASS, verdict, class);
    match class {
        archive if ARCHIVES.contains(&archive) => promise(Verdict::Broken).with_consequence(
            "no backup can be read, and none be added, before its files are made available",
        ),
        "STANDARD" | "EXPRESS_ONEZONE" => promise(Verdict::Honoured),
        _ => promise(Verdict::Honoured).with_consequence(
            "leases and pins are in it, too; many classes cost for a least time and for each read",
        ),
    }
}

impl Probe<'_> {
    pub(super) fn lists_and_aborts_uploads(&self, signed: &SignedClient) -> Result<Promise> {
        if !signed.deletes_many() {
            return Ok(Promise::new(
                UPLOADS,
                Verdict::Unknown,
                "only buckets of S3 are asked",
            ));
        }
        let tried = self.client.block_on(try_upload(signed, &self.below))?;
        Ok(of_upload(tried))
    }

    pub(super) fn keeps_objects_at_hand(&self, signed: &SignedClient) -> Result<Promise> {
        if !signed.deletes_many() {
            return Ok(Promise::new(
                CLASS,
                Verdict::Unknown,
                "only buckets of S3 are asked",
            ));
        }
        let path = self.below.clone().join("class");
        let prefix = path.to_string();
        let asked = async {
            self.writes.put(&path, "class".into()).await?;
            let query = [("list-type", "2"), ("prefix", prefix.as_str())];
            let listing = ask(signed, Method::GET, &Path::default(), &query).await;
            self.remove(&path).await;
            listing
        };
        Ok(of_listing(self.client.block_on(asked)?))
    }
}

fn of_upload(tried: Asked<Option<Tried>>) -> Promise {
    match tried {
        Ok(Some(tried)) => judged(&tried),
        Ok(None) => Promise::new(
            UPLOADS,
            Verdict::Unknown,
            "none could be begun by a signed request",
        ),
        Err(error) => unknown(UPLOADS, &error),
    }
}

fn of_listing(listing: Asked<Answer>) -> Promise {
    let answer = match listing {
        Ok(answer) => answer,
        Err(error) => return unknown(CLASS, &error),
    };
    let text = String::from_utf8_lossy(answer.body());
    match element(&text, "StorageClass") {
        Some(class) => of_class(class),
        None => Promise::new(CLASS, Verdict::Unknown, "the store does not tell"),
    }
}

fn unknown(name: &'static str, error: &object_store::Error) -> Promise {
    let why = errors::without_secrets(&errors::all_causes(error));
    Promise::new(name, Verdict::Unknown, why)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt;
    use object_store::client::HttpRequest;

    use super::super::super::answering::{Answering, Unsigned, response};
    use super::super::super::signed::SignedRequests;
    use super::*;

    fn failed() -> object_store::Error {
        object_store::Error::Generic {
            store: "network",
            source: "no route to https://host/bucket?X-Amz-Signature=secret".into(),
        }
    }

    /// What is said of a store that answers the listing and the abort of an upload with these statuses.
    fn upload(begin: u16, list: (u16, &'static str), abort: u16) -> (Promise, Vec<String>) {
        let (http, asked) = Answering::client(move |request: &HttpRequest| {
            let method = request.method().as_str();
            Ok(match (method, request.uri().query().unwrap_or_default()) {
                ("POST", _) => response(begin, "<UploadId>id-7</UploadId>"),
                ("GET", _) => response(list.0, list.1),
                _ => response(abort, "<Error><Code>AccessDenied</Code></Error>"),
            })
        });
        let signed = SignedClient::new(Arc::new(Unsigned), SignedRequests::S3, http);
        let tried = try_upload(&signed, &Path::from("db/check")).now_or_never();
        let requests = asked.all();
        let shown = requests
            .iter()
            .map(|it| format!("{} {}", it.method(), it.uri().path()))
            .collect();
        (of_upload(tried.unwrap()), shown)
    }

    #[test]
    fn an_upload_that_was_begun_is_aborted_whatever_the_listing_says() {
        let named = (200, "<Upload><UploadId>id-7</UploadId></Upload>");
        for (list, abort, verdict, seen) in [
            (named, 204, Verdict::Honoured, "they are listed and aborted"),
            (
                (200, ""),
                204,
                Verdict::Ignored,
                "they are aborted, and not listed",
            ),
            (
                (403, ""),
                204,
                Verdict::Unknown,
                "s3:ListBucketMultipartUploads is missing",
            ),
            ((501, ""), 204, Verdict::Unknown, "the store does not list them"),
            (named, 403, Verdict::Refused, "not aborted: 403 AccessDenied"),
            ((501, ""), 403, Verdict::Refused, "not aborted: 403 AccessDenied"),
        ] {
            let (promise, requests) = upload(200, list, abort);
            assert_eq!(promise.verdict, verdict, "{promise:?}");
            assert!(promise.seen.contains(seen), "{promise:?}");
            let has_advice = promise.follows.contains("AbortIncompleteMultipartUpload");
            assert_eq!(has_advice, verdict != Verdict::Honoured, "{promise:?}");
            assert_eq!(
                requests,
                ["POST /db/check/upload", "GET /", "DELETE /db/check/upload"]
            );
        }
        let (promise, requests) = upload(403, named, 204);
        assert_eq!(promise.verdict, Verdict::Unknown, "{promise:?}");
        assert!(promise.seen.contains("none could be begun"), "{promise:?}");
        assert_eq!(requests, ["POST /db/check/upload"]);
    }

    #[test]
    fn what_is_not_known_says_why_without_a_signature() {
        let no_class = of_listing(Ok(Answer::of(200, "<Contents><Key>class</Key></Contents>")));
        assert!(no_class.seen.contains("does not tell"), "{no_class:?}");
        let archived = "<Contents><StorageClass>GLACIER</StorageClass></Contents>";
        assert_eq!(of_listing(Ok(Answer::of(200, archived))).verdict, Verdict::Broken);
        for promise in [of_listing(Err(failed())), of_upload(Err(failed()))] {
            assert_eq!(promise.verdict, Verdict::Unknown);
            assert!(
                promise.seen.contains("no route to https://host/bucket"),
                "{promise:?}"
            );
            assert!(!promise.seen.contains("secret"), "{promise:?}");
        }
    }

    #[test]
    fn classes_that_cannot_be_read_at_once_are_no_place_for_backups() {
        for (class, verdict, follows) in [
            ("STANDARD", Verdict::Honoured, ""),
            ("STANDARD_IA", Verdict::Honoured, "cost"),
            ("GLACIER_IR", Verdict::Honoured, "cost"),
            ("GLACIER", Verdict::Broken, "made available"),
            ("DEEP_ARCHIVE", Verdict::Broken, "made available"),
        ] {
            let promise = of_class(class);
            assert_eq!(promise.verdict, verdict, "{class}");
            assert!(promise.follows.contains(follows), "{promise:?}");
        }
    }
}
