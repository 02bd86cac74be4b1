//! The requests that a store is tried with, each at an object with a fresh name.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use object_store::path::Path;
use object_store::signer::{HeaderMap, HeaderValue, Method};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutResult};

use super::super::answer::is_unsupported;
use super::super::client::Client;
use super::super::errors;
use super::super::signed::{Answer, SignedClient};
use crate::Result;
use crate::store::promise::{Promise, Verdict};

/// How many try to create one object at a time.
const RACERS: usize = 16;

/// How long a request may arrive that is meant to arrive too late, in a store whose clock tells seconds.
const ACCEPTED_FOR: Duration = Duration::from_secs(1);
const ARRIVES_AFTER: Duration = Duration::from_secs(4);

/// The answer to a request, or why there is none.
type Tried = std::result::Result<Answer, String>;

/// See the [module](self).
pub(super) struct Probe<'a> {
    pub(super) client: &'a Client,
    /// A client that repeats no request.
    pub(super) writes: &'a Arc<dyn ObjectStore>,
    pub(super) below: Path,
}

impl Probe<'_> {
    pub(super) fn creates_once(&self) -> Result<Promise> {
        let path = self.below.clone().join("race");
        let options = || PutOptions::from(PutMode::Create);
        let race = async {
            let put = |racer: usize| {
                self.writes
                    .put_opts(&path, format!("racer {racer}").into(), options())
            };
            let puts = join_all((0..RACERS).map(put)).await;
            self.remove(&path).await;
            puts
        };
        Ok(of_race(&self.client.block_on(race)?))
    }

    pub(super) fn modified_of_a_new_object(&self) -> Result<SystemTime> {
        let path = self.below.clone().join("clock");
        let look = async {
            self.writes.put(&path, "clock".into()).await?;
            let found = self.writes.head(&path).await;
            self.remove(&path).await;
            Ok(SystemTime::from(found?.last_modified))
        };
        self.client.run(&format!("writing {path}"), look)
    }

    pub(super) fn refuses_wrong_checksum(&self, signed: &SignedClient) -> Result<Promise> {
        let path = self.below.clone().join("checksum");
        // Of no content.
        let wrong = HeaderValue::from_static("1B2M2Y8AsgTpgAmY7PhCfg==");
        let headers = HeaderMap::from_iter(
            [("content-md5".parse().ok(), wrong)]
                .into_iter()
                .filter_map(|(name, value)| Some((name?, value))),
        );
        let answer = self.send_late(signed, &path, headers, Duration::from_secs(60), Duration::ZERO)?;
        Ok(of_wrong_checksum(&answer))
    }

    pub(super) fn refuses_late_requests(&self, signed: &SignedClient) -> Result<Promise> {
        let path = self.below.clone().join("late");
        let answer = self.send_late(signed, &path, HeaderMap::new(), ACCEPTED_FOR, ARRIVES_AFTER)?;
        Ok(of_late_request(&answer))
    }

    /// Puts an object by a signed request that is sent after some time.
    fn send_late(
        &self,
        signed: &SignedClient,
        path: &Path,
        headers: HeaderMap,
        accepted_for: Duration,
        after: Duration,
    ) -> Result<Tried> {
        let content = bytes::Bytes::from_static(b"a probe");
        let send = async {
            let request = signed
                .sign(Method::PUT, path, &[], headers, content, accepted_for)
                .await?;
            tokio::time::sleep(after).await;
            let answer = signed.send(request).await;
            self.remove(path).await;
            answer
        };
        let answer = self.client.block_on(send)?;
        Ok(answer.map_err(|error| errors::without_secrets(&errors::all_causes(&error))))
    }

    pub(super) async fn remove(&self, path: &Path) {
        // What stays is found when everything is removed.
        drop(self.writes.delete(path).await);
    }
}

/// How the attempts of all racers to create one object ended.
fn of_race(ended: &[object_store::Result<PutResult>]) -> Promise {
    const NAME: &str = "create if absent";
    let winners = ended.iter().filter(|put| put.is_ok()).count();
    let unsupported = ended.iter().find_map(|put| match put {
        Err(error) if is_unsupported(error) => Some(errors::all_causes(error)),
        _ => None,
    });
    let seen = format!("{winners} of {RACERS} that created one object at a time succeeded");
    match (winners, unsupported) {
        (_, Some(why)) => Promise::new(NAME, Verdict::Refused, errors::without_secrets(&why))
            .with_consequence("plain writes are used, under the lease"),
        (1, None) => Promise::new(NAME, Verdict::Honoured, seen),
        (0, None) => Promise::new(NAME, Verdict::Unknown, seen),
        _ => Promise::new(NAME, Verdict::Ignored, seen)
            .with_consequence("plain writes are used, under the lease; nothing relies on the condition"),
    }
}

