//! Writes one file whole: it is closed before anybody learns its name.
//!
//! A DataNode that dies breaks the writes that go through it, and new ones may choose it until the NameNode counts it as dead: any
//! block may be given to it. Then the file is written again from its beginning, under another name, and again until twelve minutes
//! have passed. The first MiB of a file is held in memory: a file that fails before these bytes have been taken, or that has no more, is
//! written again here, and any other one by the caller, who can read it again (`Error::wants_content_again`).

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hdfs_native::WriteOptions;
use hdfs_native::file::FileWriter;
use tokio::sync::Semaphore;

use super::client::{CALL_LIMIT, Client, Patience};
use super::failure::Failure;
use super::layout::unfinished_name;
use crate::Result;

/// Up to this length a file is held in memory while it is written, so that it can be written again.
const HELD_BYTES: usize = 1 << 20;

/// How much is handed to the client at a time.
const PIECE_BYTES: usize = 256 << 10;

/// How many longer files are written at a time: the client holds up to 13 MiB of each.
const LONG_FILES: usize = 6;

/// How long the client may take to accept a piece, or to end the last block: it waits 60 s for a DataNode, then replaces it.
const WRITE_LIMIT: Duration = Duration::from_secs(120);

/// How long a file is written again and again, with pauses that grow: the NameNode counts the blocks of each attempt against the room
/// of DataNodes for up to twenty minutes. By Hadoop's defaults the NameNode gives up a dead DataNode after 10.5 minutes.
const WRITE_PATIENCE: Duration = Duration::from_secs(12 * 60);

/// Writes files into directories of the store.
#[derive(Debug)]
pub(super) struct Writer {
    long_files: Semaphore,
    /// What is left of the patience for long files that were not completed, by what was being done.
    in_trouble: Mutex<HashMap<String, Patience>>,
}

/// A file that was written and has its random name.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) path: String,
    pub(super) size_bytes: u64,
}

/// Where a file is written, and what it is for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Destination<'a> {
    /// The absolute path of a directory that is there. It is not made: it may have been renamed by another holder.
    pub(super) directory: &'a str,
    pub(super) mode: u32,
    pub(super) doing: &'a str,
}

impl Writer {
    pub(super) fn new() -> Self {
        Writer {
            long_files: Semaphore::new(LONG_FILES),
            in_trouble: Mutex::new(HashMap::new()),
        }
    }

    /// Writes the content to a file with a random name.
    ///
    /// # Errors
    /// That of the content as it is, in the outer result.
    pub(super) fn write(
        &self,
        client: &Client,
        to: Destination<'_>,
        content: &mut dyn Read,
    ) -> io::Result<Result<Written>> {
        let mut head = Vec::new();
        content.take(HELD_BYTES as u64 + 1).read_to_end(&mut head)?;
        let head = Bytes::from(head);
        if head.len() <= HELD_BYTES {
            return Ok(client.block_on(write_held(client, to, &head)));
        }
        let _permit = client.block_on(self.long_files.acquire());
        let (path, mut file) = match client.block_on(begin(client, to, &head)) {
            Ok(begun) => begun,
            Err(failure) => return Ok(Err(client.explain(to.doing, &failure))),
        };
        let failure = match write_rest(client, &path, &mut file, head.len(), content) {
            Ok(Ok(size_bytes)) => {
                self.in_trouble().remove(to.doing);
                return Ok(Ok(Written { path, size_bytes }));
            }
            Ok(Err(failure)) => failure,
            Err(error) => {
                client.block_on(remove(client, &path));
                return Err(error);
            }
        };
        client.block_on(remove(client, &path));
        let error = client.explain(to.doing, &failure);
        let goes_on = failure.cause().may_pass() && self.pause(client, to.doing, &failure);
        Ok(Err(if goes_on {
            error.content_again(u32::MAX)
        } else {
            error
        }))
    }

    /// Waits after a long file was not completed; `false` if it is no use to write it again.
    fn pause(&self, client: &Client, doing: &str, failure: &Failure) -> bool {
        let patience = self.in_trouble().remove(doing);
        let mut patience = patience.unwrap_or_else(|| Patience::of(WRITE_PATIENCE));
        let goes_on = client.block_on(patience.go_on(client, doing, failure));
        if goes_on {
            self.in_trouble().insert(doing.to_owned(), patience);
        }
        goes_on
    }

