//! A model of a disk on which recorded operations are replayed: what exists, what is durable, what a power failure leaves.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::operation::{Action, Operation};

/// Directories, and files with their content, by paths from the root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// All directories but the root.
    pub directories: BTreeSet<PathBuf>,
    /// All files.
    pub contents: BTreeMap<PathBuf, Arc<[u8]>>,
}

/// What of that which is not durable is found after a power failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survivors {
    /// Nothing.
    Nothing,
    /// All names. New files are empty where their content is not durable.
    Names,
    /// All names and lengths. Files have zeros where their content is not durable.
    Lengths,
    /// Names that were removed without a new one are gone.
    Removals,
    /// New names are there, renamed files included; nothing is removed.
    Additions,
    /// Some changes and some contents, by this seed.
    Some(u64),
}

/// A file or a directory, whatever names it has.
#[derive(Debug)]
enum Node {
    Directory,
    File {
        edits: Vec<(usize, Edit)>,
        /// Edits before this operation are durable.
        durable: usize,
    },
}

#[derive(Debug)]
enum Edit {
    Write(u64, Vec<u8>),
    Length(u64),
}

type Names = BTreeMap<(usize, OsString), usize>;
/// Contents, by file and number of edits.
type Contents = HashMap<(usize, usize), Arc<[u8]>>;
/// A path, with the name that it ends with and what has that name.
type Named = (PathBuf, (usize, OsString), usize);

/// A change of one name.
#[derive(Debug)]
struct Renaming {
    name: (usize, OsString),
    node: Option<usize>,
    durable: bool,
}

/// Changes of names by one operation, which happens as a whole.
#[derive(Debug)]
struct Change {
    operation: usize,
    names: Vec<Renaming>,
}

const ROOT: usize = 0;

/// See the [module](super).
#[derive(Debug)]
pub struct Disk {
    nodes: Vec<Node>,
    before: Names,
    now: Names,
    changes: Vec<Change>,
    operations: usize,
    /// Operations that earlier records have had.
    earlier: usize,
    /// Contents of files by their first edits, so that equal ones are the same.
    known: RefCell<Contents>,
}

impl Disk {
    /// With these files, all durable.
    pub fn new(files: &Files) -> Self {
        let mut disk = Disk {
            nodes: vec![Node::Directory],
            before: Names::new(),
            now: Names::new(),
            changes: Vec::new(),
            operations: 1,
            earlier: 1,
            known: RefCell::default(),
        };
        for path in &files.directories {
            disk.nodes.push(Node::Directory);
            disk.insert_first(path);
        }
        for (path, content) in &files.contents {
            let edits = vec![(0, Edit::Write(0, content.to_vec()))];
            disk.nodes.push(Node::File { edits, durable: 1 });
            disk.insert_first(path);
        }
        disk
    }

    /// The parents come first in the order of paths.
    fn insert_first(&mut self, path: &Path) {
        if let Ok(name) = self.name_of(path) {
            self.now.insert(name.clone(), self.nodes.len() - 1);
            self.before.insert(name, self.nodes.len() - 1);
        }
    }

    /// Takes the durability of files away, names included, as if they had just been written without a sync.
    pub fn forget_durability(&mut self, is_concerned: impl Fn(&Path) -> bool) {
        for (path, name, node) in self.walk(&self.now) {
            if let Some(Node::File { durable, .. }) = self.nodes.get_mut(node)
                && is_concerned(&path)
            {
                *durable = 0;
                self.before.remove(&name);
                let change = Renaming {
                    name,
                    node: Some(node),
                    durable: false,
                };
                self.changes.push(Change {
                    operation: 0,
                    names: vec![change],
                });
            }
        }
    }

    /// The operations that follow are those of another record.
    pub fn begin_record(&mut self) {
        self.earlier = self.operations;
    }

