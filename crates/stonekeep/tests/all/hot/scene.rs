//! What the tests of hot captures share: a writer that acts at a chosen step, and captures under its eyes.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use stonekeep::image::hot::{Probe, Step};
use stonekeep::image::{Capture, CaptureHost, DatabaseImage, Directory, ImageSource, NoHost, SourceKind};
use stonekeep::{Error, Quiet};
use stonekeep_testkit::database::FakeDatabase;

use crate::image::capture::{bytes, capture, image};

/// What a writer does when its moment has come.
type Act = Box<dyn FnMut(&mut FakeDatabase) + Send>;

/// A writer that does something before the n-th time of a step, or before each.
pub(crate) struct Writer {
    state: Mutex<State>,
    ignores_closing_check: bool,
}

struct State {
    database: FakeDatabase,
    acts: Vec<(Step, When, Act)>,
    seen: HashMap<Step, u64>,
    /// The database as it was at the start and after each act.
    moments: Vec<Moment>,
}

/// The files of a database at one moment, OPTIONS and empty WALs apart, each by its name. A capture that comes between
/// leaves out an empty WAL, or takes one that is about to be written to.
pub(crate) type Moment = BTreeMap<String, Vec<u8>>;

/// The files of an image as those of a moment.
pub(crate) fn moment(image: &DatabaseImage) -> Moment {
    let files = image
        .files
        .iter()
        .map(|file| (file.name.to_string(), bytes(file)));
    let left_out = |name: &str, bytes: &[u8]| {
        name.starts_with("OPTIONS") || (name.ends_with(".log") && bytes.is_empty())
    };
    files.filter(|(name, bytes)| !left_out(name, bytes)).collect()
}

/// The how-manieth time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// This one, counted from 1.
    Time(u64),
    /// Every one.
    Always,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

impl Writer {
    /// A writer of this database who does nothing yet.
    pub(crate) fn of(database: FakeDatabase) -> Writer {
        let state = State {
            moments: vec![moment(&image(database.path()))],
            database,
            acts: Vec::new(),
            seen: HashMap::new(),
        };
        Writer {
            state: Mutex::new(state),
            ignores_closing_check: false,
        }
    }

    /// Acts before a step.
    pub(crate) fn before(
        mut self,
        step: Step,
        when: When,
        act: impl FnMut(&mut FakeDatabase) + Send + 'static,
    ) -> Writer {
        let state = self.state.get_mut().unwrap();
        state.acts.push((step, when, Box::new(act)));
        self
    }

    /// The capture does not look whether its state still is the newest.
    pub(crate) fn without_closing_check(mut self) -> Writer {
        self.ignores_closing_check = true;
        self
    }

    /// The database's directory.
    fn path(&self) -> std::path::PathBuf {
        self.state.lock().unwrap().database.path().to_owned()
    }
}

impl Probe for Writer {
    fn at(&self, step: Step) {
        let state = &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = state.seen.entry(step).or_default();
        *seen += 1;
        for (at, when, act) in &mut state.acts {
            let is_time = match *when {
                When::Time(time) => time == *seen,
                When::Always => true,
            };
            if *at == step && is_time {
                act(&mut state.database);
                // What is damaged is no moment.
                let image = capture(state.database.path()).ok();
                state.moments.extend(image.map(|capture| moment(capture.image())));
            }
        }
    }

    fn ignores_closing_check(&self) -> bool {
        self.ignores_closing_check
    }
}

/// A capture that a writer watches.
pub(crate) struct Watched {
    writer: Arc<Writer>,
    /// The source, for further settings.
    pub(crate) source: Directory,
}

/// Lets a writer watch.
pub(crate) fn watched(writer: Writer) -> Watched {
    let writer = Arc::new(writer);
    Watched {
        source: Directory::new(writer.path(), SourceKind::Hot).with_probe(writer.clone()),
        writer,
    }
}

impl Watched {
    /// With the source changed.
    pub(crate) fn with(mut self, change: impl FnOnce(Directory) -> Directory) -> Watched {
        self.source = change(self.source);
        self
    }

    /// Captures for a host.
    pub(crate) fn try_capture_for(&self, host: &mut dyn CaptureHost) -> Result<Box<dyn Capture>, Error> {
        self.source.capture(host, &Quiet)
    }

    /// The image, and the number of the moment that it shows: 0 is before anything was done.
    pub(crate) fn image(&self) -> (DatabaseImage, usize) {
        let capture = self.try_capture_for(&mut NoHost).unwrap();
        let image = capture.image().clone();
        let shown = self.moment_of(&image);
        let shown = shown.unwrap_or_else(|| panic!("the image is no moment of the database: {image:?}"));
        capture.confirm().unwrap();
        (image, shown)
    }

    /// The last moment that is in an image, if any is.
    pub(crate) fn moment_of(&self, image: &DatabaseImage) -> Option<usize> {
        let shown = moment(image);
        let state = self.writer.state.lock().unwrap();
        state.moments.iter().rposition(|moment| *moment == shown)
    }

    /// Why it cannot be captured.
    pub(crate) fn refusal(&self) -> Error {
        match self.try_capture_for(&mut NoHost) {
            Ok(capture) => panic!("it was captured: {:?}", capture.image()),
            Err(error) => error,
        }
    }

    /// How often a step came.
    pub(crate) fn times(&self, step: Step) -> u64 {
        let state = self.writer.state.lock().unwrap();
        state.seen.get(&step).copied().unwrap_or_default()
    }
}

/// The image of a database that nobody meddles with.
pub(crate) fn hot_image(path: &Path) -> DatabaseImage {
    let capture = Directory::new(path, SourceKind::Hot).capture(&mut NoHost, &Quiet);
    capture.unwrap().image().clone()
}

/// How often the state was read until a round closed.
pub(crate) fn rounds(image: &DatabaseImage) -> u64 {
    image.live.unwrap().rounds
}