    fn in_trouble(&self) -> MutexGuard<'_, HashMap<String, Patience>> {
        self.in_trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes bytes, again and again while that may help.
pub(super) async fn write_held(client: &Client, to: Destination<'_>, content: &Bytes) -> Result<Written> {
    let mut patience = Patience::of(WRITE_PATIENCE);
    loop {
        let path = format!("{}/{}", to.directory, unfinished_name());
        let failure = match write_once(client, to, &path, content).await {
            Ok(size_bytes) => return Ok(Written { path, size_bytes }),
            Err(failure) => failure,
        };
        remove(client, &path).await;
        if !failure.cause().may_pass() || !patience.go_on(client, to.doing, &failure).await {
            return Err(client.explain(to.doing, &failure));
        }
    }
}

async fn write_once(
    client: &Client,
    to: Destination<'_>,
    path: &str,
    content: &Bytes,
) -> std::result::Result<u64, Failure> {
    let mut file = begin_once(client, to, path, content.clone()).await?;
    close(client, &mut file, path, content.len() as u64).await
}

/// Writes what follows the first bytes, and closes the file; returns its length.
fn write_rest(
    client: &Client,
    path: &str,
    file: &mut FileWriter,
    head_bytes: usize,
    content: &mut dyn Read,
) -> io::Result<std::result::Result<u64, Failure>> {
    let mut size_bytes = head_bytes as u64;
    loop {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        (&mut *content).take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
        if piece.is_empty() {
            return Ok(client.block_on(close(client, file, path, size_bytes)));
        }
        size_bytes += piece.len() as u64;
        if let Err(failure) = client.once(WRITE_LIMIT, file.write_bytes(piece.into())) {
            return Ok(Err(failure.of_write()));
        }
    }
}

/// A new file with these first bytes, which DataNodes have begun to take: after a failure another file, since it may have been
/// made.
async fn begin(
    client: &Client,
    to: Destination<'_>,
    head: &Bytes,
) -> std::result::Result<(String, FileWriter), Failure> {
    let mut patience = Patience::of(WRITE_PATIENCE);
    loop {
        let path = format!("{}/{}", to.directory, unfinished_name());
        let failure = match begin_once(client, to, &path, head.clone()).await {
            Ok(file) => return Ok((path, file)),
            Err(failure) => failure,
        };
        remove(client, &path).await;
        if !failure.cause().may_pass() || !patience.go_on(client, to.doing, &failure).await {
            return Err(failure);
        }
    }
}

async fn begin_once(
    client: &Client,
    to: Destination<'_>,
    path: &str,
    head: Bytes,
) -> std::result::Result<FileWriter, Failure> {
    let native = client.native();
    let mut file = client
        .within(CALL_LIMIT, native.create(path, options(client, to)))
        .await?;
    if !head.is_empty() {
        let written = client.within(WRITE_LIMIT, file.write_bytes(head));
        written.await.map_err(Failure::of_write)?;
    }
    Ok(file)
}

fn options(client: &Client, to: Destination<'_>) -> WriteOptions {
    let settings = &client.address().settings;
    WriteOptions {
        block_size: settings.block_size,
        replication: settings.replication,
        permission: to.mode,
        overwrite: false,
        create_parent: false,
    }
}

/// Closes a file. The client asks five times whether the last block is known to the NameNode, which under load may take longer:
/// then it is asked again, and the length is compared.
async fn close(
    client: &Client,
    file: &mut FileWriter,
    path: &str,
    size_bytes: u64,
) -> std::result::Result<u64, Failure> {
    const TIMES: u32 = 8;
    let mut failure = match client.within(WRITE_LIMIT, file.close()).await {
        Ok(()) => return Ok(size_bytes),
        Err(failure) => failure,
    };
    for _ in 0..TIMES {
        if !failure.is_not_closed_in_time() {
            return Err(failure);
        }
        failure = match client.within(WRITE_LIMIT, file.close()).await {
            Ok(()) => {
                let status = client.native().get_file_info(path).await;
                let length = status.map_err(Failure::Hdfs)?.length as u64;
                return if length == size_bytes {
                    Ok(size_bytes)
                } else {
                    Err(Failure::wrong_length(length, size_bytes))
                };
            }
            Err(failure) => failure,
        };
    }
    Err(failure)
}

/// Removes a file that was not completed, if it can be done: else it stays until its run is discarded.
pub(super) async fn remove(client: &Client, path: &str) {
    let native = client.native();
    if let Err(failure) = client.within(CALL_LIMIT, native.delete(path, false)).await {
        tracing::debug!(path, "a file that was not completed stays: {failure}");
    }
}
