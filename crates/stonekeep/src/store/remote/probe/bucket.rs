//! The settings of a bucket that matter to backups, as far as these credentials may ask for them.

use std::time::Duration;

use bytes::Bytes;
use object_store::path::Path;
use object_store::signer::{HeaderMap, Method};

use super::super::errors;
use super::super::said::element;
use super::super::signed::SignedClient;
use crate::store::promise::{Promise, Verdict};

const ACCEPTED_FOR: Duration = Duration::from_secs(60);

/// A question about a bucket: the query, the permission that it needs, and what an answer means.
struct Question {
    name: &'static str,
    query: &'static str,
    permission: &'static str,
    /// The code of the answer for a bucket that has no such setting.
    absent: &'static str,
    /// What follows from that.
    absent_follows: &'static str,
    read: fn(&str, &Path) -> Promise,
}

const VERSIONING: &str = "versioning";
const LIFECYCLE: &str = "lifecycle rules";
const OBJECT_LOCK: &str = "object lock";

/// What follows where no rule removes the parts of uploads.
pub(super) const NO_RULE_ABORTS: &str = "what killed backups had uploaded in parts stays, and costs, unless gc finds it: add a rule with \
    AbortIncompleteMultipartUpload";

/// Classes from which an object must be made available before it is read.
pub(super) const ARCHIVES: [&str; 2] = ["GLACIER", "DEEP_ARCHIVE"];

const QUESTIONS: [Question; 3] = [
    Question {
        name: VERSIONING,
        query: "versioning",
        permission: "s3:GetBucketVersioning",
        absent: "NoSuchVersioningConfiguration",
        absent_follows: "",
        read: versioning,
    },
    Question {
        name: LIFECYCLE,
        query: "lifecycle",
        permission: "s3:GetLifecycleConfiguration",
        absent: "NoSuchLifecycleConfiguration",
        absent_follows: NO_RULE_ABORTS,
        read: lifecycle,
    },
    Question {
        name: OBJECT_LOCK,
        query: "object-lock",
        permission: "s3:GetBucketObjectLockConfiguration",
        absent: "ObjectLockConfigurationNotFoundError",
        absent_follows: "",
        read: object_lock,
    },
];

/// What the bucket of this prefix says.
pub(super) async fn settings(signed: &SignedClient, prefix: &Path) -> Vec<Promise> {
    if !signed.deletes_many() {
        let seen = "only buckets of S3 are asked";
        return vec![
            Promise::new("bucket settings", Verdict::Unknown, seen)
                .with_consequence("look at soft delete, versioning and lifecycle rules yourself"),
        ];
    }
    let mut promises = Vec::new();
    for question in QUESTIONS {
        promises.push(question.ask(signed, prefix).await);
    }
    promises
}

impl Question {
    async fn ask(&self, signed: &SignedClient, prefix: &Path) -> Promise {
        let unknown = |seen: String| Promise::new(self.name, Verdict::Unknown, seen);
        let (bucket, query) = (Path::default(), [(self.query, "")]);
        let (no_headers, no_body) = (HeaderMap::new(), Bytes::new());
        let request = signed
            .sign(Method::GET, &bucket, &query, no_headers, no_body, ACCEPTED_FOR)
            .await;
        let answer = match request {
            Ok(request) => signed.send(request).await,
            Err(error) => Err(error),
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return unknown(errors::without_secrets(&errors::all_causes(&error))),
        };
        let text = String::from_utf8_lossy(answer.body());
        if answer.is_done() {
            (self.read)(&text, prefix)
        } else if text.contains(self.absent) {
            Promise::new(self.name, Verdict::Honoured, "none").with_consequence(self.absent_follows)
        } else if answer.is_forbidden() {
            unknown(format!("permission {} is missing", self.permission))
        } else {
            unknown(format!("the store does not tell: {answer}"))
        }
    }
}

fn versioning(answer: &str, _: &Path) -> Promise {
    if element(answer, "Status") == Some("Enabled") {
        return Promise::new(VERSIONING, Verdict::Honoured, "on").with_consequence(
            "deleted files stay as old versions, and cost: add a lifecycle rule that removes noncurrent versions",
        );
    }
    Promise::new(VERSIONING, Verdict::Honoured, "off")
}

