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
        Ok(match self.client.block_on(try_upload(signed, &self.below))? {
            Ok(Some(tried)) => judged(&tried),
            Ok(None) => Promise::new(
                UPLOADS,
                Verdict::Unknown,
                "none could be begun by a signed request",
            ),
            Err(error) => unknown(UPLOADS, &error),
        })
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
        Ok(match self.client.block_on(asked)? {
            Ok(answer) => {
                let text = String::from_utf8_lossy(answer.body());
                match element(&text, "StorageClass") {
                    Some(class) => of_class(class),
                    None => Promise::new(CLASS, Verdict::Unknown, "the store does not tell"),
                }
            }
            Err(error) => unknown(CLASS, &error),
        })
    }
}

fn unknown(name: &'static str, error: &object_store::Error) -> Promise {
    let why = errors::without_secrets(&errors::all_causes(error));
    Promise::new(name, Verdict::Unknown, why)
}

#[cfg(test)]
mod tests {
    use super::*;

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
