//! Changes that readers see: small files, finished uploads, deletions. Each is a rename.

use std::io::Read;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::client::{CALL_LIMIT, Client};
use super::errors::Cause;
use super::layout::{staged_name, unfinished_name};
use super::object::HdfsObject;
use super::rename::{Rename, Renamed};
use super::whole_file::{Destination, Writer, Written, remove};
use super::workshop::Workshop;
use crate::store::{Key, NotDeleted, Object, ObjectReader, Put, PutContent, PutMode, Upload};
use crate::{Error, ErrorKind, Result};

/// How many renames or deletions are under way at a time.
const AT_ONCE: usize = 32;

/// How often the directory of a file is made again, since others remove empty ones.
const DIRECTORY_ATTEMPTS: u32 = 8;

/// How much of two files is compared at a time.
const COMPARED_BYTES: usize = 128 << 10;

/// Changes a store.
#[derive(Debug)]
pub(super) struct Changes {
    client: Arc<Client>,
    writer: Writer,
    pub(super) workshop: Workshop,
}

/// What a small file is to have in it.
enum Content<'a> {
    Bytes(&'a [u8]),
    File(Box<HdfsObject>),
}

impl Content<'_> {
    fn size_bytes(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::File(file) => file.size_bytes(),
        }
    }

    /// Reads it from its beginning.
    fn reader(&self) -> Box<dyn Read + '_> {
        match self {
            Content::Bytes(bytes) => Box::new(*bytes),
            Content::File(file) => Box::new(ObjectReader::new(file.as_ref())),
        }
    }
}

impl Changes {
    pub(super) fn new(client: Arc<Client>) -> Self {
        Changes {
            workshop: Workshop::new(Arc::clone(&client)),
            writer: Writer::new(),
            client,
        }
    }

    /// Stages a file: complete, or not at all.
    pub(super) fn upload(&self, run: &str, key: &Key, content: &mut dyn Read) -> Result<Upload> {
        require_possible(key)?;
        let directory = self.workshop.of_run(run)?;
        let doing = format!("writing {key}");
        let written = self.write(&directory, &doing, key, content)?;
        let staged = format!("{directory}/{}", staged_name(key));
        let rename = Rename {
            from: &written.path,
            to: &staged,
            overwrite: true,
        };
        match self.client.block_on(rename.carry_out(&self.client, &doing))? {
            Renamed::Done => Ok(Upload {
                run: run.to_owned(),
                key: key.clone(),
                size_bytes: written.size_bytes,
            }),
            _ => Err(self.vanished(&doing)),
        }
    }

    fn write(&self, directory: &str, doing: &str, key: &Key, content: &mut dyn Read) -> Result<Written> {
        let to = Destination {
            directory,
            mode: self.workshop.file_mode(),
            doing,
        };
        let written = self.writer.write(&self.client, to, content);
        match written.map_err(|error| Error::of_content(key, error))? {
            // Its directory is not there.
            Err(error) if error.kind() == ErrorKind::NotFound && self.workshop.keeper().is_some() => {
                Err(self.workshop.is_lost())
            }
            written => written,
        }
    }

    /// The error for a file that was written and is gone.
    fn vanished(&self, doing: &str) -> Error {
        match self.workshop.keeper() {
            Some(_) => self.workshop.is_lost(),
            None => Error::not_found(format!(
                "{doing} of {}: it was not uploaded, or is gone",
                self.client.display()
            )),
        }
    }

    /// Opens a staged file.
    pub(super) fn open(&self, upload: &Upload) -> Result<HdfsObject> {
        let directory = self.directory_of(upload)?;
        let path = format!("{directory}/{}", staged_name(&upload.key));
        HdfsObject::open(Arc::clone(&self.client), path, &upload.key)
    }

    fn directory_of(&self, upload: &Upload) -> Result<String> {
        self.workshop.find(&upload.run)?.ok_or_else(|| {
            let (key, run) = (&upload.key, &upload.run);
            Error::not_found(format!(
                "{key} of {}: the run {run} has staged nothing",
                self.client.display()
            ))
        })
    }

