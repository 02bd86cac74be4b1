//! Makes the stamps of one verification, as the [module](super) describes.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::stamp::{self, Contents, Outcome, Stamp, Wanted};
use super::stamps::{self, Stamps};
use crate::repo::layout;
use crate::store::{Durability, Key, Put, PutContent, PutMode, Store, new_pin_name};
use crate::{Clock, Error, ErrorKind, Result};

/// A verification that is killed loses the stamps of about this time.
const INTERVAL: Duration = Duration::from_secs(300);

/// A file of this run that is not longer than so many times a new one is merged into it.
const MERGE_FACTOR: usize = 2;

/// The stamps of one verification while it runs.
pub struct Recorder<'a> {
    store: &'a Store,
    clock: &'a dyn Clock,
    durability: Durability,
    run: String,
    began: SystemTime,
    earlier: Stamps,
    state: Mutex<State>,
}

struct State {
    /// The stamps of this run, in the order in which they were made.
    own: Vec<(Box<str>, Stamp)>,
    /// The files of this run, each with the place of its first stamp. Each ends where the next one begins.
    files: Vec<(Key, usize)>,
    /// So many stamps are in files.
    put: usize,
    last_put: Instant,
    /// Why a file could not be put.
    failure: Option<Error>,
}

impl fmt::Debug for Recorder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

impl<'a> Recorder<'a> {
    /// V1: reads the stamps that there are.
    ///
    /// # Errors
    /// As [`read`](super::read).
    pub fn begin(store: &'a Store, clock: &'a dyn Clock, durability: Durability) -> Result<Self> {
        let began = clock.now();
        Ok(Recorder {
            store,
            clock,
            durability,
            run: format!("verified-{}", new_pin_name()),
            began,
            earlier: stamps::read(store, began)?,
            state: Mutex::new(State {
                own: Vec::new(),
                files: Vec::new(),
                put: 0,
                last_put: clock.instant(),
                failure: None,
            }),
        })
    }

    /// The stamps that there were at the begin.
    pub fn earlier(&self) -> &Stamps {
        &self.earlier
    }

    /// Forgets files that no backup names any more.
    pub fn retain(&mut self, is_named: impl FnMut(&str) -> bool) {
        self.earlier.retain(is_named);
    }

    /// V2: records what became of a file that was read to its end.
    pub fn record(&self, path: &str, wanted: Wanted, outcome: Outcome) {
        self.record_looked_into(path, wanted, outcome, None);
    }

    /// The same, with what was found in it: damage or none. Say nothing of the contents if the bytes are damaged.
    pub fn record_looked_into(
        &self,
        path: &str,
        wanted: Wanted,
        outcome: Outcome,
        found: Option<Option<String>>,
    ) {
        let at_ms = stamp::milliseconds(self.clock.now());
        let made = Stamp {
            wanted,
            at_ms,
            outcome,
            contents: found.map(|damage| Contents { at_ms, damage }),
        };
        let mut state = self.state();
        state.own.push((path.into(), made));
        let is_due = self.clock.instant().saturating_duration_since(state.last_put) >= INTERVAL;
        if is_due && state.failure.is_none() {
            state.failure = self.put_new(&mut state).err();
            state.last_put = self.clock.instant();
        }
    }

    /// Puts the stamps that are in no file yet, with those of the last files that are not much longer.
    fn put_new(&self, state: &mut State) -> Result<()> {
        let (mut from, mut kept) = (state.put, state.files.len());
        while let Some((_, begin)) = kept.checked_sub(1).and_then(|last| state.files.get(last)) {
            if from - begin > MERGE_FACTOR * (state.own.len() - from) {
                break;
            }
            (from, kept) = (*begin, kept - 1);
        }
        let new = state.own.get(from..).unwrap_or_default();
        let key = self.put(
            new.iter().map(|(path, stamp)| (&**path, stamp)),
            Durability::Buffered,
        )?;
        let merged: Vec<Key> = state.files.drain(kept..).map(|(key, _)| key).collect();
        state.files.push((key, from));
        state.put = state.own.len();
        self.remove(&merged);
        Ok(())
    }