    /// Replays one operation.
    ///
    /// # Errors
    /// If it cannot be: something is missing that the record should have brought.
    pub fn apply(&mut self, operation: &Operation) -> Result<()> {
        let covered = self.earlier + operation.began;
        match &operation.action {
            Action::MakeDirectory(path) => self.add(path, Node::Directory)?,
            Action::Create(path) => self.add(path, new_file())?,
            Action::CreateIfMissing(path) if self.find(path).is_err() => self.add(path, new_file())?,
            Action::CreateIfMissing(_) => {}
            Action::Write { path, offset, bytes } => self.edit(path, Edit::Write(*offset, bytes.clone()))?,
            Action::SetLength { path, size_bytes } => self.edit(path, Edit::Length(*size_bytes))?,
            Action::Clone { from, to } => {
                let content = std::fs::read(from)?;
                self.edit(to, Edit::Length(0))?;
                self.edit(to, Edit::Write(0, content))?;
            }
            Action::Rename { from, to } => {
                let node = self.find(from)?;
                self.change(&[(from, None), (to, Some(node))])?;
            }
            Action::Link { from, to } if from.is_absolute() => {
                let content = std::fs::read(from)?;
                let edits = vec![(0, Edit::Write(0, content))];
                self.add(
                    to,
                    Node::File {
                        edits,
                        durable: usize::MAX,
                    },
                )?;
            }
            Action::Link { from, to } => {
                let node = self.find(from)?;
                self.change(&[(to, Some(node))])?;
            }
            Action::Unlink(path) | Action::RemoveDirectory(path) => {
                self.find(path)?;
                self.change(&[(path, None)])?;
            }
            Action::Sync(path) | Action::SyncData(path) => self.sync(self.find(path)?, covered),
            Action::SyncFileSystem(_) => (0..self.nodes.len()).for_each(|node| self.sync(node, covered)),
        }
        self.operations += 1;
        Ok(())
    }

    fn find(&self, path: &Path) -> Result<usize> {
        path.iter().try_fold(ROOT, |directory, part| {
            let found = self.now.get(&(directory, part.to_owned())).copied();
            found.ok_or_else(|| Error::other(format!("{} is not on the disk of the trace", path.display())))
        })
    }

    /// The directory of a path, and the name there.
    fn name_of(&self, path: &Path) -> Result<(usize, OsString)> {
        let parts = path.parent().zip(path.file_name());
        let (parent, name) = parts.ok_or_else(|| Error::other("the root has no name"))?;
        Ok((self.find(parent)?, name.to_owned()))
    }

    fn add(&mut self, path: &Path, node: Node) -> Result<()> {
        self.nodes.push(node);
        self.change(&[(path, Some(self.nodes.len() - 1))])
    }

    fn change(&mut self, names: &[(&Path, Option<usize>)]) -> Result<()> {
        let mut change = Change {
            operation: self.operations,
            names: Vec::new(),
        };
        for (path, node) in names {
            let name = self.name_of(path)?;
            match node {
                Some(node) => self.now.insert(name.clone(), *node),
                None => self.now.remove(&name),
            };
            change.names.push(Renaming {
                name,
                node: *node,
                durable: false,
            });
        }
        self.changes.push(change);
        Ok(())
    }

    fn edit(&mut self, path: &Path, edit: Edit) -> Result<()> {
        let (node, operation) = (self.find(path)?, self.operations);
        match self.nodes.get_mut(node) {
            Some(Node::File { edits, .. }) => edits.push((operation, edit)),
            _ => return Err(Error::other(format!("{} is no file", path.display()))),
        }
        Ok(())
    }

    /// The content of a file, or the names in a directory, as they were before this operation.
    fn sync(&mut self, synced: usize, covered: usize) {
        match self.nodes.get_mut(synced) {
            Some(Node::File { durable, .. }) => *durable = covered.max(*durable),
            _ => {
                let changes = self
                    .changes
                    .iter_mut()
                    .filter(|change| change.operation < covered);
                let names = changes.flat_map(|change| &mut change.names);
                names
                    .filter(|renaming| renaming.name.0 == synced)
                    .for_each(|renaming| renaming.durable = true);
            }
        }
    }

