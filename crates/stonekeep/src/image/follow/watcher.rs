//! The thread that opens WALs and MANIFESTs as soon as they appear.
//!
//! It waits for events of the system (inotify) and opens; whatever takes longer is done elsewhere, since a WAL may be gone after
//! some milliseconds. It ends when it is dropped: the removal of a watch is an event, too. The removal of a watched directory ends it as well, as
//! soon as no file of it is open.

use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use super::finds::{Directories, Find};
use crate::{Error, IoContext, Result};

/// Room for at least 60 events with names of 255 bytes.
const BUFFER_BYTES: usize = 16 << 10;

/// What to do where the system has no more watches.
const LIMIT_HINT: &str =
    "raise fs.inotify.max_user_instances or fs.inotify.max_user_watches, or follow by listings";

/// A thread that watches the directories of a database.
#[derive(Debug)]
pub(super) struct Watcher {
    inotify: Arc<OwnedFd>,
    /// The watch whose removal ends the thread.
    watch: i32,
    thread: Option<JoinHandle<()>>,
    /// What it opened, in the order in which the files were made.
    pub(super) finds: Receiver<Result<Find>>,
}

/// Which directory an event is about. They are the same if the WALs are in the database's directory.
struct Watches {
    wals: i32,
    home: i32,
}

impl Watcher {
    /// Watches from now on.
    ///
    /// # Errors
    /// `Io` if the system has no more watches or threads, or a directory is not there.
    pub(super) fn start(directories: Arc<Directories>) -> Result<Watcher> {
        let inotify =
            inotify::init(CreateFlags::CLOEXEC).context("asking the system for events in", &directories.home);
        let inotify = Arc::new(inotify.map_err(|error| error.with_hint(LIMIT_HINT))?);
        let add = |path: &Path| {
            let events = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ONLYDIR;
            let added = inotify::add_watch(&*inotify, path, events).context("watching", path);
            added.map_err(|error| error.with_hint(LIMIT_HINT))
        };
        let watches = Watches {
            wals: add(&directories.wals)?,
            home: add(&directories.home)?,
        };
        let watch = watches.home;
        let (sender, finds) = channel();
        let events = Arc::clone(&inotify);
        let thread = Builder::new().name("stonekeep-follow".to_owned()).spawn(move || {
            open_what_appears(&events, &watches, &directories, &sender);
        });
        let thread = thread.map_err(|error| Error::io("starting a thread that watches a database", error))?;
        Ok(Watcher {
            inotify,
            watch,
            thread: Some(thread),
            finds,
        })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It fails if the directory was removed; that has ended the thread.
        let _ = inotify::remove_watch(&*self.inotify, self.watch);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn open_what_appears(
    inotify: &OwnedFd,
    watches: &Watches,
    directories: &Directories,
    finds: &Sender<Result<Find>>,
) {
    let mut buffer = vec![MaybeUninit::uninit(); BUFFER_BYTES];
    let mut events = inotify::Reader::new(inotify, &mut buffer);
    loop {
        let event = match events.next() {
            Ok(event) => event,
            Err(Errno::INTR) => continue,
            Err(errno) => {
                let error = Error::io("reading events of a followed database", errno.into());
                let _ = finds.send(Err(error));
                return;
            }
        };
        if event.events().contains(ReadFlags::IGNORED) {
            return;
        }
        let found = if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
            vec![Ok(Find::EventsLost)]
        } else {
            let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
            name.map_or_else(Vec::new, |name| watches.open(event.wd(), name, directories))
        };
        if found.into_iter().any(|find| finds.send(find).is_err()) {
            return;
        }
    }
}

impl Watches {
    fn open(&self, watch: i32, name: &OsStr, directories: &Directories) -> Vec<Result<Find>> {
        let place = if watch == self.wals {
            &directories.wals
        } else {
            &directories.home
        };
        directories.open(place, name).transpose().into_iter().collect()
    }
}
