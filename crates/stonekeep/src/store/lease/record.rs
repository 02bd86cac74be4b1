//! What stands in a lease's object: one line of JSON.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::same_host::FileIdentity;
use crate::{Error, ErrorKind, Result};

/// The newest version of the content that this code knows.
const VERSION: u32 = 1;

/// The content of a lease. Unknown fields are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    stonekeep_lease: u32,
    /// For messages.
    pub(super) holder: String,
    /// For messages.
    pub(super) host: String,
    /// The id of the holder's kernel start, where it is known.
    pub(super) boot_id: Option<String>,
    /// Tells this lease from an object that somebody else put under its name.
    pub(super) nonce: String,
    /// Raised by each renewal.
    pub(super) counter: u64,
    period_ms: u64,
    /// The own time of the holder's kernel just before this was sent.
    renewed_boottime_ms: u64,
    /// No request of the holder is accepted by the store later than this after it was signed.
    accepted_for_ms: u64,
    /// The holder has begun to delete, so that a request that deletes may be under way after its death.
    pub(super) deleting: bool,
    /// The file that the holder has locked on its machine.
    pub(super) lock: Option<FileIdentity>,
}

impl Record {
    pub(super) fn new(holder: &str, nonce: String, period: Duration, lock: Option<FileIdentity>) -> Self {
        Record {
            stonekeep_lease: VERSION,
            holder: holder.to_owned(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            boot_id: crate::store::pin_name::boot_id().map(str::to_owned),
            nonce,
            counter: 0,
            period_ms: milliseconds(period),
            renewed_boottime_ms: 0,
            accepted_for_ms: 0,
            deleting: false,
            lock,
        }
    }

    pub(super) fn renewed_at(&mut self, boottime: Duration) {
        self.renewed_boottime_ms = milliseconds(boottime);
    }

    pub(super) fn set_accepted_for(&mut self, time: Duration) {
        self.accepted_for_ms = milliseconds(time);
    }

    pub(super) fn period(&self) -> Duration {
        Duration::from_millis(self.period_ms)
    }

    pub(super) fn renewed_boottime(&self) -> Duration {
        Duration::from_millis(self.renewed_boottime_ms)
    }

    pub(super) fn accepted_for(&self) -> Duration {
        Duration::from_millis(self.accepted_for_ms)
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self)
            .map_err(|error| Error::new(ErrorKind::Io, "writing a lease").with_source(error))
    }

    /// `None` for what is no lease that this version can read.
    pub(super) fn decode(bytes: &[u8]) -> Option<Record> {
        let record: Record = serde_json::from_slice(bytes).ok()?;
        (record.stonekeep_lease == VERSION).then_some(record)
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_read_as_it_was_written_and_anything_else_is_none() {
        let lock = FileIdentity {
            device: 3,
            inode: u64::MAX,
        };
        let mut record = Record::new(
            "me \"quoted\"",
            "n".to_owned(),
            Duration::from_secs(600),
            Some(lock),
        );
        record.renewed_at(Duration::from_millis(1_234_567));
        let bytes = record.encode().unwrap();
        assert_eq!(Record::decode(&bytes), Some(record));
        let text = String::from_utf8(bytes).unwrap();
        let newer = text.replace("\"stonekeep_lease\":1", "\"stonekeep_lease\":2");
        assert_ne!(newer, text);
        for other in [newer.as_str(), "", "{}", "[1]"] {
            assert_eq!(Record::decode(other.as_bytes()), None, "{other}");
        }
        let more = text.replacen('{', "{\"later\":[],", 1);
        assert!(Record::decode(more.as_bytes()).is_some());
    }
}