    /// What is there now.
    pub fn files(&self) -> Files {
        self.collect(&self.now, |_| usize::MAX)
    }

    /// What is found if the power fails now.
    pub fn after_power_failure(&self, survivors: Survivors) -> Files {
        let mut chance = Chance(match survivors {
            Survivors::Some(seed) => seed,
            _ => 0,
        });
        let mut names = self.before.clone();
        for change in &self.changes {
            let adds = change.names.iter().any(|renaming| renaming.node.is_some());
            let survives = match survivors {
                Survivors::Nothing => false,
                Survivors::Names | Survivors::Lengths => true,
                Survivors::Removals => !adds,
                Survivors::Additions => adds,
                Survivors::Some(_) => chance.is_good(),
            };
            for renaming in change
                .names
                .iter()
                .filter(|renaming| survives || renaming.durable)
            {
                match renaming.node {
                    Some(node) => names.insert(renaming.name.clone(), node),
                    None => names.remove(&renaming.name),
                };
            }
        }
        let keeps_content = |durable| match survivors {
            Survivors::Some(_) if chance.is_good() => usize::MAX,
            _ => durable,
        };
        let mut files = self.collect(&names, keeps_content);
        if survivors == Survivors::Lengths {
            self.lengthen(&mut files, &names);
        }
        files
    }

    /// Gives files their present length.
    fn lengthen(&self, files: &mut Files, names: &Names) {
        let whole = self.collect(names, |_| usize::MAX);
        for (path, content) in &mut files.contents {
            let length = whole.contents.get(path).map_or(0, |whole| whole.len());
            if content.len() < length {
                let mut zeros = content.to_vec();
                zeros.resize(length, 0);
                *content = zeros.into();
            }
        }
    }

    /// Every path with the name that it ends with; parents come first.
    fn walk(&self, names: &Names) -> Vec<Named> {
        let mut found: Vec<Named> = Vec::new();
        let mut directories = vec![(PathBuf::new(), ROOT)];
        while let Some((path, directory)) = directories.pop() {
            let within = names.range((directory, OsString::new())..(directory + 1, OsString::new()));
            for (name, node) in within {
                let path = path.join(&name.1);
                if matches!(self.nodes.get(*node), Some(Node::Directory)) {
                    directories.push((path.clone(), *node));
                }
                found.push((path, name.clone(), *node));
            }
        }
        found
    }

    /// With the edits before the operation that `until` makes of the first one that is not durable.
    fn collect(&self, names: &Names, mut until: impl FnMut(usize) -> usize) -> Files {
        let mut files = Files::default();
        for (path, _, node) in self.walk(names) {
            match self.nodes.get(node) {
                Some(Node::File { edits, durable }) => {
                    let until = until(*durable);
                    let count = edits.partition_point(|(operation, _)| *operation < until);
                    let mut known = self.known.borrow_mut();
                    let content = known
                        .entry((node, count))
                        .or_insert_with(|| content(&edits[..count]).into());
                    files.contents.insert(path, Arc::clone(content));
                }
                _ => drop(files.directories.insert(path)),
            }
        }
        files
    }
}

fn new_file() -> Node {
    Node::File {
        edits: Vec::new(),
        durable: 0,
    }
}

fn content(edits: &[(usize, Edit)]) -> Vec<u8> {
    let mut content = Vec::new();
    for (_, edit) in edits {
        match edit {
            Edit::Write(offset, bytes) => {
                let (start, end) = (*offset as usize, *offset as usize + bytes.len());
                content.resize(content.len().max(end), 0);
                content[start..end].copy_from_slice(bytes);
            }
            Edit::Length(size_bytes) => content.resize(*size_bytes as usize, 0),
        }
    }
    content
}

/// Chances that are the same each time.
struct Chance(u64);

impl Chance {
    fn is_good(&mut self) -> bool {
        // Knuth's linear congruential generator; its upper bits are the good ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 63 == 1
    }
}
