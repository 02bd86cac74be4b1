//! Where files are staged: in the directory of the lease's holder, or in one that is nobody's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use hdfs_native::client::FileStatus;

use super::client::Client;
use super::errors::Cause;
use super::layout::{RUNS, STONEKEEP, UNFENCED, is_left, staged_key};
use super::rename::{Rename, Renamed};
use super::status::name;
use crate::store::lease::Keeper;
use crate::store::staging::area_key;
use crate::store::{Leftover, Upload};
use crate::{Error, ErrorKind, Result};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Workshop {
    client: Arc<Client>,
    /// The lease, while it is held through this store.
    keeper: Mutex<Weak<Keeper>>,
    /// Directories that are known to be there.
    made: Mutex<BTreeSet<String>>,
    /// Held by who takes over what a run has staged: another thread must not look for it while it moves.
    taking_over: Mutex<()>,
    directory_mode: AtomicU32,
}

impl Workshop {
    pub(super) fn new(client: Arc<Client>) -> Self {
        Workshop {
            client,
            keeper: Mutex::default(),
            made: Mutex::default(),
            taking_over: Mutex::default(),
            directory_mode: AtomicU32::new(0o755),
        }
    }

    pub(super) fn set_keeper(&self, keeper: &Arc<Keeper>) {
        *locked(&self.keeper) = Arc::downgrade(keeper);
    }

    pub(super) fn keeper(&self) -> Option<Arc<Keeper>> {
        locked(&self.keeper).upgrade()
    }

    pub(super) fn limit_modes(&self, directory_mode: u32) {
        self.directory_mode.fetch_and(directory_mode, Ordering::Relaxed);
    }

    pub(super) fn directory_mode(&self) -> u32 {
        self.directory_mode.load(Ordering::Relaxed)
    }

    pub(super) fn file_mode(&self) -> u32 {
        self.directory_mode() & 0o666
    }

    /// The absolute path of the directory that everything goes through. It is there.
    ///
    /// # Errors
    /// `Locked` if the lease is lost.
    pub(super) fn bench(&self) -> Result<String> {
        match self.keeper() {
            Some(keeper) => {
                keeper.valid_for()?;
                Ok(self.client.path(&format!("{RUNS}/{}", keeper.name())))
            }
            None => {
                self.make(STONEKEEP)?;
                self.make(UNFENCED)
            }
        }
    }

    /// The directory of a run, which is made if it is not there.
    pub(super) fn of_run(&self, run: &str) -> Result<String> {
        require_name(run)?;
        let bench = self.bench()?;
        self.make_at(format!("{bench}/{run}"))
    }

    /// The directory in which a run has staged files; `None` if there is none. Whoever holds the lease has it in its own.
    pub(super) fn find(&self, run: &str) -> Result<Option<String>> {
        require_name(run)?;
        let bench = self.bench()?;
        let own = format!("{bench}/{run}");
        let _alone = locked(&self.taking_over);
        if locked(&self.made).contains(&own) {
            return Ok(Some(own));
        }
        if self.is_there(&own)? {
            locked(&self.made).insert(own.clone());
            return Ok(Some(own));
        }
        for place in self.places(&bench)? {
            let found = format!("{place}/{run}");
            if !self.is_there(&found)? {
                continue;
            }
            if self.keeper().is_none() {
                return Ok(Some(found));
            }
            let rename = Rename {
                from: &found,
                to: &own,
                overwrite: false,
            };
            let doing = "taking over what a run has staged";
            let renamed = self.client.block_on(rename.carry_out(&self.client, doing))?;
            if renamed == Renamed::NoDirectory {
                return Err(self.is_lost());
            }
            locked(&self.made).insert(own.clone());
            return Ok(Some(own));
        }
        Ok(None)
    }

