//! A store that cannot open or read one file.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use stonekeep::store::{Interceptor, Key, LocalFile, Object, Operation, Refusal, Store};
use stonekeep::{Error, Result, StopSwitch};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct FailingReads {
    inner: Store,
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

    fn size_bytes_now(&self) -> io::Result<u64> {
        Ok(self.size_bytes)
    }

    fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        self.stops.stop();
        Err(self.kind.into())
    }

    fn local_file(&self) -> Option<LocalFile<'_>> {
        None
    }
}

impl FailingReads {
    pub(crate) fn new(inner: Store, path: &str, kind: io::ErrorKind) -> Self {
        FailingReads {
            inner,
            path: path.to_owned(),
            fails: Fails::Reads(kind),
            stops: StopSwitch::new(),
        }
    }

    /// Cannot open the file so many times.
    pub(crate) fn opening(inner: Store, path: &str, errno: i32, times: u32) -> Self {
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

impl From<FailingReads> for Store {
    fn from(failing: FailingReads) -> Self {
        let inner = failing.inner.clone();
        inner.intercepted_by(Arc::new(failing))
    }
}

impl Interceptor for FailingReads {
    fn before(&self, _: &Operation) -> std::result::Result<(), Refusal> {
        Ok(())
    }

    fn opened(&self, key: &Key, object: Box<dyn Object>) -> Result<Box<dyn Object>> {
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
}
