//! The tables and blobs of a database that is being written, held so that nothing can take them away.
//!
//! A file whose descriptor is open keeps its bytes when its name goes, with one exception: a slow deletion cuts it
//! shorter and shorter (`DeleteScheduler`, `file/delete_scheduler.cc`). So lengths are looked at once more when all is
//! copied. What the host has stored already is not opened at all. Where much is to be copied, or more than may be open,
//! the host takes it before the image is complete, and only what is written meanwhile is held.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use stonekeep_format::FileNumber;
use stonekeep_format::manifest::{DatabaseState, TableIdentity};

use super::find_file::DataPaths;
use super::open_files::OpenFiles;
use super::probe::{Probes, Step};
use crate::image::diagnostics::Diagnostics;
use crate::image::live_files::{self, LiveFiles, Missing};
use crate::image::pinned::Pinned;
use crate::image::{CaptureHost, Content, ImageFile};
use crate::{Error, Observer, Result};

/// What the host takes at a time.
const SET_FILES: usize = 256;
const SET_BYTES: u64 = 1 << 30;

/// What is left to copy may be held: what is more than this is taken early.
const SMALL_FILES: usize = 32;
const SMALL_BYTES: u64 = 64 << 20;

/// How often files are taken early only because they are many. A writer that writes faster than the host copies would go
/// on for ever.
const MOST_TAKES: u32 = 8;

/// A file of the state.
#[derive(Debug)]
struct Held {
    file: ImageFile,
    /// The open file; none if the host has it.
    pin: Option<Pinned>,
}

/// The files of the state, by their numbers.
#[derive(Debug)]
pub(in crate::image) struct HeldFiles {
    paths: DataPaths,
    limit: OpenFiles,
    held: HashMap<FileNumber, Held>,
    /// Why files of the state are not held. By the next look at the MANIFEST they must have left it.
    missing: BTreeMap<FileNumber, Missing>,
    /// Whether anything was followed yet.
    has_followed: bool,
    takes: u32,
    /// Whether files above the limit are left, to be read by their names.
    may_leave: bool,
    has_left: bool,
}

/// Whom files are held for.
pub(in crate::image) struct Holder<'h> {
    /// Whether the host may copy files before the image is complete.
    pub(in crate::image) may_take_early: bool,
    pub(in crate::image) host: &'h mut dyn CaptureHost,
    pub(in crate::image) probes: &'h Probes,
    pub(in crate::image) observer: &'h dyn Observer,
}

impl HeldFiles {
    /// None yet.
    pub(in crate::image) fn new(paths: DataPaths, limit: OpenFiles) -> Self {
        HeldFiles {
            paths,
            limit,
            held: HashMap::new(),
            missing: BTreeMap::new(),
            has_followed: false,
            takes: 0,
            may_leave: false,
            has_left: false,
        }
    }

    /// Files above the limit are left where they are: the caller keeps RocksDB from deleting them.
    pub(in crate::image) fn leaving_too_many(mut self) -> Self {
        self.may_leave = true;
        self
    }

    /// Whether any was left.
    pub(in crate::image) fn has_left(&self) -> bool {
        self.has_left
    }

    /// Files may have come to other places.
    pub(in crate::image) fn set_paths(&mut self, paths: DataPaths) {
        self.paths = paths;
    }

    /// How often the host took files.
    pub(in crate::image) fn takes(&self) -> u32 {
        self.takes
    }

    /// Whether every file of the state that was followed last is held.
    pub(in crate::image) fn is_settled(&self) -> bool {
        self.has_followed && self.missing.is_empty()
    }

    /// What was missing may be there for another MANIFEST.
    pub(in crate::image) fn forget_missing(&mut self) {
        self.missing.clear();
    }

