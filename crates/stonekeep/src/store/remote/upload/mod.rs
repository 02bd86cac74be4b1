//! Writes objects under their final keys, so that each is whole or absent, whatever happens to a request or to this process.
//!
//! # What a request may do
//! The answer to a request can be lost: by a reset, a time limit, an error of the server after it did the work. So each object has a
//! random [token](stamp) in its metadata, and a failed request is followed by a look at the key: an object with our
//! token means that it was carried out, none that it is repeated, another one that the key is taken. Nothing is
//! deleted because of a doubt.
//!
//! # A file of at most one part
//! It is one PUT ([`single_put`]), which a store carries out whole or not at all. A kill leaves the object or nothing.
//!
//! # A larger file
//! It is sent in parts ([`multipart`]), and appears when they are completed. A kill leaves:
//!
//! | before | is left |
//! |---|---|
//! | the upload has an id | perhaps an upload that no mark names: the bucket's lifecycle rule removes it |
//! | the mark is written | parts that no mark names: the same |
//! | the completion is answered | a mark, and the object whole, absent, or (seen on several stores) listed and unreadable |
//! | the mark is removed | a mark, and the whole object |
//!
//! So an object is whole if no [mark](marks) names its key. What a mark names is uploaded again by the next run.
//! A completion is sent once: two of them for one upload have destroyed the object on some stores. An upload is aborted only if it
//! was never completed and nothing is under its key, since aborting one that had completed has destroyed the object, too.

mod budget;
mod buffers;
mod creates;
mod delete;
mod fenced;
mod line;
mod marks;
mod multipart;
mod parts;
mod put;
mod requests;
mod run_keys;
mod runs;
mod session;
mod single_put;
mod stamp;
mod unchanged;
mod unmarked;
mod uploaded;

use std::io::Read;
use std::sync::{Arc, Mutex};

use object_store::ObjectStore;
use object_store::path::Path;

use self::budget::Budget;
use self::buffers::{Buffers, KEPT_BYTES};
use self::creates::Creates;
use self::multipart::Transfer;
use self::parts::{Parts, part_bytes};
use self::requests::{Requests, taken};
pub(super) use self::session::Sessions;
use self::single_put::Outcome;
pub(super) use self::stamp::checksum_in;
use self::uploaded::Uploaded;
use super::client::Client;
use super::paths::Paths;
use crate::Result;
use crate::store::staging::run_key;
use crate::store::{Key, PutMode, Upload};

/// What writes and deletes objects.
#[derive(Debug)]
pub(super) struct Writer {
    requests: Requests,
    uploaded: Uploaded,
}

impl Writer {
    /// The client that repeats no request by itself, where there is one.
    pub(super) fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.requests.objects
    }

    pub(super) fn new(
        client: Arc<Client>,
        paths: Paths,
        objects: Arc<dyn ObjectStore>,
        sessions: Sessions,
    ) -> Self {
        Writer {
            requests: Requests {
                client,
                paths,
                objects,
                sessions,
                budget: Budget::new(),
                buffers: Buffers::default(),
                creates: Creates::default(),
                touched: Mutex::default(),
            },
            uploaded: Uploaded::default(),
        }
    }

    pub(super) fn set_sessions(&mut self, sessions: Sessions) {
        self.requests.sessions = sessions;
    }

    /// Uploads a file under its key.
    pub(super) fn upload(
        &self,
        run: &str,
        key: &Key,
        content: &mut dyn Read,
        expected_bytes: u64,
        mode: PutMode,
    ) -> Result<Upload> {
        // Also refuses a run that is no plain name.
        run_key(run)?;
        let requests = &self.requests;
        let path = requests.paths.of(Some(key))?;
        let part_bytes = part_bytes(expected_bytes);
        let share_bytes = match expected_bytes {
            0 => part_bytes,
            small if small < KEPT_BYTES => small,
            _ => part_bytes,
        };
        let share = requests.client.block_on(requests.budget.take(share_bytes))?;
        let mut parts = Parts::new(key, content, part_bytes);
        let first = parts.next(requests.buffers.take(share_bytes))?;
        let size_bytes = if parts.is_at_end()? {
            let size_bytes = first.len() as u64;
            self.upload_small(run, key, &path, first, mode)?;
            drop(share);
            size_bytes
        } else {
            let transfer = Transfer::begin(requests, run, key, &path, mode)?;
            let receipt = transfer.send(first, share, &mut parts, expected_bytes)?;
            let size_bytes = receipt.size_bytes;
            self.uploaded.note(run, &path, receipt);
            size_bytes
        };
        Ok(Upload {
            run: run.to_owned(),
            key: key.clone(),
            size_bytes,
        })
    }

    fn upload_small(&self, run: &str, key: &Key, path: &Path, bytes: Vec<u8>, mode: PutMode) -> Result<()> {
        let size_bytes = bytes.len() as u64;
        // The client's threads only move bytes: this one computes.
        let crc32c = stonekeep_format::Crc32c(crc32c::crc32c(&bytes));
        let create = mode == PutMode::IfAbsent;
        let content = self.requests.buffers.lend(bytes);
        match self
            .requests
            .put_once(path, content.into(), Some(crc32c), create)?
        {
            Outcome::Written(receipt) => {
                self.uploaded.note(run, path, receipt);
                Ok(())
            }
            Outcome::Taken(there) if there.has_content(size_bytes, crc32c) => Ok(()),
            Outcome::Taken(_) => Err(taken(key)),
        }
    }
}
