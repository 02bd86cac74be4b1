//! The lease of HDFS: small files, each with a directory that keeps out a holder who has lost it.
//!
//! HDFS has no requests that run out, but it has renames. Whoever holds the lease `<lease>` has the directory
//! `stonekeep/runs/<lease>/`: what it makes visible is renamed out of it, what it deletes is renamed into it, and the
//! lease itself is renewed by a file that is renamed out of it.
//! - H1 The directory is made, then the lease is put. It is never made again, and nothing makes it as a parent.
//! - H2 Who takes the lease of a dead holder first renames that directory to `stonekeep/runs/<lease>.<random>/`, then removes the lease, and
//!   only then plans. From then on each rename of the old holder fails, for lack of its source or of its destination's parent.
//! - H3 Who gives the lease back does the same with its own directory, or removes it if it is empty.
//! - H4 What is staged in a directory that was left is moved into the directory of the next holder before it is used.
//!
//! | a crash or a pause | leaves | then |
//! |---|---|---|
//! | H1, before the put | an empty directory | moved away by a later holder when it is two periods old; a holder that wakes finds its lease lost |
//! | while it is held | the directory, the lease | H2 |
//! | H2, between | `runs/<lease>.<random>/`, the lease | the next one takes the lease again; there is nothing left to rename |
//! | a request on its way at H2 | - | carried out before the rename, so before the new holder plans, or it fails |

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hdfs_native::client::FileStatus;

use super::client::Client;
use super::errors::Cause;
use super::layout::{LEASES, RUNS, STONEKEEP, UNFENCED, is_left, is_unfinished, name_of_left};
use super::small_files::SmallFiles;
use super::status::{modified, name};
use crate::Result;
use crate::store::lease::{Found, LeaseObjects, Listed, Overwritten, Version};

/// The leases of a repository.
#[derive(Debug)]
pub(super) struct Leases {
    files: SmallFiles,
}

impl Leases {
    pub(super) fn new(client: Arc<Client>, limit: Duration) -> Self {
        Leases {
            files: SmallFiles::new(client, limit, LEASES),
        }
    }
}

/// The directory of the holder of a lease.
fn directory_of(lease: &str) -> String {
    format!("{RUNS}/{lease}")
}

impl LeaseObjects for Leases {
    /// H1.
    fn put_new(&self, name: &str, content: &[u8]) -> Result<()> {
        let directory = directory_of(name);
        self.files.request("making the lease", async {
            self.files.make(&[STONEKEEP, LEASES, RUNS, &directory]).await?;
            self.files.write(&directory, name, content, false).await
        })
    }

    fn overwrite(&self, name: &str, content: &[u8], _: &Version) -> Result<Overwritten> {
        let directory = directory_of(name);
        let write = self.files.write(&directory, name, content, true);
        match self.files.tried(write) {
            Ok(()) => Ok(Overwritten::Done),
            // Its directory was renamed: another one has the lease.
            Err(failure) if failure.cause() == Cause::Absent => Ok(Overwritten::Changed),
            Err(failure) => Err(self.files.client().explain("renewing the lease", &failure)),
        }
    }

    fn list(&self) -> Result<Vec<Listed>> {
        self.files.list()
    }

    fn get(&self, name: &str) -> Result<Option<Found>> {
        self.files.get(name)
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.shut_out(name)?;
        self.files.delete(name)
    }

    /// H2, H3: under a name of its own, since that of an earlier attempt may be there.
    fn shut_out(&self, name: &str) -> Result<()> {
        let client = self.files.client();
        let native = client.native();
        let directory = client.path(&directory_of(name));
        let moved = self.files.tried(async {
            match native.delete(&directory, false).await {
                Ok(_) => return Ok(()),
                Err(error) if Cause::of(&error) == Cause::NotEmpty => {}
                Err(error) => return Err(error),
            }
            let left = client.path(&directory_of(&name_of_left(name)));
            native.rename(&directory, &left, false).await
        });
        match moved {
            Ok(()) => Ok(()),
            // Somebody else has done it.
            Err(failure) if failure.cause() == Cause::Absent => Ok(()),
            Err(failure) => Err(client.explain("renaming the directory of an old lease", &failure)),
        }
    }
}

impl Leases {
    /// Renames the directories of holders without a lease, who died before they had put it or after it was removed, and removes
    /// what no run has staged in those that were left, and what was written without a lease and never got its name. `own` holds the lease, and `now` is the time by the store's clock.
    pub(super) fn clear_away(&self, own: &str, now: SystemTime, period: Duration) -> Result<()> {
        let native = self.files.client().native();
        let list = async |path: String| match native.list_status(&path, false).await {
            Err(error) if Cause::of(&error) == Cause::Absent => Ok(Vec::new()),
            listed => listed,
        };
        let holders = self.files.request(
            "listing the directories of holders",
            list(self.files.client().path(RUNS)),
        )?;
        let leases = self.list()?;
        for directory in holders.iter().filter(|it| it.isdir) {
            let name = name(directory);
            let has_lease = name == own || leases.iter().any(|lease| lease.name == name);
            if is_left(name) {
                self.clear(&directory.path)?;
            } else if !has_lease && age(now, directory) > period * 2 {
                self.shut_out(name)?;
            }
        }
        self.clear_unfenced(list(self.files.client().path(UNFENCED)), now - period * 2)
    }

    /// Removes files that were begun before a time and never got their name, as those of a reader that was killed while it wrote
    /// its pin. One that is written to is younger: each is small.
    fn clear_unfenced(
        &self,
        listed: impl Future<Output = hdfs_native::Result<Vec<FileStatus>>>,
        before: SystemTime,
    ) -> Result<()> {
        let native = self.files.client().native();
        self.files.request("removing unfinished files", async {
            for file in listed.await? {
                let is_old = modified(&file).is_some_and(|modified| modified < before);
                if !file.isdir && is_unfinished(name(&file)) && is_old {
                    native.delete(&file.path, false).await?;
                }
            }
            Ok(())
        })
    }

    /// Removes unfinished files, and the directory if it is empty then.
    fn clear(&self, directory: &str) -> Result<()> {
        let native = self.files.client().native();
        self.files
            .request("clearing the directory of an old lease", async {
                for entry in native.list_status(directory, false).await? {
                    if !entry.isdir {
                        native.delete(&entry.path, false).await?;
                    }
                }
                match native.delete(directory, false).await {
                    Err(error) if Cause::of(&error) != Cause::NotEmpty => Err(error),
                    _ => Ok(()),
                }
            })
    }
}

/// A time to come is no age.
fn age(now: SystemTime, status: &FileStatus) -> Duration {
    let changed = modified(status).unwrap_or(now);
    now.duration_since(changed).unwrap_or_default()
}
