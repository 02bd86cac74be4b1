//! The operations of a command on files: system calls with their meaning, paths and bytes.

use std::collections::HashMap;
use std::fmt;
use std::io::Result;
use std::path::{Path, PathBuf};

use super::call::not_understood;
use super::call::{Call, bytes, descriptor};

/// A change of files, or a sync. Paths are relative to the root of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `mkdir`.
    MakeDirectory(PathBuf),
    /// `open` of a new file.
    Create(PathBuf),
    /// `open` that creates what is missing: nothing changes where the file is there.
    CreateIfMissing(PathBuf),
    /// `write`, `pwrite`.
    Write {
        /// The file.
        path: PathBuf,
        /// Where the bytes go.
        offset: u64,
        /// All of them.
        bytes: Vec<u8>,
    },
    /// `ftruncate`, `truncate`, `O_TRUNC`.
    SetLength {
        /// The file.
        path: PathBuf,
        /// Its length from now on.
        size_bytes: u64,
    },
    /// `FICLONE`: the content of one file becomes that of another one.
    Clone {
        /// The file whose blocks are shared, as a whole path: it may be outside of the root.
        from: PathBuf,
        /// The file that shares them.
        to: PathBuf,
    },
    /// `rename`: what had the new name has none any more.
    Rename {
        /// The old name.
        from: PathBuf,
        /// The new name.
        to: PathBuf,
    },
    /// `link`.
    Link {
        /// The name that there was; outside of the root it is a whole path.
        from: PathBuf,
        /// One more name.
        to: PathBuf,
    },
    /// `unlink`.
    Unlink(PathBuf),
    /// `rmdir`.
    RemoveDirectory(PathBuf),
    /// `fsync` of a file or of a directory.
    Sync(PathBuf),
    /// `fdatasync`.
    SyncData(PathBuf),
    /// `syncfs`, through a descriptor of this directory.
    SyncFileSystem(PathBuf),
}

/// One operation of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What it does.
    pub action: Action,
    /// How many operations of the record had ended when it began. Only those are covered by a sync.
    pub began: usize,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.action {
            Action::Write { path, offset, bytes } => {
                write!(f, "Write({:?}, {} bytes at {offset})", path, bytes.len())
            }
            action => write!(f, "{action:?}"),
        }
    }
}

