//! A disk that stops at a chosen step and then loses power: what no sync has made durable is gone, or is there by chance.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use stonekeep::Result;
use stonekeep::engine::restore::{TargetDisk, TargetHook, TargetOperation, TargetPath};
use stonekeep_testkit::faults::Faults;

use crate::restore::dying_disk::{key, step};

/// What a sync of files makes durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileSync {
    /// Their content, as `fdatasync` does.
    Content,
    /// All that was done so far, as `syncfs` does.
    Everything,
    /// Nothing, and no directory's either: a disk that lies.
    Nothing,
}

/// What stands under a name: a file by its number in the vault, or a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thing {
    File(usize),
    Directory,
}

/// A change of names that happens as a whole: names with what stands there afterwards.
#[derive(Debug)]
struct Change {
    names: Vec<(PathBuf, Option<Thing>)>,
    durable: bool,
}

#[derive(Debug, Default)]
struct Book {
    /// What stood there in the beginning, all durable.
    before: BTreeMap<PathBuf, Thing>,
    now: BTreeMap<PathBuf, Thing>,
    changes: Vec<Change>,
    /// Files whose content is durable.
    durable: BTreeSet<usize>,
    /// How many files are in the vault.
    files: usize,
}

/// The real disk, which keeps a second name of each file for after the loss of power. Each operation is a step. A file is
/// written once, as restores do.
#[derive(Debug)]
pub(crate) struct ForgetfulDisk {
    disk: TargetDisk,
    hook: Arc<Hook>,
}

#[derive(Debug)]
struct Hook {
    place: PathBuf,
    vault: tempfile::TempDir,
    faults: Faults,
    syncs: FileSync,
    book: Mutex<Book>,
}

impl ForgetfulDisk {
    /// A disk with this directory, on which everything is durable; it stops before this step, counted from 1.
    pub(crate) fn new(place: &Path, syncs: FileSync, dies_at: usize) -> Self {
        let hook = Arc::new(Hook {
            place: place.to_owned(),
            vault: tempfile::tempdir_in(place.parent().unwrap()).unwrap(),
            faults: Faults::kill_at(dies_at),
            syncs,
            book: Mutex::default(),
        });
        let mut book = hook.lock();
        hook.find(&mut book, place);
        book.before = book.now.clone();
        drop(book);
        let disk = TargetDisk::new(NonZeroUsize::new(1 << 16).unwrap());
        ForgetfulDisk {
            disk: disk.with_hook(hook.clone()),
            hook,
        }
    }

    /// The steps, the one that was not done included.
    pub(crate) fn steps(&self) -> Vec<String> {
        self.hook.faults.steps()
    }

    /// Makes of the place what a machine finds after the loss of power. `luck` decides of each thing that is not durable
    /// whether it is there all the same.
    pub(crate) fn lose_power(&self, luck: impl FnMut() -> bool) {
        self.hook.lose_power(luck);
    }
}

impl Deref for ForgetfulDisk {
    type Target = TargetDisk;

    fn deref(&self) -> &TargetDisk {
        &self.disk
    }
}

