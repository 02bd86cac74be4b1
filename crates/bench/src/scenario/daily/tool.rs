//! The command lines of Stonekeep, restic and rustic. Each has a repository of its own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::data::Step;
use crate::scenario::{Contestant, RESTIC, RUSTIC, STONEKEEP};
use crate::task::{By, Job, Task};

/// The programs, by their paths.
#[derive(Debug, Clone)]
pub(crate) struct Commands {
    pub(crate) stonekeep: PathBuf,
    pub(crate) restic: Option<PathBuf>,
    pub(crate) rustic: Option<PathBuf>,
    pub(crate) sst_dump: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stonekeep,
    Restic,
    Rustic,
}

/// A program with its files in a directory.
#[derive(Debug, Clone)]
pub(super) struct Tool {
    kind: Kind,
    command: PathBuf,
    directory: PathBuf,
    items: u64,
}

impl Tool {
    /// Stonekeep first, then those of the others that are there; the work is about so many files or backups.
    pub(super) fn all(commands: &Commands, directory: &Path, items: u64) -> Vec<Tool> {
        let others = [(Kind::Restic, &commands.restic), (Kind::Rustic, &commands.rustic)];
        let others = others
            .into_iter()
            .filter_map(|(kind, command)| Some((kind, command.clone()?)));
        let all = [(Kind::Stonekeep, commands.stonekeep.clone())]
            .into_iter()
            .chain(others);
        all.map(|(kind, command)| Tool {
            kind,
            command,
            directory: directory.join(format!("{kind:?}").to_lowercase()),
            items,
        })
        .collect()
    }

    /// The repository that scenarios begin with.
    pub(super) fn kept(&self) -> PathBuf {
        self.directory.join("kept")
    }

    /// The repository that a run changes.
    pub(super) fn used(&self) -> PathBuf {
        self.directory.join("used")
    }

    /// Where a restore writes.
    pub(super) fn target(&self) -> PathBuf {
        self.directory.join("target")
    }

    /// Makes an empty repository.
    pub(super) fn init(&self, repository: &Path) -> Vec<Step> {
        let mut steps = vec![
            Step::Remove(repository.into()),
            Step::Directory(self.directory.clone()),
        ];
        if self.kind != Kind::Stonekeep {
            steps.push(self.step(self.task(repository, ["init".into()])));
        }
        steps
    }

    /// Gives the repository that a run changes the state of the one that is kept.
    pub(super) fn reset(&self) -> [Step; 2] {
        let (of, at) = (self.kept(), self.used());
        [Step::Remove(at.clone()), Step::Twin { of, at }]
    }

    pub(super) fn backup(&self, database: &Path, repository: &Path) -> Task {
        self.task(repository, ["backup".into(), database.into()])
    }

    pub(super) fn restore(&self, repository: &Path) -> Task {
        let target = self.target().into_os_string();
        match self.kind {
            Kind::Stonekeep => self.task(
                repository,
                ["restore".into(), "latest".into(), "--to".into(), target],
            ),
            Kind::Restic => self.task(
                repository,
                ["restore".into(), "latest".into(), "--target".into(), target],
            ),
            Kind::Rustic => self.task(repository, ["restore".into(), "latest".into(), target]),
        }
    }

    /// Deletes all but so many backups, and what nothing needs any more.
    pub(super) fn prune(&self, repository: &Path, keep: u32) -> Task {
        let keep = format!("--keep-last={keep}").into();
        match self.kind {
            Kind::Stonekeep => self.task(repository, ["purge".into(), keep]),
            Kind::Restic => self.task(repository, ["forget".into(), keep, "--prune".into()]),
            // Else it deletes packs at a later run.
            Kind::Rustic => self.task(
                repository,
                ["forget".into(), keep, "--prune".into(), "--instant-delete".into()],
            ),
        }
    }

    pub(super) fn contestant(&self, task: Task) -> Contestant {
        let name = match self.kind {
            Kind::Stonekeep => STONEKEEP,
            Kind::Restic => RESTIC,
            Kind::Rustic => RUSTIC,
        };
        Contestant::new(name, By::Stonekeep(None), task)
    }

    pub(super) fn step(&self, task: Task) -> Step {
        let by = By::Stonekeep(None);
        Step::Run(Job { by, task })
    }

    /// The program with these words. The password is of no use to anybody; caches are where the repositories are.
    fn task<const N: usize>(&self, repository: &Path, words: [OsString; N]) -> Task {
        let cache = || self.directory.join("cache").into_os_string();
        let place: Vec<OsString> = match self.kind {
            Kind::Stonekeep => vec!["--repo".into(), repository.into()],
            Kind::Restic => vec![
                "--repo".into(),
                repository.into(),
                "--password-command=echo bench".into(),
                "--cache-dir".into(),
                cache(),
            ],
            Kind::Rustic => vec![
                "--repository".into(),
                repository.into(),
                "--password=bench".into(),
                "--cache-dir".into(),
                cache(),
                "--no-progress".into(),
            ],
        };
        let words = words.into_iter();
        let arguments = match self.kind {
            Kind::Stonekeep => words.chain(place).collect(),
            _ => place.into_iter().chain(words).collect(),
        };
        Task::Command {
            command: self.command.clone(),
            arguments,
            items: self.items,
        }
    }
}
