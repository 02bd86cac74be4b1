//! `stonekeep/verified/drill`: the last drill that found nothing wrong.
//!
//! It is replaced in one step by each such drill, without a lock: of two at the same time, one is remembered. A file that is lost or
//! damaged means that there was none.

use serde::{Deserialize, Serialize};

use crate::repo::checked_lines::{self, CheckedText};
use crate::repo::layout;
use crate::store::{Durability, PutContent, PutMode, Store, new_pin_name};
use crate::{Error, ErrorKind, Result};

/// The name in `stonekeep/verified`.
pub(super) const NAME: &str = "drill";

const VERSION: u32 = 1;

/// A drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drill {
    /// The backup.
    pub backup_id: u32,
    /// CRC-32C of its meta file.
    pub meta_crc32c: u32,
    /// When it ended, in milliseconds since 1970.
    pub at_ms: u64,
    /// How much was restored.
    pub bytes: u64,
    /// How long that took.
    pub restore_ms: u64,
    /// How long it took to read it again.
    pub verify_ms: u64,
}

impl Drill {
    /// When it ended, in seconds since 1970.
    pub fn seconds(&self) -> i64 {
        i64::try_from(self.at_ms / 1000).unwrap_or(i64::MAX)
    }
}

#[derive(Serialize, Deserialize)]
struct Line<D> {
    stonekeep_drill: u32,
    #[serde(flatten)]
    drill: D,
}

/// Remembers a drill.
///
/// # Errors
/// I/O errors of the store.
pub fn put(store: &Store, drill: &Drill, durability: Durability) -> Result<()> {
    let line = checked_lines::line_of(&Line {
        stonekeep_drill: VERSION,
        drill,
    });
    let text = CheckedText::new(std::iter::once(line)).complete()?;
    let key = layout::verified_directory().join(NAME)?;
    let run = format!("drill-{}", new_pin_name());
    let put = || store.put(&run, &key, PutContent::Bytes(&text), PutMode::Replace, durability);
    let done = match put() {
        // A writer took what was staged for what a killed run has left.
        Err(error) if error.kind() == ErrorKind::NotFound => put(),
        done => done,
    };
    let discarded = store.discard(&run);
    done.and(discarded)
}

/// The drill of a text.
///
/// # Errors
/// `Unsupported` for one of another version, `Corrupt` for anything else.
pub(super) fn decode(text: &[u8]) -> Result<Drill> {
    let wrong = || Error::corrupt(NAME, "it is no drill");
    let line = checked_lines::lines(NAME, text)?.next().ok_or_else(wrong)?;
    let line: Line<Drill> = serde_json::from_slice(line).map_err(|_| wrong())?;
    if line.stonekeep_drill == VERSION {
        Ok(line.drill)
    } else {
        let message = format!("{NAME} has another version than {VERSION}");
        Err(Error::new(ErrorKind::Unsupported, message))
    }
}
