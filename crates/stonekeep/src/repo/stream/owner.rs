//! Who may add to a stream.
//!
//! ```text
//! {"stonekeep_owner":1,"token":"0123456789abcdef","crc32c":2771873}
//! ```
//!
//! A larger number has taken the stream over. There is no heartbeat, so that a follower of a database in which nothing is written makes no
//! requests: before it goes on after a pause, it looks for a larger number.

use serde::Serialize;

use super::put::put_beside_backups;
use super::segment_name::Owner;
use super::stream_id::{StreamId, Token};
use crate::Result;
use crate::repo::{layout, sealed_line};
use crate::store::Store;

#[derive(Serialize)]
struct Claim {
    stonekeep_owner: u32,
    token: Token,
}

/// Claims a stream under this number, durably, and whether that was done: else another one has the number. `run` is whoever does it,
/// for what a kill leaves.
///
/// # Errors
/// Those of the store; whether it is claimed then is not known.
pub fn claim(store: &Store, run: &str, stream: StreamId, owner: Owner, token: Token) -> Result<bool> {
    let claim = Claim {
        stonekeep_owner: 1,
        token,
    };
    let line = sealed_line::seal(&claim, "the owner of a stream")?;
    put_beside_backups(store, run, &layout::owner(stream, owner), &line)
}
