//! The namespace of a NameNode: which files and directories there are, and what is refused as HDFS refuses it.

use std::collections::BTreeMap;

/// The exception that a call ends with.
#[derive(Debug, Clone)]
pub(crate) struct Exception {
    /// With its package.
    pub(super) class: &'static str,
    /// Java's stack included.
    pub(super) text: String,
}

impl Exception {
    pub(crate) fn new(class: &'static str, text: impl Into<String>) -> Self {
        let text = format!("{}\n\tat org.apache.hadoop.Some.call(Some.java:7)", text.into());
        Exception { class, text }
    }
}

const ABSENT: &str = "java.io.FileNotFoundException";
const DENIED: &str = "org.apache.hadoop.security.AccessControlException";
const NOT_EMPTY: &str = "org.apache.hadoop.fs.PathIsNotEmptyDirectoryException";
const TAKEN: &str = "org.apache.hadoop.fs.FileAlreadyExistsException";
const THROUGH_A_FILE: &str = "org.apache.hadoop.fs.ParentNotDirectoryException";

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Directory,
    File {
        size_bytes: u64,
        /// Whether it has a block, of which no DataNode has a replica.
        has_block: bool,
    },
}

/// Paths are absolute, without a slash at their end.
#[derive(Debug)]
pub(crate) struct Tree(BTreeMap<String, Kind>);

impl Tree {
    pub(super) fn new() -> Self {
        Tree(BTreeMap::from([(String::new(), Kind::Directory)]))
    }

    /// Puts a file there, with the directories above. It has its length, and no block.
    pub(crate) fn put(&mut self, path: &str, size_bytes: u64) {
        self.put_file(path, size_bytes, false);
    }

    /// Puts a file there of which all replicas are lost.
    pub(crate) fn put_lost(&mut self, path: &str, size_bytes: u64) {
        self.put_file(path, size_bytes, true);
    }

    fn put_file(&mut self, path: &str, size_bytes: u64, has_block: bool) {
        self.put_directory(parent(path));
        let file = Kind::File {
            size_bytes,
            has_block,
        };
        self.0.insert(path.to_owned(), file);
    }

    pub(crate) fn put_directory(&mut self, path: &str) {
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        for directory in above.chain([path]) {
            self.0.insert(directory.to_owned(), Kind::Directory);
        }
    }

    /// Removes what is there, and all below.
    pub(crate) fn remove(&mut self, path: &str) {
        self.0.retain(|it, _| it != path && !is_below(it, path));
    }

    /// The paths of all files.
    pub(crate) fn files(&self) -> Vec<String> {
        let files = self
            .0
            .iter()
            .filter(|(_, kind)| matches!(kind, Kind::File { .. }));
        files.map(|(path, _)| path.clone()).collect()
    }

    pub(super) fn find(&self, path: &str) -> Result<Option<Kind>, Exception> {
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        for part in above {
            if let Some(Kind::File { .. }) = self.0.get(part) {
                return Err(Exception::new(DENIED, format!("{part} (is not a directory)")));
            }
        }
        Ok(self.0.get(path.trim_end_matches('/')).copied())
    }

    /// The names in a directory; that of a file is empty.
    pub(super) fn list(&self, path: &str) -> Result<Option<Vec<(String, Kind)>>, Exception> {
        let path = path.trim_end_matches('/');
        Ok(match self.find(path)? {
            None => None,
            Some(Kind::Directory) => {
                let below = self.0.iter().filter(|(it, _)| is_below(it, path));
                let names = below.map(|(it, kind)| (it[path.len() + 1..].to_owned(), *kind));
                Some(names.filter(|(name, _)| !name.contains('/')).collect())
            }
            Some(file) => Some(vec![(String::new(), file)]),
        })
    }

    pub(super) fn make_directory(&mut self, path: &str, with_parents: bool) -> Result<(), Exception> {
        match self.0.get(path) {
            Some(Kind::Directory) => return Ok(()),
            Some(Kind::File { .. }) => return Err(Exception::new(TAKEN, format!("{path} is a file"))),
            None => {}
        }
        if !with_parents {
            self.require_directory(parent(path))?;
        }
        self.put_directory(path);
        Ok(())
    }

    pub(super) fn create(&mut self, path: &str) -> Result<Kind, Exception> {
        self.require_directory(parent(path))?;
        self.put(path, 0);
        Ok(Kind::File {
            size_bytes: 0,
            has_block: false,
        })
    }

    pub(super) fn rename(&mut self, from: &str, to: &str, overwrite: bool) -> Result<(), Exception> {
        let Some(kind) = self.find(from)? else {
            return Err(Exception::new(
                ABSENT,
                format!("rename source {from} is not found"),
            ));
        };
        match (self.0.get(to), kind) {
            (Some(_), _) if !overwrite => {
                return Err(Exception::new(
                    TAKEN,
                    format!("rename destination {to} already exists"),
                ));
            }
            (Some(Kind::Directory), Kind::File { .. }) => {
                let text = format!("Source {from} and destination {to} must both be directories");
                return Err(Exception::new("java.io.IOException", text));
            }
            _ => self.require_directory(parent(to))?,
        }
        let moved: Vec<_> = self
            .0
            .keys()
            .filter(|it| *it == from || is_below(it, from))
            .cloned()
            .collect();
        for path in moved {
            let kind = self.0.remove(&path).unwrap();
            self.0.insert(format!("{to}{}", &path[from.len()..]), kind);
        }
        Ok(())
    }

    pub(super) fn delete(&mut self, path: &str, recursive: bool) -> Result<bool, Exception> {
        if self.find(path)?.is_none() {
            return Ok(false);
        }
        if !recursive && self.0.keys().any(|it| is_below(it, path)) {
            return Err(Exception::new(NOT_EMPTY, format!("{path} is non empty")));
        }
        self.remove(path);
        Ok(true)
    }

    /// The length of a file that is to be read, and whether it has a block.
    pub(super) fn locate(&self, path: &str) -> Result<(u64, bool), Exception> {
        match self.find(path)? {
            Some(Kind::File {
                size_bytes,
                has_block,
            }) => Ok((size_bytes, has_block)),
            Some(Kind::Directory) => Err(Exception::new(ABSENT, format!("Path is not a file: {path}"))),
            None => Err(Exception::new(ABSENT, format!("File does not exist: {path}"))),
        }
    }

    fn require_directory(&self, path: &str) -> Result<(), Exception> {
        match self.0.get(path) {
            Some(Kind::Directory) => Ok(()),
            Some(Kind::File { .. }) => Err(Exception::new(
                THROUGH_A_FILE,
                format!("{path} (is not a directory)"),
            )),
            None => Err(Exception::new(
                ABSENT,
                format!("Parent directory doesn't exist: {path}"),
            )),
        }
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn is_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.starts_with('/'))
}
