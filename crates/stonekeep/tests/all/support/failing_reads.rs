//! A store that cannot open or read one file.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use stonekeep::store::{Durability, Entry, Guard, Key, LockWait, Object, PinState, Staged, Stat, Store};
use stonekeep::{Error, Result, StopSwitch, Warning};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct FailingReads {
    inner: Arc<dyn Store>,
    path: String,
    fails: Fails,
    stops: StopSwitch,
}

/// What fails.
#[derive(Debug)]
enum Fails {
    /// Each read.
    Reads(io::ErrorKind),
    /// Opening it, with this number of the operating system, so many times.
    Opens(i32, AtomicU32),
}

struct BadSector {
    size_bytes: u64,
    kind: io::ErrorKind,
    stops: StopSwitch,
}

impl Object for BadSector {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        self.stops.stop();
        Err(self.kind.into())
    }
}

impl FailingReads {
    pub(crate) fn new(inner: Arc<dyn Store>, path: &str, kind: io::ErrorKind) -> Self {
        FailingReads {
            inner,
            path: path.to_owned(),
            fails: Fails::Reads(kind),
            stops: StopSwitch::new(),
        }
    }

    /// Cannot open the file so many times.
    pub(crate) fn opening(inner: Arc<dyn Store>, path: &str, errno: i32, times: u32) -> Self {
        FailingReads {
            inner,
            path: path.to_owned(),
            fails: Fails::Opens(errno, AtomicU32::new(times)),
            stops: StopSwitch::new(),
        }
    }

    /// Whoever tries to read the file also asks to stop.
    pub(crate) fn and_stopping(mut self, switch: &StopSwitch) -> Self {
        self.stops = switch.clone();
        self
    }
}

impl Store for FailingReads {
    fn location(&self) -> String {
        self.inner.location()
    }
    fn local_root(&self) -> Option<&Path> {
        self.inner.local_root()
    }
    fn exists(&self) -> Result<bool> {
        self.inner.exists()
    }
    fn create_root(&self, durability: Durability) -> Result<()> {
        self.inner.create_root(durability)
    }
    fn list(&self, directory: Option<&Key>) -> Result<Vec<Entry>> {
        self.inner.list(directory)
    }
    fn stat(&self, key: &Key) -> Result<Option<Stat>> {
        self.inner.stat(key)
    }
    fn open(&self, key: &Key) -> Result<Box<dyn Object>> {
        let object = self.inner.open(key)?;
        if key.as_str() != self.path {
            return Ok(object);
        }
        match &self.fails {
            Fails::Reads(kind) => Ok(Box::new(BadSector {
                size_bytes: object.size_bytes(),
                kind: *kind,
                stops: self.stops.clone(),
            })),
            Fails::Opens(errno, times) => {
                let left =
                    times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |times| times.checked_sub(1));
                match left {
                    Ok(_) => Err(Error::io(
                        format!("opening {key}"),
                        io::Error::from_raw_os_error(*errno),
                    )),
                    Err(_) => Ok(object),
                }
            }
        }
    }
    fn stage(&self, area: &str, key: &Key, content: &mut dyn Read, expected: u64) -> Result<Staged> {
        self.inner.stage(area, key, content, expected)
    }
    fn extend(&self, staged: &Staged, area: &str, content: &mut dyn Read, expected: u64) -> Result<Staged> {
        self.inner.extend(staged, area, content, expected)
    }
    fn sync(&self, staged: &[Staged], durability: Durability) -> Result<()> {
        self.inner.sync(staged, durability)
    }
    fn publish(&self, batch: Vec<(Staged, Key)>, durability: Durability) -> Result<Vec<(Staged, Key)>> {
        self.inner.publish(batch, durability)
    }
    fn replace(&self, staged: &Staged, key: &Key, durability: Durability) -> Result<()> {
        self.inner.replace(staged, key, durability)
    }
    fn areas(&self) -> Result<Vec<String>> {
        self.inner.areas()
    }
    fn staged(&self, area: &str) -> Result<Vec<Staged>> {
        self.inner.staged(area)
    }
    fn open_staged(&self, staged: &Staged) -> Result<Box<dyn Object>> {
        self.inner.open_staged(staged)
    }
    fn discard(&self, area: &str) -> Result<()> {
        self.inner.discard(area)
    }
    fn copy(&self, from: &Key, to: &Key, durability: Durability) -> Result<bool> {
        self.inner.copy(from, to, durability)
    }
    fn delete(&self, key: &Key) -> Result<bool> {
        self.inner.delete(key)
    }
    fn sync_directories(&self, directories: &[Key], durability: Durability) -> Result<()> {
        self.inner.sync_directories(directories, durability)
    }
    fn sync_visible(&self, keys: &[Key], durability: Durability) -> Result<()> {
        self.inner.sync_visible(keys, durability)
    }
    fn exclusive(&self, wait: LockWait, holder: &str, stop: &dyn Fn() -> bool) -> Result<Box<dyn Guard>> {
        self.inner.exclusive(wait, holder, stop)
    }
    fn pin(&self, key: &Key, content: &[u8]) -> Result<Box<dyn Guard>> {
        self.inner.pin(key, content)
    }
    fn remove_if_stale(&self, key: &Key) -> Result<PinState> {
        self.inner.remove_if_stale(key)
    }
    fn free_bytes(&self) -> Result<Option<u64>> {
        self.inner.free_bytes()
    }
    fn warnings(&self) -> Vec<Warning> {
        self.inner.warnings()
    }
}
