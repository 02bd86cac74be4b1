//! All stamps of a repository together.

use std::collections::HashMap;
use std::time::SystemTime;

use super::drill::{self, Drill};
use super::stamp::{self, Contents, Outcome, Stamp, Wanted};
use crate::parallel::run_bounded;
use crate::repo::{layout, record_text};
use crate::store::{EntryKind, Key, Store};
use crate::{Error, ErrorKind, Result, Warning, WarningName};

/// How many files are read at a time. There is one, unless verifications were killed.
const AT_ONCE: usize = 4;

/// What was found wrong with a file, and not found right since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage<'a> {
    /// What is wrong.
    pub reason: &'a str,
    /// When it was found, in milliseconds since 1970.
    pub at_ms: u64,
}

/// See the [module](super).
#[derive(Debug, Default)]
pub struct Stamps {
    by_path: HashMap<Box<str>, Vec<Stamp>>,
    /// The files that they were read from, also those that are damaged.
    pub(super) files: Vec<Key>,
    /// The last drill that found nothing wrong.
    pub(super) drill: Option<Drill>,
    /// The first file that could not be read, and why.
    unread: Option<String>,
    /// What is not known, since files are damaged or cannot be read.
    warnings: Vec<Warning>,
    now_ms: u64,
}

/// Reads all stamps. There are none where nothing can be listed.
///
/// # Errors
/// I/O errors of the store while it lists. A file that cannot be read makes the stamps
/// [incomplete](Stamps::is_complete).
pub fn read(store: &Store, now: SystemTime) -> Result<Stamps> {
    let mut stamps = Stamps::at(now);
    if !store.traits().lists {
        return Ok(stamps);
    }
    let directory = layout::verified_directory();
    let entries = store.names(Some(&directory))?;
    let files = entries.iter().filter(|entry| entry.kind == EntryKind::File);
    let keys = files.map(|entry| directory.join(&entry.name));
    let texts = run_bounded(AT_ONCE, keys.collect::<Result<Vec<Key>>>()?, |key| {
        let text = record_text::read(store, &key);
        Ok((key, text))
    })?;
    for (key, text) in texts {
        if key.name() == drill::NAME {
            match text.and_then(|text| drill::decode(&text)) {
                Ok(drill) => stamps.drill = Some(drill),
                Err(error) => stamps.warnings.extend(unknown_drill(&key, &error)),
            }
        } else {
            stamps.add_file(key, text);
        }
    }
    Ok(stamps)
}

impl Stamps {
    /// None, at this time.
    pub(super) fn at(now: SystemTime) -> Self {
        Stamps {
            now_ms: stamp::milliseconds(now),
            ..Stamps::default()
        }
    }

    /// Whether every file could be read, or is damaged or of another version. Else files may be damaged that do not seem so.
    pub fn is_complete(&self) -> bool {
        self.unread.is_none()
    }

    /// The first file that could not be read, and why.
    pub fn unread(&self) -> Option<&str> {
        self.unread.as_deref()
    }

    /// What is not known, since files are damaged or cannot be read. The next verification removes those that are damaged.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// For what must not take a damaged file for a right one.
    ///
    /// # Errors
    /// `Io`, with the first file that could not be read, unless they are [complete](Self::is_complete).
    pub fn require_complete(&self) -> Result<()> {
        let Some(unread) = self.unread() else {
            return Ok(());
        };
        let message = format!("what is damaged is not known, since stamps cannot be read: {unread}");
        Err(Error::new(ErrorKind::Io, message)
            .with_hint("make them readable, or remove them: then nothing counts as verified"))
    }