/// Makes operations of calls.
pub(super) struct Reader<'a> {
    root: &'a Path,
    /// The directory that the command works in.
    directory: PathBuf,
    /// Where in their files descriptors are.
    positions: HashMap<u64, u64>,
    /// How many operations there were after so many lines.
    after_lines: Vec<usize>,
    operations: Vec<Operation>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(root: &'a Path, directory: PathBuf) -> Self {
        Reader {
            root,
            directory,
            positions: HashMap::new(),
            after_lines: vec![0],
            operations: Vec::new(),
        }
    }

    pub(super) fn into_operations(self) -> Vec<Operation> {
        self.operations
    }

    /// Reads the next line, which is about a failed call or about this one.
    pub(super) fn read(&mut self, call: Option<Call<'_>>) -> Result<()> {
        if let Some(call) = call {
            let actions = self.actions(&call)?;
            let began = self.after_lines.get(call.began).copied().unwrap_or_default();
            let operations = actions.into_iter().map(|action| Operation { action, began });
            self.operations.extend(operations);
        }
        self.after_lines.push(self.operations.len());
        Ok(())
    }

    fn actions(&mut self, call: &Call<'_>) -> Result<Vec<Action>> {
        let action = match call.name {
            "open" | "creat" | "openat" => return self.opened(call),
            "lseek" => {
                let (number, _) = descriptor(call.argument(0)?)?;
                self.positions.insert(number, call.returned()?);
                None
            }
            "write" | "pwrite64" => self.written(call)?,
            "ftruncate" => {
                let size_bytes = call.number(1)?;
                self.open_path(call)?
                    .map(|path| Action::SetLength { path, size_bytes })
            }
            "ioctl" => self.cloned(call)?,
            "mkdir" => self.inside(call.path(0)?).map(Action::MakeDirectory),
            "mkdirat" => self.inside(call.path_at(0)?).map(Action::MakeDirectory),
            "rename" => self.renamed(call.path(0)?, call.path(1)?)?,
            "renameat" | "renameat2" => self.renamed(call.path_at(0)?, call.path_at(2)?)?,
            "link" => self.linked(call.path(0)?, call.path(1)?),
            "linkat" => self.linked(call.path_at(0)?, call.path_at(2)?),
            "unlink" => self.inside(call.path(0)?).map(Action::Unlink),
            "unlinkat" => {
                let is_directory = call.argument(2)?.contains("AT_REMOVEDIR");
                let removed = if is_directory {
                    Action::RemoveDirectory
                } else {
                    Action::Unlink
                };
                self.inside(call.path_at(0)?).map(removed)
            }
            "rmdir" => self.inside(call.path(0)?).map(Action::RemoveDirectory),
            "fsync" => self.open_path(call)?.map(Action::Sync),
            "fdatasync" => self.open_path(call)?.map(Action::SyncData),
            "syncfs" => self.open_path(call)?.map(Action::SyncFileSystem),
            // Files outside of the root may be changed in any way.
            "writev" | "pwritev" | "pwritev2" | "sendfile" | "fallocate"
                if self.open_path(call)?.is_none() =>
            {
                None
            }
            _ => return Err(not_understood(&format!("{call:?}"))),
        };
        Ok(action.into_iter().collect())
    }

    /// A path from the root; none for one outside.
    fn inside(&self, path: PathBuf) -> Option<PathBuf> {
        let path = self.directory.join(path);
        path.strip_prefix(self.root).ok().map(Path::to_owned)
    }

    /// The path of the descriptor that is the first argument.
    fn open_path(&self, call: &Call<'_>) -> Result<Option<PathBuf>> {
        let (_, path) = descriptor(call.argument(0)?)?;
        Ok(path.and_then(|path| self.inside(path)))
    }

    fn opened(&mut self, call: &Call<'_>) -> Result<Vec<Action>> {
        let (number, path) = descriptor(call.result)?;
        self.positions.insert(number, 0);
        let Some(path) = path.and_then(|path| self.inside(path)) else {
            return Ok(Vec::new());
        };
        let flags = call.arguments.iter().find(|argument| argument.starts_with("O_"));
        let has = |flag: &str| flags.is_some_and(|flags| flags.split('|').any(|one| one == flag));
        if call.name == "creat" || has("O_APPEND") || has("O_TMPFILE") {
            return Err(not_understood(&format!("{call:?}")));
        }
        let mut actions = Vec::new();
        if has("O_CREAT") {
            actions.push(if has("O_EXCL") {
                Action::Create(path.clone())
            } else {
                Action::CreateIfMissing(path.clone())
            });
        }
        if has("O_TRUNC") {
            actions.push(Action::SetLength { path, size_bytes: 0 });
        }
        Ok(actions)
    }

    fn written(&mut self, call: &Call<'_>) -> Result<Option<Action>> {
        let (number, path) = descriptor(call.argument(0)?)?;
        let count = call.returned()?;
        let offset = if call.name == "pwrite64" {
            call.number(3)?
        } else {
            let position = self.positions.entry(number).or_default();
            let offset = *position;
            *position += count;
            offset
        };
        let Some(path) = path.and_then(|path| self.inside(path)) else {
            return Ok(None);
        };
        let mut bytes = bytes(call.argument(1)?)?;
        bytes.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        Ok(Some(Action::Write { path, offset, bytes }))
    }

    fn cloned(&self, call: &Call<'_>) -> Result<Option<Action>> {
        if !call.argument(1)?.contains("FICLONE") {
            return Ok(None);
        }
        let Some(to) = self.open_path(call)? else {
            return Ok(None);
        };
        let (_, from) = descriptor(call.argument(2)?)?;
        let from = from.ok_or_else(|| not_understood(&format!("{call:?}")))?;
        Ok(Some(Action::Clone { from, to }))
    }

    fn renamed(&self, from: PathBuf, to: PathBuf) -> Result<Option<Action>> {
        match (self.inside(from), self.inside(to)) {
            (Some(from), Some(to)) => Ok(Some(Action::Rename { from, to })),
            (None, None) => Ok(None),
            ends => Err(not_understood(&format!("a rename over the root: {ends:?}"))),
        }
    }

    fn linked(&self, from: PathBuf, to: PathBuf) -> Option<Action> {
        let from = self.inside(from.clone()).unwrap_or(from);
        self.inside(to).map(|to| Action::Link { from, to })
    }
}