impl Hook {
    fn find(&self, book: &mut Book, directory: &Path) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                book.now.insert(path.clone(), Thing::Directory);
                self.find(book, &path);
            } else {
                let file = self.remember(book, &path);
                book.durable.insert(file);
                book.now.insert(path, Thing::File(file));
            }
        }
    }

    fn in_vault(&self, file: usize) -> PathBuf {
        self.vault.path().join(file.to_string())
    }

    fn remember(&self, book: &mut Book, path: &Path) -> usize {
        book.files += 1;
        fs::hard_link(path, self.in_vault(book.files)).unwrap();
        book.files
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    fn step(&self, name: &str, at: &TargetPath) -> Result<()> {
        let root = at.root_path().file_name().unwrap_or_default().to_string_lossy();
        Ok(self.faults.step(format!("{name} {root}/{}", key(at)))?)
    }

    fn changed(&self, names: Vec<(PathBuf, Option<Thing>)>) {
        let mut book = self.lock();
        for (name, thing) in names.clone() {
            match thing {
                Some(thing) => drop(book.now.insert(name, thing)),
                None => drop(book.now.remove(&name)),
            }
        }
        let durable = false;
        book.changes.push(Change { names, durable });
    }

    fn written(&self, at: &TargetPath) {
        let file = self.remember(&mut self.lock(), &at.path());
        self.changed(vec![(at.path(), Some(Thing::File(file)))]);
    }

    fn moved(&self, from: &TargetPath, to: &TargetPath) {
        let thing = self.lock().now[&from.path()];
        self.changed(vec![(from.path(), None), (to.path(), Some(thing))]);
    }

    fn lose_power(&self, mut luck: impl FnMut() -> bool) {
        let book = self.lock();
        let mut names = book.before.clone();
        for change in &book.changes {
            if change.durable || luck() {
                for (name, thing) in &change.names {
                    match thing {
                        Some(thing) => drop(names.insert(name.clone(), *thing)),
                        None => drop(names.remove(name)),
                    }
                }
            }
        }
        fs::remove_dir_all(&self.place).unwrap();
        fs::create_dir(&self.place).unwrap();
        // A directory stands before what is in it, and what is in one that is gone is gone, too.
        for (name, thing) in names {
            if !name.parent().unwrap().is_dir() {
                continue;
            }
            match thing {
                Thing::Directory => fs::create_dir(&name).unwrap(),
                Thing::File(file) => {
                    let mut bytes = fs::read(self.in_vault(file)).unwrap();
                    if !book.durable.contains(&file) && !luck() {
                        bytes.truncate(bytes.len() / 2);
                    }
                    fs::write(&name, bytes).unwrap();
                }
            }
        }
    }
}

impl TargetHook for Hook {
    fn run(&self, operation: TargetOperation<'_>, act: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        let (name, at) = step(operation);
        self.step(name, at)?;
        if let TargetOperation::SyncDirectory(at) = operation {
            self.names_synced(&at.path());
            return Ok(());
        }
        let was_there = at.path().exists();
        act()?;
        match operation {
            TargetOperation::MakeDirectory(_) if was_there => {}
            TargetOperation::MakeDirectory(_) => self.changed(vec![(at.path(), Some(Thing::Directory))]),
            TargetOperation::Write { .. } => self.written(at),
            TargetOperation::Duplicate { from, .. } => {
                let thing = self.lock().now[&from.path()];
                self.changed(vec![(at.path(), Some(thing))]);
            }
            TargetOperation::Rename { from, .. } | TargetOperation::Replace { from, .. } => {
                self.moved(from, at);
            }
            _ => self.changed(vec![(at.path(), None)]),
        }
        Ok(())
    }

    fn sync_files(&self, files: &[TargetPath], _: &mut dyn FnMut() -> Result<bool>) -> Result<bool> {
        for at in files {
            self.step("sync", at)?;
        }
        let mut book = self.lock();
        match self.syncs {
            FileSync::Nothing => return Ok(true),
            FileSync::Content => {
                let these: Vec<Thing> = files.iter().map(|at| book.now[&at.path()]).collect();
                for thing in these {
                    if let Thing::File(file) = thing {
                        book.durable.insert(file);
                    }
                }
            }
            FileSync::Everything => {
                let all = 1..=book.files;
                book.durable.extend(all);
                book.changes.iter_mut().for_each(|change| change.durable = true);
            }
        }
        Ok(self.syncs == FileSync::Everything)
    }

    fn free_bytes(&self, on_disk: u64) -> u64 {
        on_disk
    }
}

impl Hook {
    fn names_synced(&self, directory: &Path) {
        let is_in_it = |name: &Path| name.parent() == Some(directory);
        let mut book = self.lock();
        for change in &mut book.changes {
            let concerned = change.names.iter().any(|(name, _)| is_in_it(name));
            change.durable |= concerned && self.syncs != FileSync::Nothing;
        }
    }
}