    /// Makes uploads visible, many at a time. Those whose key is taken come back.
    pub(super) fn finish(&self, uploads: Vec<(Upload, Key)>, mode: PutMode) -> Result<Vec<(Upload, Key)>> {
        let mut renames = Vec::with_capacity(uploads.len());
        for (upload, key) in uploads {
            require_possible(&key)?;
            let from = format!("{}/{}", self.directory_of(&upload)?, staged_name(&upload.key));
            renames.push((from, upload, key));
        }
        let renamed = stream::iter(renames)
            .map(|(from, upload, key)| async move {
                let is_done = self.publish(&from, &key, mode).await?;
                Ok::<_, Error>((!is_done).then_some((upload, key)))
            })
            .buffered(AT_ONCE)
            .try_collect::<Vec<_>>();
        Ok(self.client.block_on(renamed)?.into_iter().flatten().collect())
    }

    /// Gives a file of ours its key. `false` if that is taken.
    async fn publish(&self, from: &str, key: &Key, mode: PutMode) -> Result<bool> {
        let (to, doing) = (self.client.path(key.as_str()), format!("writing {key}"));
        let rename = Rename {
            from,
            to: &to,
            overwrite: mode == PutMode::Replace,
        };
        for _ in 0..DIRECTORY_ATTEMPTS {
            match rename.carry_out(&self.client, &doing).await? {
                Renamed::Done => return Ok(true),
                Renamed::Taken => return Ok(false),
                Renamed::NoSource => return Err(self.gone(from, &doing).await?),
                Renamed::NoDirectory => {}
            }
            let parent = to.rsplit_once('/').map_or("/", |(parent, _)| parent);
            let mode = self.workshop.directory_mode();
            let made = self
                .client
                .persistently(&doing, async |native| native.mkdirs(parent, mode, true).await);
            made.await
                .map_err(|failure| self.client.explain(&doing, &failure))?;
        }
        let message = format!(
            "{doing} of {}: its directory is removed again and again",
            self.client.display()
        );
        Err(Error::new(ErrorKind::Io, message))
    }

    /// The error for a file that was to be renamed: gone alone, or with the directory of a holder that has lost its lease.
    async fn gone(&self, from: &str, doing: &str) -> Result<Error> {
        let run = from.rsplit_once('/').map_or("", |(run, _)| run);
        if self.workshop.keeper().is_some() && !self.client.is_there(run, doing).await? {
            return Ok(self.workshop.is_lost());
        }
        Ok(Error::not_found(format!(
            "{doing} of {}: it was not uploaded, or is gone",
            self.client.display()
        )))
    }

    /// Writes a small file.
    pub(super) fn put(&self, key: &Key, content: PutContent<'_>, mode: PutMode) -> Result<Put> {
        require_possible(key)?;
        let content = match content {
            PutContent::CopyOf(from) => Content::File(Box::new(self.visible(from)?)),
            PutContent::Bytes(bytes) => Content::Bytes(bytes),
        };
        if mode == PutMode::IfAbsent
            && let Some(put) = self.compare(key, &content)?
        {
            return Ok(put);
        }
        let bench = self.workshop.bench()?;
        let doing = format!("writing {key}");
        let written = self.write(&bench, &doing, key, &mut *content.reader())?;
        let published = self.client.block_on(self.publish(&written.path, key, mode));
        if published.as_ref().is_ok_and(|is_done| *is_done) {
            return Ok(Put::Done);
        }
        self.client.block_on(remove(&self.client, &written.path));
        published?;
        Ok(self.compare(key, &content)?.unwrap_or(Put::Taken))
    }

    fn visible(&self, key: &Key) -> Result<HdfsObject> {
        HdfsObject::open(Arc::clone(&self.client), self.client.path(key.as_str()), key)
    }

    /// Whether what is there is the same; `None` if nothing is.
    fn compare(&self, key: &Key, content: &Content<'_>) -> Result<Option<Put>> {
        let there = match self.visible(key) {
            Ok(there) => there,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Corrupt => return Ok(Some(Put::Taken)),
            Err(error) => return Err(error),
        };
        if content.size_bytes() != there.size_bytes() {
            return Ok(Some(Put::Taken));
        }
        let same = is_same(&mut ObjectReader::new(&there), &mut *content.reader());
        let same = same.map_err(|error| Error::of_content(key, error))?;
        Ok(Some(if same { Put::Same } else { Put::Taken }))
    }

