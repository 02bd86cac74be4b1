//! The side of one run: a source that asks for the shared capture, and answers for its host until it is there.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use stonekeep_format::FileNumber;

use crate::engine::create::CreateReport;
use crate::image::{Capture, CaptureHost, DatabaseImage, ImageFile, ImageSource};
use crate::{Error, Observer, Result};

/// What a run is asked while the database is captured.
pub(super) enum Request {
    CheckDatabase(Option<String>),
    Needed(Arc<[ImageFile]>),
    Take(Arc<[ImageFile]>),
    /// The capture, or why there is none.
    Captured(Result<Arc<dyn Capture>>),
}

/// What a run says.
pub(super) enum Event {
    /// It waits for a capture.
    Waiting(HostTraits),
    Checked(Result<()>),
    Needed(Result<Vec<bool>>),
    Taken(Result<Vec<FileNumber>>),
    Ended(Box<Result<CreateReport>>),
}

/// What a source asks its host that does not change.
#[derive(Debug, Clone, Copy)]
pub(super) struct HostTraits {
    pub(super) attempt: u32,
    pub(super) is_last_attempt: bool,
    pub(super) flush_before_backup: bool,
    pub(super) takes_early: bool,
    pub(super) workers: usize,
}

/// Says something, with the number of the run.
#[derive(Clone)]
pub(super) struct Voice {
    pub(super) number: usize,
    pub(super) events: Sender<(usize, Event)>,
}

impl Voice {
    /// Nobody listens any more to a run that has been left out.
    pub(super) fn say(&self, event: Event) {
        let _ = self.events.send((self.number, event));
    }
}

/// The source of one run.
pub(super) struct SharedSource {
    pub(super) description: String,
    pub(super) directories: Vec<PathBuf>,
    pub(super) voice: Voice,
    pub(super) requests: Mutex<Receiver<Request>>,
}

impl ImageSource for SharedSource {
    fn describe(&self) -> String {
        self.description.clone()
    }

    fn directories(&self) -> Vec<PathBuf> {
        self.directories.clone()
    }

    fn capture(&self, host: &mut dyn CaptureHost, _: &dyn Observer) -> Result<Box<dyn Capture>> {
        self.voice.say(Event::Waiting(HostTraits {
            attempt: host.attempt(),
            is_last_attempt: host.is_last_attempt(),
            flush_before_backup: host.flush_before_backup(),
            takes_early: host.takes_early(),
            workers: host.workers(),
        }));
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        while let Ok(request) = requests.recv() {
            self.voice.say(match request {
                Request::CheckDatabase(id) => Event::Checked(host.check_database(id.as_deref())),
                Request::Needed(files) => Event::Needed(host.needed(&files)),
                Request::Take(files) => Event::Taken(host.take(&files)),
                Request::Captured(captured) => {
                    return captured.map(|capture| Box::new(SharedCapture(capture)) as Box<dyn Capture>);
                }
            });
        }
        Err(Error::stopped())
    }
}

/// The capture that all runs have.
struct SharedCapture(Arc<dyn Capture>);

impl Capture for SharedCapture {
    fn image(&self) -> &DatabaseImage {
        self.0.image()
    }

    fn confirm(&self) -> Result<()> {
        self.0.confirm()
    }
}