    /// V3, V4: puts all stamps as one file, and removes what it replaces.
    ///
    /// # Errors
    /// Those of the store: then this run leaves those stamps that it has put before.
    pub fn finish(self) -> Result<()> {
        let ended = self.put_all();
        if let Err(error) = self.store.discard(&self.run) {
            tracing::debug!(reason = %error.one_line(), "what was staged for stamps stays");
        }
        ended
    }

    fn put_all(&self) -> Result<()> {
        let mut state = self.state();
        if state.own.is_empty() && self.earlier.is_compact() {
            return Ok(());
        }
        let mut all = Stamps::at(self.began);
        // Before each file of this run, whose clock may not have moved on since.
        let latest_ms = stamp::milliseconds(self.began).saturating_sub(1);
        for (path, earlier) in self.earlier.iter() {
            let mut earlier = earlier.clone();
            earlier.at_ms = earlier.at_ms.min(latest_ms);
            if let Some(contents) = &mut earlier.contents {
                contents.at_ms = contents.at_ms.min(latest_ms);
            }
            all.add(path, earlier);
        }
        // These count whatever a clock that was put back says.
        for (path, new) in state.own.drain(..) {
            all.replace(&path, new);
        }
        let mut sorted: Vec<(&str, &Stamp)> = all.iter().collect();
        sorted.sort_by_key(|(path, stamp)| (*path, stamp.at_ms));
        let put = self.put(sorted.into_iter(), self.durability)?;
        let replaced = self.earlier.files.iter().cloned();
        let replaced = replaced.chain(state.files.drain(..).map(|(key, _)| key));
        let replaced: Vec<Key> = replaced.filter(|key| *key != put).collect();
        self.remove(&replaced);
        Ok(())
    }

    fn put<'s>(
        &self,
        stamps: impl Iterator<Item = (&'s str, &'s Stamp)>,
        durability: Durability,
    ) -> Result<Key> {
        put_file(self.store, &self.run, &stamp::encode(stamps)?, durability)
    }

    /// A file that stays only says again what others say.
    fn remove(&self, keys: &[Key]) {
        for left in self.store.delete(keys) {
            tracing::debug!(key = %left.key, reason = %left.error.one_line(), "a replaced file of stamps stays");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records that a backup has written these files anew, where one of them was known to be damaged.
///
/// # Errors
/// I/O errors of the store.
pub fn replaced(store: &Store, now: SystemTime, paths: &[String], durability: Durability) -> Result<()> {
    let stamps = stamps::read(store, now)?;
    let mut new = Vec::new();
    for path in paths {
        let damaged = stamps.of(path).iter();
        let damaged = damaged.filter(|stamp| matches!(stamp.outcome, Outcome::Damaged(_)));
        new.extend(damaged.map(|stamp| {
            let at_ms = stamp.at_ms.max(stamp::milliseconds(now));
            let outcome = Outcome::Replaced;
            let stamp = Stamp {
                wanted: stamp.wanted,
                at_ms,
                outcome,
                contents: None,
            };
            (path.as_str(), stamp)
        }));
    }
    if new.is_empty() {
        return Ok(());
    }
    let run = format!("verified-{}", new_pin_name());
    let text = stamp::encode(new.iter().map(|(path, stamp)| (*path, stamp)))?;
    let put = put_file(store, &run, &text, durability);
    let discarded = store.discard(&run);
    put.and(discarded)
}

/// Puts a file of stamps under a new name.
fn put_file(store: &Store, run: &str, text: &[u8], durability: Durability) -> Result<Key> {
    let key = layout::verified_directory().join(&new_pin_name())?;
    let put = || {
        let content = PutContent::Bytes(text);
        store.put(run, &key, content, PutMode::IfAbsent, durability)
    };
    let done = match put() {
        // A writer took what was staged for what a killed run has left.
        Err(error) if error.kind() == ErrorKind::NotFound => put()?,
        done => done?,
    };
    match done {
        Put::Done | Put::Same => Ok(key),
        Put::Taken => Err(Error::refused(format!("{key} is taken by another file"))),
    }
}