    /// Lets go what is not in this state, and holds what is new in it.
    ///
    /// # Errors
    /// `Corrupt` if a file that was missing already still is in the state, `Refused` if more files would have to be
    /// open than may be, and those of the host.
    pub(in crate::image) fn follow(&mut self, state: &DatabaseState, holder: &mut Holder<'_>) -> Result<()> {
        self.has_followed = true;
        let new = self.let_go(state);
        self.refuse_missing(&new)?;
        self.missing.clear();
        if new.is_empty() {
            return Ok(());
        }
        let needed = holder.host.needed(&new)?;
        if needed.len() != new.len() {
            let message = format!("the host answered {} times for {} files", needed.len(), new.len());
            return Err(Error::invalid(message));
        }
        let mut to_open = Vec::new();
        for (file, needed) in new.into_iter().zip(needed) {
            if needed {
                to_open.push(file)
            } else {
                self.keep(file, None)
            }
        }
        self.hold(to_open, holder)
    }

    /// The files, and those of them that are open.
    pub(in crate::image) fn into_files(self) -> (LiveFiles, Vec<Pinned>) {
        let home = self.paths.home();
        let (mut files, mut pins, mut any_elsewhere) = (Vec::new(), Vec::new(), false);
        for Held { mut file, pin } in self.held.into_values() {
            if let Some(pin) = pin {
                any_elsewhere |= pin.path.parent() != Some(home);
                file.content = pin.content();
                pins.push(pin);
            }
            files.push(file);
        }
        live_files::sort(&mut files);
        let files = LiveFiles {
            files,
            any_absent: false,
            any_elsewhere,
        };
        (files, pins)
    }

    /// Forgets what is not in the state, and gives what is new in it.
    fn let_go(&mut self, state: &DatabaseState) -> Vec<ImageFile> {
        let home = &Arc::from(self.paths.home());
        let mut new = Vec::new();
        let mut live = 0;
        for table in state.live_tables().map(|table| table.file) {
            live += 1;
            let identity = Some(TableIdentity::of(table));
            let held = self.held.get(&table.number).map(|held| &held.file);
            let is_same =
                held.is_some_and(|held| held.size_bytes == table.size_bytes && held.table == identity);
            if !is_same {
                new.push(live_files::named_table(table, home));
            }
        }
        for blob in state.live_blobs().map(|blob| blob.file) {
            live += 1;
            let held = self.held.get(&blob.addition.number);
            if held.is_none_or(|held| held.file.size_bytes != blob.addition.file_size_bytes()) {
                new.push(live_files::named_blob(blob, home));
            }
        }
        for number in new.iter().filter_map(|file| file.name.number()) {
            self.held.remove(&number);
        }
        let any_gone = self.held.len() + new.len() > live;
        if any_gone {
            let tables = state.live_tables().map(|table| table.file.number);
            let blobs = state.live_blobs().map(|blob| blob.file.addition.number);
            let live: HashSet<FileNumber> = tables.chain(blobs).collect();
            self.held.retain(|number, _| live.contains(number));
        }
        new
    }

    /// Files go after the edit that lets them go (`VersionSet::ProcessManifestWrites`, `db/version_set.cc`, then
    /// `DBImpl::PurgeObsoleteFiles`, `db/db_impl/db_impl_files.cc`): what is missing must have left the state by the
    /// next look.
    fn refuse_missing(&self, new: &[ImageFile]) -> Result<()> {
        let mut diagnostics = Diagnostics::default();
        let mut any_absent = false;
        for missing in new
            .iter()
            .filter_map(|file| self.missing.get(&file.name.number()?))
        {
            diagnostics.add_finding(&missing.path, missing.reason.as_str());
            any_absent |= missing.is_absent;
        }
        let hint = if any_absent { self.paths.hint() } else { None };
        diagnostics.into_warnings(self.paths.home(), hint).map(drop)
    }