    /// What was found wrong with a file that is expected to be so, and not found right since.
    pub fn damage(&self, path: &str, wanted: Wanted) -> Option<Damage<'_>> {
        let stamp = self.get(path, wanted)?;
        match &stamp.outcome {
            Outcome::Damaged(reason) => Some(Damage {
                reason,
                at_ms: stamp.at_ms.min(self.now_ms),
            }),
            Outcome::Right | Outcome::Replaced => None,
        }
    }

    /// What was found when somebody last looked into a file that is expected to be so.
    fn contents(&self, path: &str, wanted: Wanted) -> Option<&Contents> {
        self.get(path, wanted)?.contents.as_ref()
    }

    /// What is wrong in a file whose bytes are right, as far as somebody looked.
    pub fn damaged_contents(&self, path: &str, wanted: Wanted) -> Option<&str> {
        self.contents(path, wanted)?.damage.as_deref()
    }

    /// Whether something is wrong inside of any file of this path.
    pub fn is_damaged_inside(&self, path: &str) -> bool {
        let mut contents = self.of(path).iter().filter_map(|stamp| stamp.contents.as_ref());
        contents.any(|contents| contents.damage.is_some())
    }

    /// When somebody last looked into a file that is expected to be so, in milliseconds since 1970; never later than now.
    pub fn looked_into_ms(&self, path: &str, wanted: Wanted) -> Option<u64> {
        let contents = self.contents(path, wanted)?;
        Some(contents.at_ms.min(self.now_ms))
    }

    /// When a file that is expected to be so was last read, in milliseconds since 1970; never later than now. `None`
    /// if it never was.
    pub fn verified_ms(&self, path: &str, wanted: Wanted) -> Option<u64> {
        let stamp = self.get(path, wanted)?;
        (stamp.outcome != Outcome::Replaced).then(|| stamp.at_ms.min(self.now_ms))
    }

    /// The stamp of a file.
    pub(super) fn get(&self, path: &str, wanted: Wanted) -> Option<&Stamp> {
        self.choose(self.of(path), wanted)
    }

    /// The one among stamps of one path that counts for a file.
    pub(super) fn choose<'s>(&self, stamps: &'s [Stamp], wanted: Wanted) -> Option<&'s Stamp> {
        let fitting = stamps.iter().filter(|stamp| stamp.wanted.fits(&wanted));
        fitting.max_by_key(|stamp| stamp.rank(self.now_ms))
    }

    /// A time, or now if it is in the future.
    pub(super) fn not_later(&self, at_ms: u64) -> u64 {
        at_ms.min(self.now_ms)
    }

    /// The last drill that found nothing wrong; never later than now.
    pub fn drill(&self) -> Option<Drill> {
        let mut drill = self.drill.clone()?;
        drill.at_ms = self.not_later(drill.at_ms);
        Some(drill)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }

    /// Every path with its stamps, in no order.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&str, &[Stamp])> {
        self.by_path.iter().map(|(path, stamps)| (&**path, &**stamps))
    }

    /// Every stamp, with the path of its file, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Stamp)> {
        self.paths()
            .flat_map(|(path, stamps)| stamps.iter().map(move |stamp| (path, stamp)))
    }

    /// The stamps of this path, however its file is expected to be.
    pub(super) fn of(&self, path: &str) -> &[Stamp] {
        self.by_path.get(path).map_or(&[], Vec::as_slice)
    }

    /// Whether they are in one file, or none.
    pub(super) fn is_compact(&self) -> bool {
        self.files.len() <= 1
    }

    /// Keeps the stamps of these paths.
    pub(super) fn retain(&mut self, mut is_named: impl FnMut(&str) -> bool) {
        self.by_path.retain(|path, _| is_named(path));
    }

    fn add_file(&mut self, key: Key, text: Result<Vec<u8>>) {
        let decoded = text
            .and_then(|text| stamp::decode(key.as_str(), &text, &mut |path, stamp| self.add(path, stamp)));
        match decoded {
            Ok(()) => self.files.push(key),
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                let message = format!(
                    "what verifications found is forgotten in part, since the record of it is damaged ({}): a deep \
                     verification (verify --level deep) finds it again",
                    error.one_line()
                );
                self.warn(&key, message);
                self.files.push(key);
            }
            // Another verification has merged it, or a newer version wrote it.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unsupported) => {}
            Err(error) => {
                let message = format!(
                    "what verifications found is not known in part, since the record of it cannot be read ({}): make it readable",
                    error.one_line()
                );
                self.warn(&key, message);
                self.unread
                    .get_or_insert_with(|| format!("{key}: {}", error.one_line()));
            }
        }
    }

    fn warn(&mut self, key: &Key, message: String) {
        let warning = Warning::about(WarningName::NotRemembered, key.as_str(), message);
        self.warnings.push(warning);
    }

    /// Adds a stamp in the place of all others of the same file.
    pub(super) fn replace(&mut self, path: &str, stamp: Stamp) {
        let now_ms = self.now_ms;
        let mut stamp = stamp;
        if let Some(stamps) = self.by_path.get_mut(path) {
            stamps.retain(|known| {
                let fits = known.wanted.fits(&stamp.wanted);
                if fits {
                    stamp = stamp.clone().with_contents_of(known, now_ms);
                }
                !fits
            });
        }
        self.by_path.entry(path.into()).or_default().push(stamp);
    }

    /// Adds a stamp, unless a later one of the same file is there.
    pub(super) fn add(&mut self, path: &str, stamp: Stamp) {
        let now_ms = self.now_ms;
        let Some(stamps) = self.by_path.get_mut(path) else {
            self.by_path.insert(path.into(), vec![stamp]);
            return;
        };
        match stamps.iter_mut().find(|known| known.wanted == stamp.wanted) {
            Some(known) if known.rank(now_ms) <= stamp.rank(now_ms) => {
                *known = stamp.with_contents_of(known, now_ms);
            }
            Some(known) => *known = known.clone().with_contents_of(&stamp, now_ms),
            None => stamps.push(stamp),
        }
    }
}

/// `None` if there was none, or if a newer version wrote it.
fn unknown_drill(key: &Key, error: &Error) -> Option<Warning> {
    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unsupported) {
        return None;
    }
    let message = format!(
        "when the last drill was is not known ({}): the next one replaces the record of it",
        error.one_line()
    );
    Some(Warning::about(WarningName::NotRemembered, key.as_str(), message))
}
