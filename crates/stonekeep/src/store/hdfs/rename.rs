//! Renames, of which the answer may be lost.
//!
//! The source of each rename is a file that only this process knows: it is in the directory of its own lease, or has a random
//! name. So after an error the source tells what happened: if it is there, nothing did, and if it is gone, the rename was
//! carried out, unless the whole directory is gone, too, since another one has taken the lease.

use super::client::{CALL_LIMIT, Client, Patience};
use super::errors::Cause;
use super::failure::Failure;
use crate::Result;

/// How a rename ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renamed {
    Done,
    /// Something is there.
    Taken,
    /// There is nothing to rename.
    NoSource,
    /// The directory that it should go to is not there.
    NoDirectory,
}

/// What is to be renamed, by absolute paths.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rename<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    /// What is there is replaced, in one step for readers.
    pub(super) overwrite: bool,
}

impl Rename<'_> {
    /// Carries it out once. `doing` is for messages.
    pub(super) async fn carry_out(self, client: &Client, doing: &str) -> Result<Renamed> {
        let mut patience = Patience::new();
        let mut in_doubt = false;
        loop {
            let native = client.native();
            let renamed = client
                .within(CALL_LIMIT, native.rename(self.from, self.to, self.overwrite))
                .await;
            let failure = match renamed {
                Ok(()) => return Ok(Renamed::Done),
                Err(failure) => failure,
            };
            let cause = failure.cause();
            if matches!(failure, Failure::Stopped) {
                return Err(client.explain(doing, &failure));
            }
            if cause.may_pass() {
                in_doubt = true;
                if !patience.go_on(client, doing, &failure).await {
                    return Err(client.explain(doing, &failure));
                }
                // Looked at by the next attempt: without its source it fails.
                continue;
            }
            if matches!(cause, Cause::Permission | Cause::Kerberos | Cause::Quota) {
                return Err(client.explain(doing, &failure));
            }
            if !client.is_there(self.from, doing).await? {
                let directory = self.from.rsplit_once('/').map_or("/", |(directory, _)| directory);
                let is_done = in_doubt && client.is_there(directory, doing).await?;
                return Ok(if is_done { Renamed::Done } else { Renamed::NoSource });
            }
            return match cause {
                Cause::Absent => Ok(Renamed::NoDirectory),
                _ if !self.overwrite && client.is_there(self.to, doing).await? => Ok(Renamed::Taken),
                _ => Err(client.explain(doing, &failure)),
            };
        }
    }
}