    fn hold(&mut self, to_open: Vec<ImageFile>, holder: &mut Holder<'_>) -> Result<()> {
        let open = self.held.values().filter(|held| held.pin.is_some());
        let sizes = open
            .map(|held| &held.file)
            .chain(&to_open)
            .map(|file| file.size_bytes);
        let (count, bytes) = sizes.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size));
        let fits = count <= self.limit.most;
        let is_much = match holder.host.attempt() {
            1 => count > SMALL_FILES || bytes > SMALL_BYTES,
            // A slow deletion got ahead of the copying.
            _ => count > 0,
        };
        let early = !fits || (is_much && self.takes < MOST_TAKES);
        if early && holder.may_take_early {
            self.takes += 1;
            return self.let_host_take(to_open, holder);
        }
        if !fits && self.may_leave {
            self.has_left = true;
            to_open.into_iter().for_each(|file| self.leave(file));
            return Ok(());
        }
        if !fits {
            return Err(self.limit.exceeded_by(count));
        }
        for file in to_open {
            if let Some(held) = self.open(file, holder)? {
                self.keep(held.file, held.pin);
            }
        }
        Ok(())
    }

    /// Lets the host take all that is open, and these.
    fn let_host_take(&mut self, to_open: Vec<ImageFile>, holder: &mut Holder<'_>) -> Result<()> {
        let all = std::mem::take(&mut self.held).into_iter();
        let (open, rest): (Vec<_>, Vec<_>) = all.partition(|(_, held)| held.pin.is_some());
        self.held.extend(rest);
        let mut set = Set::new(self.limit.most);
        for (_, held) in open {
            if let Some(full) = set.add(held) {
                self.take(full, holder)?;
            }
        }
        for file in to_open {
            if let Some(held) = self.open(file, holder)?
                && let Some(full) = set.add(held)
            {
                self.take(full, holder)?;
            }
        }
        self.take(set.held, holder)
    }

    fn take(&mut self, set: Vec<Held>, holder: &mut Holder<'_>) -> Result<()> {
        if set.is_empty() {
            return Ok(());
        }
        holder.probes.at(Step::TakeFiles);
        let files: Vec<ImageFile> = set.iter().map(Held::opened).collect();
        let short: HashSet<FileNumber> = holder.host.take(&files)?.into_iter().collect();
        for held in set {
            let number = held.file.name.number().filter(|number| short.contains(number));
            match (number, held.pin) {
                (Some(number), Some(pin)) => {
                    let missing = Missing {
                        path: pin.path,
                        reason: "it became shorter while it was copied".to_owned(),
                        is_absent: false,
                    };
                    self.missing.insert(number, missing);
                }
                _ => self.keep(held.file, None),
            }
        }
        Ok(())
    }

    /// Opens a file; none if it is missing.
    fn open(&mut self, mut file: ImageFile, holder: &mut Holder<'_>) -> Result<Option<Held>> {
        if holder.observer.should_stop() {
            return Err(Error::stopped());
        }
        match self.paths.open(&file, holder.probes)? {
            Ok(pin) => {
                file.content = Content::Path(pin.path.clone());
                let pin = Some(pin);
                Ok(Some(Held { file, pin }))
            }
            Err(missing) => {
                self.missing
                    .extend(file.name.number().map(|number| (number, missing)));
                Ok(None)
            }
        }
    }

    fn leave(&mut self, mut file: ImageFile) {
        if let Some(path) = self.paths.reported_place_of(&file.name) {
            file.content = Content::Path(path.to_owned());
        }
        self.keep(file, None);
    }

    fn keep(&mut self, file: ImageFile, pin: Option<Pinned>) {
        if let Some(number) = file.name.number() {
            self.held.insert(number, Held { file, pin });
        }
    }
}

impl Held {
    /// The file as one that is open.
    fn opened(&self) -> ImageFile {
        let mut file = self.file.clone();
        if let Some(pin) = &self.pin {
            file.content = pin.content();
        }
        file
    }
}

/// Files that the host is to take at once.
struct Set {
    most_files: usize,
    bytes: u64,
    held: Vec<Held>,
}

impl Set {
    fn new(limit: usize) -> Set {
        Set {
            most_files: SET_FILES.min(limit).max(1),
            bytes: 0,
            held: Vec::new(),
        }
    }

    /// Takes in a file; gives the set back when it is full.
    fn add(&mut self, held: Held) -> Option<Vec<Held>> {
        self.bytes += held.file.size_bytes;
        self.held.push(held);
        let is_full = self.held.len() >= self.most_files || self.bytes >= SET_BYTES;
        is_full.then(|| {
            self.bytes = 0;
            std::mem::take(&mut self.held)
        })
    }
}