    /// `NotFound` if one of these files is not there.
    pub(super) fn require_there(&self, keys: &[Key]) -> Result<()> {
        let asked = stream::iter(keys)
            .map(|key| async move {
                let doing = format!("asking for {key}");
                let path = self.client.path(key.as_str());
                if self.client.is_there(&path, &doing).await? {
                    return Ok(());
                }
                let place = self.client.display();
                Err(Error::not_found(format!("{key} of {place} is not there")))
            })
            .buffered(AT_ONCE)
            .try_collect::<()>();
        self.client.block_on(asked)
    }

    /// Removes files and empty directories, many at a time.
    pub(super) fn delete(&self, keys: &[Key]) -> Vec<NotDeleted> {
        let bench = match self.workshop.bench() {
            Ok(bench) => bench,
            Err(error) => {
                let text = error.one_line();
                let kind = error.kind();
                return keys
                    .iter()
                    .map(|key| not_deleted(key, Error::new(kind, text.as_str())))
                    .collect();
            }
        };
        let bench = bench.as_str();
        let deleted = stream::iter(keys)
            .map(|key| async move {
                self.delete_one(key, bench)
                    .await
                    .err()
                    .map(|error| not_deleted(key, error))
            })
            .buffered(AT_ONCE)
            .collect::<Vec<_>>();
        self.client.block_on(deleted).into_iter().flatten().collect()
    }

    async fn delete_one(&self, key: &Key, bench: &str) -> Result<()> {
        let (path, doing) = (self.client.path(key.as_str()), format!("deleting {key}"));
        let asked = self
            .client
            .persistently(&doing, async |native| native.get_file_info(&path).await);
        match asked.await {
            Ok(status) if status.isdir => return self.delete_directory(key, &path, &doing).await,
            Ok(_) => {}
            Err(failure) if failure.cause() == Cause::Absent => return Ok(()),
            Err(failure) => return Err(self.client.explain(&doing, &failure)),
        }
        let away = format!("{bench}/{}", unfinished_name());
        let rename = Rename {
            from: &path,
            to: &away,
            overwrite: false,
        };
        match rename.carry_out(&self.client, &doing).await? {
            Renamed::Done | Renamed::NoSource => {}
            Renamed::NoDirectory | Renamed::Taken => return Err(self.vanished(&doing)),
        }
        // It is deleted: what stays of it is removed with the directory that it is in.
        remove(&self.client, &away).await;
        Ok(())
    }

    /// An empty directory needs no fence: nothing is lost with it.
    async fn delete_directory(&self, key: &Key, path: &str, doing: &str) -> Result<()> {
        let native = self.client.native();
        match self.client.within(CALL_LIMIT, native.delete(path, false)).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.cause() == Cause::NotEmpty => {
                Err(Error::refused(format!("{key} is a directory that is not empty")))
            }
            Err(failure) => Err(self.client.explain(doing, &failure)),
        }
    }
}

fn not_deleted(key: &Key, error: Error) -> NotDeleted {
    NotDeleted {
        key: key.clone(),
        error,
    }
}

/// Names of HDFS have no colon.
fn require_possible(key: &Key) -> Result<()> {
    if key.as_str().contains(':') {
        return Err(Error::invalid(format!("HDFS can have no file named {key:?}")));
    }
    Ok(())
}

fn is_same(a: &mut dyn Read, b: &mut dyn Read) -> std::io::Result<bool> {
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    loop {
        of_a.clear();
        of_b.clear();
        a.take(COMPARED_BYTES as u64).read_to_end(&mut of_a)?;
        b.take(COMPARED_BYTES as u64).read_to_end(&mut of_b)?;
        if of_a != of_b {
            return Ok(false);
        }
        if of_a.is_empty() {
            return Ok(true);
        }
    }
}
