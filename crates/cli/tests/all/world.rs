//! A directory with a database, a repository and whatever else a test needs.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use stonekeep_testkit::database::{DatabaseBuilder, FakeDatabase};
use tempfile::TempDir;

use crate::command::{Ended, stonekeep};

/// The place; it goes when it is dropped.
pub(crate) struct World {
    directory: TempDir,
    pub(crate) database: FakeDatabase,
}

impl World {
    /// A database with three tables and a WAL, and no repository yet.
    pub(crate) fn new() -> Self {
        let mut world = World::with(DatabaseBuilder::new());
        world.database.add_tables(3, 10_000);
        world.database.write(100);
        world
    }

    /// An empty database of this kind.
    pub(crate) fn with(builder: DatabaseBuilder) -> Self {
        World::within(&std::env::temp_dir(), builder)
    }

    /// The same, below this directory.
    pub(crate) fn within(place: &Path, builder: DatabaseBuilder) -> Self {
        let directory = tempfile::tempdir_in(place).expect("a directory");
        let database = builder.create(&directory.path().join("db"));
        World { directory, database }
    }

    /// One backup is made.
    pub(crate) fn with_backup() -> Self {
        let world = World::new();
        world.run(["backup", world.db()]).ok();
        world
    }

    /// Two backups are made, of two states.
    pub(crate) fn with_two_backups() -> Self {
        let mut world = World::with_backup();
        world.database.add_tables(1, 20_000);
        world.database.write(10);
        world.run(["backup", world.db(), "--tag=second"]).ok();
        world
    }

    /// A path in here.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A path in here, as a word.
    pub(crate) fn word(&self, name: &str) -> String {
        self.path(name).to_str().expect("a path that is text").to_owned()
    }

    /// The database's directory, as a word.
    pub(crate) fn db(&self) -> &str {
        self.database.path().to_str().expect("a path that is text")
    }

    /// The repository.
    pub(crate) fn repo(&self) -> PathBuf {
        self.path("repo")
    }

    /// The binary with the repository in its environment.
    pub(crate) fn command(&self) -> Command {
        let mut command = stonekeep();
        command.env("STONEKEEP_REPO", self.repo());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ended {
        Ended::from(self.command().args(args).output().expect("running the binary"))
    }

    /// Runs it and reads its JSON.
    #[track_caller]
    pub(crate) fn json<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Value {
        let mut command = self.command();
        command.arg("--json").args(args);
        Ended::from(command.output().expect("running the binary")).json()
    }

    /// The files of a directory of the repository, sorted.
    pub(crate) fn stored(&self, directory: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.repo().join(directory)).expect("a directory of the repository");
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        paths
    }

    /// Flips a bit of the first shared file, and gives its path in the repository.
    pub(crate) fn damage_shared_file(&self) -> String {
        let path = self.stored("shared_checksum").remove(0);
        flip_bit(&path);
        let name = path.file_name().and_then(OsStr::to_str).expect("a name");
        format!("shared_checksum/{name}")
    }

    /// Removes the first shared file, and gives its path in the repository.
    pub(crate) fn lose_shared_file(&self) -> String {
        let path = self.stored("shared_checksum").remove(0);
        fs::remove_file(&path).expect("removing a file");
        let name = path.file_name().and_then(OsStr::to_str).expect("a name");
        format!("shared_checksum/{name}")
    }
}

/// Damages a file without a change of its size.
pub(crate) fn flip_bit(path: &Path) {
    let mut bytes = fs::read(path).expect("reading a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).expect("writing a file");
}

/// Every table, by name.
pub(crate) fn tables(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory)
        .expect("a table")
        .map(|entry| entry.expect("a table"));
    let tables = entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "sst"));
    tables
        .map(|entry| {
            (
                entry.file_name().into_string().expect("a table"),
                fs::read(entry.path()).expect("a table"),
            )
        })
        .collect()
}
