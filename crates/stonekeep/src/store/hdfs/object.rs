//! Reads a file in windows that grow while it is read in order.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use hdfs_native::client::FileStatus;
use hdfs_native::file::FileReader;

use super::client::Client;
use crate::store::{Key, LocalFile, Object};
use crate::{Error, Result};

/// How much is asked for where a read begins that continues none. Beyond it a footer or a small file would bring bytes
/// that nobody reads.
const FIRST_WINDOW_BYTES: u64 = 256 << 10;

/// Each window is twice as large as the one before, up to this.
const LAST_WINDOW_BYTES: u64 = 32 << 20;

/// How long a window may bring no byte: the time in which the client tries three replicas.
const STALL_LIMIT: Duration = Duration::from_secs(70);

/// How often a read that failed is begun again where it ended.
const REPEATS: u32 = 5;

const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// A file as it was when it was opened. Its blocks do not change, so that no read brings another version.
pub(super) struct HdfsObject {
    client: Arc<Client>,
    path: String,
    /// What is done, for messages.
    doing: String,
    size_bytes: u64,
    modified: u64,
    place: Mutex<ReadPlace>,
}

type Window = Pin<Box<dyn Stream<Item = hdfs_native::Result<Bytes>> + Send>>;

/// How far the file was read.
struct ReadPlace {
    /// The file with the places of its blocks; `None` after an error, since the places may have changed.
    reader: Option<FileReader>,
    /// What is on the way.
    window: Option<Window>,
    window_bytes: u64,
    /// Where the window ends.
    window_end: u64,
    /// Bytes that have arrived and were not read.
    rest: Bytes,
    /// The offset of the first of them in the file.
    offset: u64,
}

impl HdfsObject {
    pub(super) fn open(client: Arc<Client>, path: String, key: &Key) -> Result<Self> {
        let doing = format!("reading {key}");
        // The places of its blocks are known from now on, so that it can be read for a while after its name is gone.
        let (status, reader) = client.ask(&doing, |native| open_once(native, &path))?;
        let Some(reader) = reader else {
            return Err(Error::corrupt(key.as_str(), "it is a directory"));
        };
        if reader.file_length() != status.length {
            let reason = "another file took its place while it was opened";
            return Err(Error::io(doing, io::Error::other(reason)));
        }
        Ok(HdfsObject {
            client,
            path,
            doing,
            size_bytes: status.length as u64,
            modified: status.modification_time,
            place: Mutex::new(ReadPlace {
                reader: Some(reader),
                window: None,
                window_bytes: FIRST_WINDOW_BYTES,
                window_end: 0,
                rest: Bytes::new(),
                offset: 0,
            }),
        })
    }

    /// The file with the places of its blocks, if it is still the one that was opened.
    fn locate(&self) -> Result<FileReader> {
        let located = |native| locate_once(native, &self.path);
        let (status, reader) = self.client.ask(&self.doing, located)?;
        if status.modification_time == self.modified && reader.file_length() as u64 == self.size_bytes {
            return Ok(reader);
        }
        let reason = "another file took its place while it was read";
        Err(Error::io(self.doing.as_str(), io::Error::other(reason)))
    }

    fn place(&self) -> MutexGuard<'_, ReadPlace> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until unread bytes are there, which the caller knows to exist.
    fn fill(&self, place: &mut ReadPlace) -> Result<()> {
        let mut tries = 0;
        while place.rest.is_empty() {
            let mut window = match place.window.take() {
                Some(window) => window,
                None => self.next_window(place)?,
            };
            let next = async { window.next().await.transpose() };
            match self.client.once(STALL_LIMIT, next) {
                Ok(Some(bytes)) => {
                    place.rest = bytes;
                    place.window = Some(window);
                }
                Ok(None) if place.offset >= place.window_end => {}
                Ok(None) => {
                    let reason = format!(
                        "the window ended at {} of {} bytes",
                        place.offset, self.size_bytes
                    );
                    let cause = io::Error::new(io::ErrorKind::UnexpectedEof, reason);
                    return Err(Error::io(self.doing.as_str(), cause));
                }
                // The blocks may be elsewhere by now, or their DataNodes may come back: ask again where they are.
                Err(failure) if tries < REPEATS && failure.cause().may_pass() => {
                    tracing::warn!("{}: {failure}; trying again", self.doing);
                    self.client.pause(FIRST_PAUSE * 2_u32.pow(tries));
                    tries += 1;
                    place.reader = None;
                }
                Err(failure) => {
                    place.reader = None;
                    return Err(self.client.explain(&self.doing, &failure));
                }
            }
        }
        Ok(())
    }

    /// Asks for the bytes that follow.
    fn next_window(&self, place: &mut ReadPlace) -> Result<Window> {
        let reader = match place.reader.take() {
            Some(reader) => reader,
            None => self.locate()?,
        };
        let bytes = place.window_bytes.min(self.size_bytes - place.offset);
        place.window_end = place.offset + bytes;
        place.window_bytes = (place.window_bytes * 2).min(LAST_WINDOW_BYTES);
        let window = reader.read_range_stream(place.offset as usize, bytes as usize);
        place.reader = Some(reader);
        Ok(Box::pin(window))
    }
}

/// What is there, and the places of its blocks, if it is a file.
async fn open_once(
    native: hdfs_native::Client,
    path: &str,
) -> hdfs_native::Result<(FileStatus, Option<FileReader>)> {
    let status = native.get_file_info(path).await?;
    if status.isdir {
        return Ok((status, None));
    }
    Ok((status, Some(native.read(path).await?)))
}

/// The places of its blocks, and then what is there: another file that came between is not taken for this one.
async fn locate_once(
    native: hdfs_native::Client,
    path: &str,
) -> hdfs_native::Result<(FileStatus, FileReader)> {
    let reader = native.read(path).await?;
    Ok((native.get_file_info(path).await?, reader))
}

impl ReadPlace {
    /// Leaves what is on the way, and begins anew here.
    fn jump(&mut self, offset: u64) {
        self.window = None;
        self.rest = Bytes::new();
        self.window_bytes = FIRST_WINDOW_BYTES;
        self.offset = offset;
    }
}

impl Object for HdfsObject {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Every byte is of the blocks that were there when it was opened.
    fn size_bytes_now(&self) -> io::Result<u64> {
        Ok(self.size_bytes)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset >= self.size_bytes || buffer.is_empty() {
            return Ok(0);
        }
        let mut place = self.place();
        if place.offset != offset {
            place.jump(offset);
        }
        self.fill(&mut place).map_err(io::Error::other)?;
        let count = buffer.len().min(place.rest.len());
        let bytes = place.rest.split_to(count);
        if let Some(buffer) = buffer.get_mut(..count) {
            buffer.copy_from_slice(&bytes);
        }
        place.offset += count as u64;
        Ok(count)
    }

    fn local_file(&self) -> Option<LocalFile<'_>> {
        None
    }
}
