//! The requests that a store is tried with, each at an object with a fresh name.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use object_store::path::Path;
use object_store::signer::{HeaderMap, HeaderValue, Method};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};

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

/// See the [module](self).
pub(super) struct Probe<'a> {
    pub(super) client: &'a Client,
    /// A client that repeats no request.
    pub(super) writes: &'a Arc<dyn ObjectStore>,
    pub(super) below: Path,
}

impl Probe<'_> {
    pub(super) fn creates_once(&self) -> Result<Promise> {
        const NAME: &str = "create if absent";
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
        let ended = self.client.block_on(race)?;
        let winners = ended.iter().filter(|put| put.is_ok()).count();
        let unsupported = ended.iter().find_map(|put| match put {
            Err(error) if is_unsupported(error) => Some(errors::all_causes(error)),
            _ => None,
        });
        let seen = format!("{winners} of {RACERS} that created one object at a time succeeded");
        Ok(match (winners, unsupported) {
            (_, Some(why)) => Promise::new(NAME, Verdict::Refused, errors::without_secrets(&why))
                .with_consequence("plain writes are used, under the lease"),
            (1, None) => Promise::new(NAME, Verdict::Honoured, seen),
            (0, None) => Promise::new(NAME, Verdict::Unknown, seen),
            _ => Promise::new(NAME, Verdict::Ignored, seen)
                .with_consequence("plain writes are used, under the lease; nothing relies on the condition"),
        })
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
        const NAME: &str = "checksums";
        let path = self.below.clone().join("checksum");
        // Of no content.
        let wrong = HeaderValue::from_static("1B2M2Y8AsgTpgAmY7PhCfg==");
        let headers = HeaderMap::from_iter(
            [("content-md5".parse().ok(), wrong)]
                .into_iter()
                .filter_map(|(name, value)| Some((name?, value))),
        );
        let answer = self.send_late(signed, &path, headers, Duration::from_secs(60), Duration::ZERO)?;
        Ok(match answer {
            Err(error) => Promise::new(NAME, Verdict::Unknown, error),
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
        })
    }

    pub(super) fn refuses_late_requests(&self, signed: &SignedClient) -> Result<Promise> {
        const NAME: &str = "expiry of signed requests";
        let path = self.below.clone().join("late");
        let answer = self.send_late(signed, &path, HeaderMap::new(), ACCEPTED_FOR, ARRIVES_AFTER)?;
        Ok(match answer {
            Err(error) => Promise::new(NAME, Verdict::Unknown, error),
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
        })
    }

    /// Puts an object by a signed request that is sent after some time. The inner error is why there is no answer.
    fn send_late(
        &self,
        signed: &SignedClient,
        path: &Path,
        headers: HeaderMap,
        accepted_for: Duration,
        after: Duration,
    ) -> Result<std::result::Result<Answer, String>> {
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