fn object_lock(answer: &str, _: &Path) -> Promise {
    match element(answer, "Mode") {
        Some(mode) => Promise::new(OBJECT_LOCK, Verdict::Honoured, format!("{mode}, by default")).with_consequence(
            "nothing can be deleted before its time, leases and pins included: each of them stays that long",
        ),
        None => Promise::new(OBJECT_LOCK, Verdict::Honoured, "no default retention"),
    }
}

/// A rule that expires objects deletes tables that newer backups still name, and one that archives them keeps them from being read.
fn lifecycle(answer: &str, prefix: &Path) -> Promise {
    let rules = answer.split("<Rule>").skip(1).filter(|rule| {
        let of = element(rule, "Prefix").unwrap_or_default().trim_end_matches('/');
        let concerns = prefix.as_ref().starts_with(of) || of.starts_with(prefix.as_ref());
        concerns && element(rule, "Status") == Some("Enabled")
    });
    let (mut deleting, mut archiving, mut aborts) = (0, 0, false);
    for rule in rules {
        let expires = rule.split_once("<Expiration>").map(|(_, rest)| rest);
        let by_age = |rest: &str| element(rest, "Days").is_some() || element(rest, "Date").is_some();
        deleting += usize::from(expires.is_some_and(by_age));
        let moved = rule
            .split_once("<Transition>")
            .and_then(|(_, rest)| element(rest, "StorageClass"));
        archiving += usize::from(moved.is_some_and(|class| ARCHIVES.contains(&class)));
        aborts |= rule.contains("<AbortIncompleteMultipartUpload>");
    }
    let found = |verdict, seen: String| Promise::new(LIFECYCLE, verdict, seen);
    if deleting > 0 {
        return found(
            Verdict::Broken,
            format!("{deleting} rules delete objects of the repository by their age"),
        )
        .with_consequence("they delete files that newer backups share: restrict them to another prefix");
    }
    if archiving > 0 {
        return found(
            Verdict::Ignored,
            format!("{archiving} rules archive objects of the repository"),
        )
        .with_consequence(
            "archived files must be made available before they are read, by backups, too: use no such rule",
        );
    }
    let none = "none deletes objects of the repository";
    if aborts {
        return found(
            Verdict::Honoured,
            format!("{none}; one aborts uploads that are not completed"),
        );
    }
    found(Verdict::Honoured, none.to_owned()).with_consequence(NO_RULE_ABORTS)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt;
    use object_store::client::HttpErrorKind;

    use super::super::super::answering::{Answered, Answering, Unsigned, failed, response};
    use super::super::super::signed::SignedRequests;
    use super::*;

    /// What is said of a bucket that answers each question in this way.
    fn asked(requests: SignedRequests, answer: fn() -> Answered) -> Vec<Promise> {
        let (http, _) = Answering::client(move |_| answer());
        let signed = SignedClient::new(Arc::new(Unsigned), requests, http);
        settings(&signed, &Path::from("db")).now_or_never().unwrap()
    }

    #[test]
    fn a_bucket_that_does_not_tell_is_unknown_and_the_reason_is_named() {
        let refused: fn() -> Answered = || Ok(response(403, "<Code>AccessDenied</Code>"));
        let silent: fn() -> Answered = || {
            failed(
                HttpErrorKind::Unknown,
                "reset by https://host/b?X-Amz-Signature=secret",
            )
        };
        let unable: fn() -> Answered = || Ok(response(501, "<Code>NotImplemented</Code>"));
        for (answer, seen) in [
            (
                refused,
                [
                    "permission s3:GetBucketVersioning is missing",
                    "permission s3:GetLifecycleConfiguration is missing",
                    "permission s3:GetBucketObjectLockConfiguration is missing",
                ],
            ),
            (silent, ["reset by https://host/b?…"; 3]),
            (unable, ["the store does not tell: 501 NotImplemented"; 3]),
        ] {
            let promises = asked(SignedRequests::S3, answer);
            let names: Vec<_> = promises.iter().map(|it| it.name).collect();
            assert_eq!(names, [VERSIONING, LIFECYCLE, OBJECT_LOCK]);
            for (promise, seen) in promises.iter().zip(seen) {
                assert_eq!(promise.verdict, Verdict::Unknown, "{promise:?}");
                assert!(promise.seen.contains(seen), "{promise:?}");
                assert!(!promise.seen.contains("secret"), "{promise:?}");
            }
        }
    }

    #[test]
    fn a_bucket_without_a_setting_has_none_of_it_and_others_than_s3_are_not_asked() {
        let none: fn() -> Answered = || Ok(response(404, "<Code>NoSuchLifecycleConfiguration</Code>"));
        let lifecycle = asked(SignedRequests::S3, none).remove(1);
        assert_eq!((lifecycle.verdict, &*lifecycle.seen), (Verdict::Honoured, "none"));
        assert_eq!(lifecycle.follows, NO_RULE_ABORTS);
        for requests in [SignedRequests::Google, SignedRequests::Azure] {
            let [promise] = asked(requests, || unreachable!()).try_into().unwrap();
            assert_eq!(promise.verdict, Verdict::Unknown);
            assert!(promise.follows.contains("soft delete"), "{promise:?}");
        }
    }

    #[test]
    fn rules_that_delete_shared_files_are_found() {
        let rule = |status: &str, prefix: &str, action: &str| {
            format!(
                "<Rule><ID>a</ID><Filter><Prefix>{prefix}</Prefix></Filter><Status>{status}</Status>{action}</Rule>"
            )
        };
        let days = "<Expiration><Days>35</Days></Expiration>";
        let marker = "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>";
        let old =
            "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>";
        let archive = "<Transition><Days>9</Days><StorageClass>DEEP_ARCHIVE</StorageClass></Transition>";
        let cold = "<Transition><Days>9</Days><StorageClass>STANDARD_IA</StorageClass></Transition>";
        for (rules, verdict) in [
            (rule("Enabled", "", days), Verdict::Broken),
            (rule("Enabled", "db/", days), Verdict::Broken),
            (rule("Enabled", "db/one/shared_checksum/", days), Verdict::Broken),
            (rule("Enabled", "logs/", days), Verdict::Honoured),
            (rule("Disabled", "", days), Verdict::Honoured),
            (rule("Enabled", "", marker), Verdict::Honoured),
            (rule("Enabled", "", old), Verdict::Honoured),
            (
                rule("Enabled", "logs/", days) + &rule("Enabled", "", days),
                Verdict::Broken,
            ),
            (rule("Enabled", "", archive), Verdict::Ignored),
            (rule("Enabled", "", cold), Verdict::Honoured),
            (
                rule("Enabled", "", archive) + &rule("Enabled", "", days),
                Verdict::Broken,
            ),
            (String::new(), Verdict::Honoured),
        ] {
            let answer = format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>");
            assert_eq!(
                lifecycle(&answer, &Path::from("db/one")).verdict,
                verdict,
                "{answer}"
            );
        }
    }

    #[test]
    fn a_rule_that_aborts_uploads_is_found_or_recommended() {
        let abort = "<Rule><Filter><Prefix></Prefix></Filter><Status>Enabled</Status><AbortIncompleteMultipartUpload>\
            <DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>";
        let root = Path::from("db");
        assert_eq!(lifecycle(abort, &root).follows, "");
        for without in ["", &abort.replace("Enabled", "Disabled")] {
            let promise = lifecycle(without, &root);
            assert_eq!(promise.verdict, Verdict::Honoured);
            assert!(
                promise.follows.contains("AbortIncompleteMultipartUpload"),
                "{promise:?}"
            );
        }
    }

    #[test]
    fn versioning_and_retention_are_read() {
        let root = Path::default();
        let on = versioning(
            "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
            &root,
        );
        assert!(on.seen == "on" && on.follows.contains("noncurrent"), "{on:?}");
        assert_eq!(versioning("<VersioningConfiguration/>", &root).seen, "off");
        let locked =
            "<Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>9</Days></DefaultRetention></Rule>";
        assert!(object_lock(locked, &root).seen.contains("COMPLIANCE"));
        assert!(
            object_lock("<ObjectLockEnabled>Enabled</ObjectLockEnabled>", &root)
                .follows
                .is_empty()
        );
    }
}
