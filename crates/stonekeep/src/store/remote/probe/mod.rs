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
        let difference = seconds(there) - seconds(before);
        let seen = match difference {
            -1..=1 => "the clocks agree".to_owned(),
            _ => format!(
                "the store's clock is {} s {}",
                difference.abs(),
                if difference > 0 { "ahead" } else { "behind" }
            ),
        };
        if difference.abs() <= CLOCKS_DIFFER_SECONDS {
            return Ok(Promise::new("clock", Verdict::Honoured, seen));
        }
        let follows = "signed requests are refused or end too early: set this machine's clock";
        Ok(Promise::new("clock", Verdict::Broken, seen).with_consequence(follows))
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
