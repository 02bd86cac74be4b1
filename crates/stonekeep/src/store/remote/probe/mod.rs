//! What only an object store can be asked for: conditions, checksums, signatures, its clock and the settings of the bucket.

mod bucket;
mod requests;
mod uploads;

use std::time::SystemTime;

use object_store::path::Path;

use self::requests::Probe;
use super::RemoteStore;
use super::signed::SignedClient;
use crate::store::promise::{Promise, Verdict};
use crate::{Clock, Error, Key, Result, SystemClock};

/// Stores refuse requests whose time differs by more than 5 minutes (Scaleway) or 15 (AWS).
const CLOCKS_DIFFER_SECONDS: i64 = 240;

impl RemoteStore {
    /// Tries them, with objects below this directory, which it removes.
    pub(super) fn probe(&self, below: &Key, should_stop: &dyn Fn() -> bool) -> Result<Vec<Promise>> {
        let probe = Probe {
            client: &self.client,
            writes: self.writer.objects(),
            below: self.paths.of(Some(below))?,
        };
        let go_on = || {
            if should_stop() {
                return Err(Error::stopped());
            }
            Ok(())
        };
        let mut promises = vec![probe.creates_once()?, self.clocks(&probe)?];
        let Some(signed) = self.holding.signed() else {
            promises.push(
                Promise::new(
                    "signed requests",
                    Verdict::Unknown,
                    "this client signs no requests",
                )
                .with_consequence(
                    "a process that is stopped may change the repository later: only one may use it",
                ),
            );
            return Ok(promises);
        };
        for tried in [
            Probe::refuses_wrong_checksum,
            Probe::refuses_late_requests,
            Probe::lists_and_aborts_uploads,
            Probe::keeps_objects_at_hand,
        ] {
            go_on()?;
            promises.push(tried(&probe, signed)?);
        }
        go_on()?;
        promises.extend(self.bucket_settings(signed)?);
        Ok(promises)
    }

    fn clocks(&self, probe: &Probe<'_>) -> Result<Promise> {
        let before = SystemClock.now();
        let there = probe.modified_of_a_new_object()?;
        // Stores tell whole seconds.
        Ok(of_difference(seconds(there) - seconds(before)))
    }

    fn bucket_settings(&self, signed: &SignedClient) -> Result<Vec<Promise>> {
        let prefix: Path = self.paths.of(None)?;
        self.client.block_on(bucket::settings(signed, &prefix))
    }
}

fn seconds(time: SystemTime) -> i64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// What it means that the store's clock is so many seconds ahead.
fn of_difference(seconds: i64) -> Promise {
    let seen = match seconds {
        -1..=1 => "the clocks agree".to_owned(),
        2.. => format!("the store's clock is {seconds} s ahead"),
        _ => format!("the store's clock is {} s behind", -seconds),
    };
    if seconds.abs() <= CLOCKS_DIFFER_SECONDS {
        return Promise::new("clock", Verdict::Honoured, seen);
    }
    Promise::new("clock", Verdict::Broken, seen)
        .with_consequence("signed requests are refused or end too early: set this machine's clock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_differ_too_much_for_signatures_are_named() {
        for (seconds, verdict, seen) in [
            (0, Verdict::Honoured, "the clocks agree"),
            (1, Verdict::Honoured, "the clocks agree"),
            (-1, Verdict::Honoured, "the clocks agree"),
            (30, Verdict::Honoured, "the store's clock is 30 s ahead"),
            (-240, Verdict::Honoured, "the store's clock is 240 s behind"),
            (241, Verdict::Broken, "the store's clock is 241 s ahead"),
            (-3600, Verdict::Broken, "the store's clock is 3600 s behind"),
        ] {
            let promise = of_difference(seconds);
            assert_eq!((promise.verdict, &*promise.seen), (verdict, seen));
            let tells_what_to_do = promise.follows.contains("set this machine's clock");
            assert_eq!(tells_what_to_do, verdict == Verdict::Broken, "{promise:?}");
        }
    }
}