fn of_wrong_checksum(tried: &Tried) -> Promise {
    const NAME: &str = "checksums";
    match tried {
        Err(why) => Promise::new(NAME, Verdict::Unknown, why),
        Ok(answer) if answer.is_done() => Promise::new(
            NAME,
            Verdict::Ignored,
            "an object with a wrong Content-MD5 was stored",
        )
        .with_consequence("damage on the way to the store is found by verify only"),
        Ok(answer) => Promise::new(
            NAME,
            Verdict::Honoured,
            format!("a wrong Content-MD5 was refused: {answer}"),
        ),
    }
}

fn of_late_request(tried: &Tried) -> Promise {
    const NAME: &str = "expiry of signed requests";
    match tried {
        Err(why) => Promise::new(NAME, Verdict::Unknown, why),
        Ok(answer) if answer.is_done() => {
            Promise::new(NAME, Verdict::Ignored, "a late request was carried out").with_consequence(
                "a process that is stopped for 20 minutes may change the repository when it goes on",
            )
        }
        Ok(answer) => Promise::new(
            NAME,
            Verdict::Honoured,
            format!("a late request was refused: {answer}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use object_store::{Error, Extensions};

    use super::*;

    fn refused(source: &str) -> object_store::Result<PutResult> {
        Err(Error::Generic {
            store: "test",
            source: source.to_owned().into(),
        })
    }

    fn race(winners: usize, loser: &str) -> Promise {
        let won = |_| {
            Ok(PutResult {
                e_tag: None,
                version: None,
                extensions: Extensions::default(),
            })
        };
        let lost = (winners..RACERS).map(|_| refused(loser));
        of_race(&(0..winners).map(won).chain(lost).collect::<Vec<_>>())
    }

    fn answered(status: u16, body: &str) -> Tried {
        Ok(Answer::of(status, body))
    }

    #[test]
    fn one_winner_of_a_race_is_a_condition_that_holds() {
        let taken = "status code: 412 Precondition Failed";
        for (winners, verdict, is_plain) in [
            (0, Verdict::Unknown, false),
            (1, Verdict::Honoured, false),
            (2, Verdict::Ignored, true),
            (RACERS, Verdict::Ignored, true),
        ] {
            let promise = race(winners, taken);
            assert_eq!(promise.verdict, verdict, "{promise:?}");
            assert!(
                promise.seen.starts_with(&format!("{winners} of 16 ")),
                "{promise:?}"
            );
            let follows = "plain writes are used, under the lease";
            assert_eq!(promise.follows.contains(follows), is_plain, "{promise:?}");
        }
        let unknown = race(0, "https://h/b?sig=secret status code: 501 Not Implemented");
        assert_eq!(unknown.verdict, Verdict::Refused);
        assert!(unknown.seen.contains("501 Not Implemented"), "{unknown:?}");
        assert!(!unknown.seen.contains("secret"), "{unknown:?}");
        assert_eq!(unknown.follows, "plain writes are used, under the lease");
    }

    #[test]
    fn what_a_store_does_with_a_wrong_checksum_and_a_late_request_is_told() {
        type Judge = fn(&Tried) -> Promise;
        let (checksum, late): (Judge, Judge) = (of_wrong_checksum, of_late_request);
        let refusal = "<Error><Code>BadDigest</Code></Error>";
        for (judge, tried, verdict, seen, follows) in [
            (
                checksum,
                answered(400, refusal),
                Verdict::Honoured,
                "400 BadDigest",
                "",
            ),
            (
                checksum,
                answered(200, ""),
                Verdict::Ignored,
                "was stored",
                "found by verify only",
            ),
            (checksum, Err("reset".to_owned()), Verdict::Unknown, "reset", ""),
            (
                late,
                answered(403, "no code"),
                Verdict::Honoured,
                "status 403",
                "",
            ),
            (
                late,
                answered(204, ""),
                Verdict::Ignored,
                "was carried out",
                "stopped for 20 minutes",
            ),
            (late, Err("reset".to_owned()), Verdict::Unknown, "reset", ""),
        ] {
            let promise = judge(&tried);
            assert_eq!(promise.verdict, verdict, "{promise:?}");
            assert!(promise.seen.contains(seen), "{promise:?}");
            assert!(promise.follows.contains(follows), "{promise:?}");
            assert_eq!(promise.follows.is_empty(), follows.is_empty(), "{promise:?}");
        }
    }
}