    /// What runs have staged, run by run.
    pub(super) fn leftovers(&self) -> Result<Vec<Leftover>> {
        let bench = self.bench_to_read();
        let mut runs: BTreeMap<String, Vec<Upload>> = BTreeMap::new();
        for place in std::iter::once(bench.clone()).chain(self.places(&bench)?) {
            for directory in self.list(&place)?.iter().filter(|entry| entry.isdir) {
                let run = name(directory);
                if run.starts_with('%') {
                    continue;
                }
                let uploads = runs.entry(run.to_owned()).or_default();
                for file in self.list(&directory.path)? {
                    uploads.extend(staged_key(name(&file)).map(|key| Upload {
                        run: run.to_owned(),
                        key,
                        size_bytes: file.length as u64,
                    }));
                }
            }
        }
        let of_run = |(run, uploads)| Leftover {
            run,
            uploads,
            doubtful: Vec::new(),
            last_written: None,
        };
        Ok(runs.into_iter().map(of_run).collect())
    }

    /// Removes what a run has staged.
    pub(super) fn discard(&self, run: &str) -> Result<()> {
        require_name(run)?;
        let bench = self.bench_to_read();
        let mut places = self.places(&bench)?;
        // What a holder has staged is its own.
        places.retain(|place| {
            let is_of_holder = place.starts_with(&self.client.path(RUNS));
            !is_of_holder || place.rsplit('/').next().is_some_and(is_left)
        });
        for place in std::iter::once(bench).chain(places) {
            let directory = format!("{place}/{run}");
            locked(&self.made).remove(&directory);
            self.client
                .ask("removing what a run has staged", async |native| {
                    native.delete(&directory, true).await
                })?;
        }
        Ok(())
    }

    /// As [`Workshop::bench`], for what changes nothing that others see: it need not be there, and the lease may be lost.
    fn bench_to_read(&self) -> String {
        match self.keeper() {
            Some(keeper) => self.client.path(&format!("{RUNS}/{}", keeper.name())),
            None => self.client.path(UNFENCED),
        }
    }

    /// The directories beside the own one in which runs may have staged something.
    fn places(&self, bench: &str) -> Result<Vec<String>> {
        let holds = self.keeper().is_some();
        let found = self.list(&self.client.path(RUNS))?.into_iter();
        let mut places: Vec<String> = found
            // What the others have staged is their own while they are alive.
            .filter(|it| it.isdir && (!holds || is_left(name(it))))
            .map(|it| it.path)
            .collect();
        places.push(self.client.path(UNFENCED));
        places.retain(|place| place != bench);
        Ok(places)
    }

    /// Makes a directory whose parent is there.
    pub(super) fn make(&self, below: &str) -> Result<String> {
        self.make_at(self.client.path(below))
    }

    fn make_at(&self, path: String) -> Result<String> {
        if locked(&self.made).contains(&path) {
            return Ok(path);
        }
        let doing = format!("making the directory {path}");
        let mode = self.directory_mode();
        let made = self
            .client
            .look(&doing, async |native| native.mkdirs(&path, mode, false).await);
        match made {
            Ok(()) => {
                locked(&self.made).insert(path.clone());
                Ok(path)
            }
            Err(failure) if failure.cause() == Cause::Absent && self.keeper().is_some() => {
                Err(self.is_lost())
            }
            Err(failure) => Err(self.client.explain(&doing, &failure)),
        }
    }

    /// What is in a directory; nothing if it is not there.
    pub(super) fn list(&self, path: &str) -> Result<Vec<FileStatus>> {
        let doing = format!("listing {path}");
        let listed = self
            .client
            .look(&doing, async |native| native.list_status(path, false).await);
        match listed {
            Ok(listed) => Ok(listed),
            Err(failure) if failure.cause() == Cause::Absent => Ok(Vec::new()),
            Err(failure) => Err(self.client.explain(&doing, &failure)),
        }
    }

    fn is_there(&self, path: &str) -> Result<bool> {
        let doing = format!("asking for {path}");
        self.client.block_on(self.client.is_there(path, &doing))
    }

    /// The error for a directory of the holder that is not there any more.
    pub(super) fn is_lost(&self) -> Error {
        let message = format!(
            "the lease of {} is lost: another process has taken it",
            self.client.display()
        );
        Error::new(ErrorKind::Locked, message).with_hint("run this again")
    }
}

fn require_name(run: &str) -> Result<()> {
    area_key(run)?;
    if run.contains([':', '%']) {
        return Err(Error::invalid(format!(
            "HDFS can have no directory named {run:?}"
        )));
    }
    Ok(())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
