//! Leases and pins as files of a directory: each is written elsewhere, and renamed there when it is complete.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hdfs_native::WriteOptions;
use hdfs_native::client::FileStatus;

use super::client::Client;
use super::errors::Cause;
use super::failure::Failure;
use super::layout::{STONEKEEP, UNFENCED, unfinished_name};
use super::status::{modified, name};
use crate::Result;
use crate::store::Key;
use crate::store::lease::{Found, LeaseObjects, Listed, Overwritten, Version};

/// A lease is a few hundred bytes, a pin as long as a meta file.
const LONGEST: usize = 64 << 20;

pub(super) const DIRECTORY_MODE: u32 = 0o755;

pub(super) type Tried<T> = std::result::Result<T, Failure>;

/// The files of one directory, through a client of their own.
#[derive(Debug)]
pub(super) struct SmallFiles {
    client: Arc<Client>,
    /// For one request.
    limit: Duration,
    /// The absolute path.
    directory: String,
}

impl SmallFiles {
    pub(super) fn new(client: Arc<Client>, limit: Duration, below: &str) -> Self {
        SmallFiles {
            directory: client.path(below),
            client,
            limit,
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn tried<T>(&self, request: impl Future<Output = hdfs_native::Result<T>>) -> Tried<T> {
        self.client.once(self.limit, request)
    }

    /// Waits for a request.
    pub(super) fn request<T>(
        &self,
        doing: &str,
        request: impl Future<Output = hdfs_native::Result<T>>,
    ) -> Result<T> {
        self.tried(request)
            .map_err(|failure| self.client.explain(doing, &failure))
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.directory)
    }

    /// Makes directories, each of which is in one before it.
    pub(super) async fn make(&self, directories: &[&str]) -> hdfs_native::Result<()> {
        let native = self.client.native();
        for directory in directories {
            let path = self.client.path(directory);
            native.mkdirs(&path, DIRECTORY_MODE, false).await?;
        }
        Ok(())
    }

    /// Writes a file in another directory, and gives it its name here.
    pub(super) async fn write(
        &self,
        through: &str,
        name: &str,
        content: &[u8],
        overwrite: bool,
    ) -> hdfs_native::Result<()> {
        let native = self.client.native();
        let written = format!("{}/{}", self.client.path(through), unfinished_name());
        let settings = &self.client.address().settings;
        let options = WriteOptions {
            block_size: settings.block_size,
            replication: settings.replication,
            create_parent: false,
            ..WriteOptions::default()
        };
        let mut file = native.create(&written, options).await?;
        file.write_bytes(Bytes::copy_from_slice(content)).await?;
        file.close().await?;
        native.rename(&written, &self.path(name), overwrite).await
    }

    pub(super) fn list(&self) -> Result<Vec<Listed>> {
        let native = self.client.native();
        match self.tried(async { native.list_status(&self.directory, false).await }) {
            Ok(listed) => Ok(listed.iter().filter_map(listed_file).collect()),
            Err(failure) if failure.cause() == Cause::Absent => Ok(Vec::new()),
            Err(failure) => Err(self
                .client
                .explain(&format!("listing {}", self.directory), &failure)),
        }
    }

    pub(super) fn get(&self, name: &str) -> Result<Option<Found>> {
        let native = self.client.native();
        let path = self.path(name);
        let read = self.tried(async {
            let mut file = native.read(&path).await?;
            file.read_bytes(LONGEST).await
        });
        match read {
            Ok(content) => Ok(Some(Found {
                content: content.to_vec(),
                version: Version::default(),
            })),
            Err(failure) if failure.cause() == Cause::Absent => Ok(None),
            Err(failure) => Err(self.client.explain(&format!("reading {path}"), &failure)),
        }
    }

    pub(super) fn delete(&self, name: &str) -> Result<()> {
        let native = self.client.native();
        let path = self.path(name);
        let delete = async { native.delete(&path, false).await };
        self.request(&format!("removing {path}"), delete).map(drop)
    }
}

fn listed_file(status: &FileStatus) -> Option<Listed> {
    if status.isdir {
        return None;
    }
    Some(Listed {
        name: name(status).to_owned(),
        modified: modified(status).unwrap_or(SystemTime::UNIX_EPOCH),
    })
}

/// The pins of a directory. They need no fence: a reader that was stopped and writes its pin again protects more, not less.
#[derive(Debug)]
pub(super) struct Pins {
    files: SmallFiles,
    directory: Key,
}

impl Pins {
    pub(super) fn new(client: Arc<Client>, limit: Duration, directory: &Key) -> Self {
        Pins {
            files: SmallFiles::new(client, limit, directory.as_str()),
            directory: directory.clone(),
        }
    }
}

impl LeaseObjects for Pins {
    fn put_new(&self, name: &str, content: &[u8]) -> Result<()> {
        self.files.request("making a pin", async {
            self.files
                .make(&[STONEKEEP, UNFENCED, self.directory.as_str()])
                .await?;
            self.files.write(UNFENCED, name, content, false).await
        })
    }

    fn overwrite(&self, name: &str, content: &[u8], _: &Version) -> Result<Overwritten> {
        let write = self.files.write(UNFENCED, name, content, true);
        self.files.request("renewing a pin", write)?;
        Ok(Overwritten::Done)
    }

    fn list(&self) -> Result<Vec<Listed>> {
        self.files.list()
    }

    fn get(&self, name: &str) -> Result<Option<Found>> {
        self.files.get(name)
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.files.delete(name)
    }
}
