//! What is measured on: databases, repositories, and what is done to them between two runs.

pub(crate) mod cached;
pub(crate) mod compressed;
pub(crate) mod directory;
pub(crate) mod synthetic;
pub(crate) mod tables;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use self::compressed::Compression;
use self::synthetic::Shape;
use self::tables::Tables;
use crate::server::bucket::Bucket;
use crate::task::{self, Job};

/// Something that is done before or after a run, and not measured.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A directory goes with all that is in it, or was not there.
    Remove(PathBuf),
    /// A directory gets another name, and its files lose their content: see [`directory::put_aside`].
    PutAside(PathBuf),
    /// A directory gets the same files as another one: tables as hard links, since they never change, others as copies.
    Twin { of: PathBuf, at: PathBuf },
    /// A directory gets hard links of those files of a database that a checkpoint has.
    Checkpoint { of: PathBuf, at: PathBuf },
    /// A database with real tables is made.
    Tables { tables: Tables, at: PathBuf },
    /// A database with compressed tables of so many bytes of content is made.
    Compressed {
        compression: Compression,
        bytes: u64,
        at: PathBuf,
    },
    /// A hundredth of the tables of such a database is replaced, at least one; each turn replaces other ones.
    ReplaceTables { tables: Tables, at: PathBuf, turn: u64 },
    /// A directory is made, with those above it.
    Directory(PathBuf),
    /// A file is written that only its owner may write.
    Write { at: PathBuf, text: String },
    /// A synthetic database is made: the one that the newest backup of such a repository is of.
    Database { shape: Shape, at: PathBuf },
    /// A synthetic repository is made.
    Repository { shape: Shape, at: PathBuf },
    /// One table of a hundred goes from a restored database.
    LoseTables { of: PathBuf },
    /// There must be so many tables in a directory and below it.
    ExpectTables { at: PathBuf, count: u64 },
    /// All files of a directory and below it are put into an object store.
    Upload { of: PathBuf, to: Bucket },
    /// All objects of a prefix go, of which there must be so many.
    RemoveObjects { of: Bucket, at_least: u64 },
    /// The page cache forgets the files in a directory and below it.
    Forget(PathBuf),
    /// Of each table in a directory, the first quarter is read.
    ReadHeads(PathBuf),
    /// A job that brings something into the state that is wanted.
    Run(Job),
}

impl Step {
    /// Does it.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn run(&self) -> Result<()> {
        match self {
            Step::Remove(path) => remove(path),
            Step::PutAside(path) => directory::put_aside(path),
            Step::Twin { of, at } => directory::twin(of, at),
            Step::Checkpoint { of, at } => directory::checkpoint(of, at),
            Step::ExpectTables { at, count } => directory::expect_tables(at, *count),
            Step::Upload { of, to } => upload(of, to),
            Step::RemoveObjects { of, at_least } => of.remove(*at_least),
            Step::Tables { tables, at } => tables::make(*tables, at),
            Step::Compressed {
                compression,
                bytes,
                at,
            } => compressed::make(*compression, *bytes, at),
            Step::ReplaceTables { tables, at, turn } => tables::replace(*tables, at, *turn),
            Step::Directory(path) => Ok(fs::create_dir_all(path)?),
            Step::Write { at, text } => Ok(fs::write(at, text)?),
            Step::Database { shape, at } => synthetic::database(*shape, at),
            Step::Repository { shape, at } => synthetic::repository(*shape, at),
            Step::LoseTables { of } => directory::lose_tables(of, 100),
            Step::Forget(path) => directory::forget(path),
            Step::ReadHeads(path) => directory::read_heads(path, 4),
            Step::Run(job) => task::run(job).map(|_| ()),
        }
        .with_context(|| format!("{self:?}"))
    }
}

/// Requests at a time where nothing is measured.
const REQUESTS: usize = 32;

fn upload(of: &Path, to: &Bucket) -> Result<()> {
    let mut files = Vec::new();
    for path in directory::files(of)? {
        let name = path.strip_prefix(of)?.to_string_lossy().into_owned();
        files.push((path, name));
    }
    to.put(files, REQUESTS)
}

/// Removes a directory, which need not be there.
///
/// # Errors
/// Those of the file system.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
