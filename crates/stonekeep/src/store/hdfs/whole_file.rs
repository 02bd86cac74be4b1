//! Writes one file whole: it is closed before anybody learns its name.
//!
//! A DataNode that dies breaks the writes that go through it, and new ones may choose it until the NameNode counts it as dead.
//! Then the file is written again from its beginning, under another name: here if its content is held in memory, else by
//! the caller, who can read it again (`Error::wants_content_again`).

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hdfs_native::WriteOptions;
use hdfs_native::file::FileWriter;
use tokio::sync::Semaphore;

use super::client::{CALL_LIMIT, Client, Failure, Patience};
use super::layout::unfinished_name;
use crate::{Error, Result};

/// Up to this length a file is held in memory while it is written, so that it can be written again.
const HELD_BYTES: usize = 1 << 20;

/// How much is handed to the client at a time.
const PIECE_BYTES: usize = 256 << 10;

/// How many longer files are written at a time: the client holds up to 13 MiB of each.
const LONG_FILES: usize = 6;

/// How long the client may take to accept a piece, or to end the last block: it waits 60 s for a DataNode, then replaces it.
const WRITE_LIMIT: Duration = Duration::from_secs(120);

/// How long a file is written again and again. By Hadoop's defaults the NameNode gives up a dead DataNode after 10.5 minutes.
const WRITE_PATIENCE: Duration = Duration::from_secs(12 * 60);

/// Writes files into directories of the store.
#[derive(Debug)]
pub(super) struct Writer {
    long_files: Semaphore,
    /// A long file was not completed. The next one begins when a small one can be written: each attempt reads a long one, and a
    /// caller has few.
    in_trouble: AtomicBool,
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
            in_trouble: AtomicBool::new(false),
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
        if self.in_trouble.load(Ordering::Relaxed) {
            match client.block_on(write_held(client, to, &head)) {
                Ok(tried) => client.block_on(remove(client, &tried.path)),
                Err(error) => return Ok(Err(error)),
            }
            self.in_trouble.store(false, Ordering::Relaxed);
        }
        let written = write_long(client, to, head, content)?;
        let is_broken = |error: &Error| error.wants_content_again();
        if written.as_ref().is_err_and(is_broken) {
            self.in_trouble.store(true, Ordering::Relaxed);
        }
        Ok(written)
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
    let native = client.native();
    let mut file = client
        .within(CALL_LIMIT, native.create(path, options(client, to)))
        .await?;
    if !content.is_empty() {
        client
            .within(WRITE_LIMIT, file.write_bytes(content.clone()))
            .await?;
    }
    close(client, &mut file, path, content.len() as u64).await
}

/// Writes what is too long to be held. After a failure the caller has to begin again, since the content has been read.
fn write_long(
    client: &Client,
    to: Destination<'_>,
    head: Bytes,
    content: &mut dyn Read,
) -> io::Result<Result<Written>> {
    let (path, mut file) = match client.block_on(create(client, to)) {
        Ok(created) => created,
        Err(error) => return Ok(Err(error)),
    };
    let (mut piece, mut size_bytes) = (head, 0);
    let failure = loop {
        size_bytes += piece.len() as u64;
        if let Err(failure) = client.once(WRITE_LIMIT, file.write_bytes(piece)) {
            break failure;
        }
        let mut next = Vec::with_capacity(PIECE_BYTES);
        let read = (&mut *content).take(PIECE_BYTES as u64).read_to_end(&mut next);
        if let Err(error) = read {
            client.block_on(remove(client, &path));
            return Err(error);
        }
        if next.is_empty() {
            match client.block_on(close(client, &mut file, &path, size_bytes)) {
                Ok(size_bytes) => return Ok(Ok(Written { path, size_bytes })),
                Err(failure) => break failure,
            }
        }
        piece = Bytes::from(next);
    };
    client.block_on(remove(client, &path));
    let error = client.explain(to.doing, &failure);
    Ok(Err(if failure.cause().may_pass() {
        error.content_again()
    } else {
        error
    }))
}

/// A new file under a random name: after a failure under another one, since it may have been made.
async fn create(client: &Client, to: Destination<'_>) -> Result<(String, FileWriter)> {
    let mut patience = Patience::of(WRITE_PATIENCE);
    loop {
        let path = format!("{}/{}", to.directory, unfinished_name());
        let native = client.native();
        let created = client
            .within(CALL_LIMIT, native.create(&path, options(client, to)))
            .await;
        let failure = match created {
            Ok(file) => return Ok((path, file)),
            Err(failure) => failure,
        };
        if !failure.cause().may_pass() || !patience.go_on(client, to.doing, &failure).await {
            return Err(client.explain(to.doing, &failure));
        }
    }
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
