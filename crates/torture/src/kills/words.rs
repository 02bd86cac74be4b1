//! The command line of a verb.

use std::path::Path;

use crate::case::Case;
use crate::verbs::{GONE, RESTORED, Verb};
use crate::world::{DELETED, World};

/// Where a repository is, as words of a command line.
#[derive(Debug, Clone)]
pub(super) struct Site {
    /// Its path or URL.
    pub(super) url: String,
    /// A setting of its store.
    pub(super) option: Option<&'static str>,
    /// How long a run waits for the lease of a dead one, where there are leases.
    pub(super) wait: Option<&'static str>,
}

/// How a command works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// As it is without any option.
    Plain,
    /// With one worker, so that its calls come in the same order each time.
    Alone,
    /// With one worker, and without syncs.
    Unsynced,
}

impl Manner {
    pub(super) const ALL: [Manner; 3] = [Manner::Plain, Manner::Alone, Manner::Unsynced];

    fn words(self, verb: Verb) -> Vec<&'static str> {
        let has_workers = matches!(
            verb,
            Verb::Create | Verb::CreateFirst | Verb::Copy | Verb::Restore
        );
        let alone = has_workers.then_some("--max-background-operations=1");
        match self {
            Manner::Plain => Vec::new(),
            Manner::Alone => alone.into_iter().collect(),
            Manner::Unsynced => alone.into_iter().chain(["--sync=false"]).collect(),
        }
    }
}

impl Site {
    /// The words that name it, after a word such as `--repo`.
    fn words(&self, name: &str, option: &str) -> Vec<String> {
        let mut words = vec![name.to_owned(), self.url.clone()];
        if let Some(setting) = self.option {
            words.extend([option.to_owned(), setting.to_owned()]);
        }
        words
    }

    /// The words of a verb, which `source` gives what it copies.
    pub(super) fn line(&self, case: &Case<'_>, world: &World, source: &Path, manner: Manner) -> Vec<String> {
        let target = case.target().display().to_string();
        let (gone, restored) = (GONE.to_string(), RESTORED.to_string());
        let deleted = DELETED.to_string();
        let database = world.database().display().to_string();
        let source = source.display().to_string();
        let words: &[&str] = match case.verb {
            Verb::Create | Verb::CreateFirst => &[
                "backup",
                &database,
                "--include=conf/app.json",
                "--include=notes",
                "--app-metadata=the application's own words",
            ],
            Verb::Delete => &["delete", &gone],
            Verb::DeleteForAWhile => &["delete", &gone, "--undelete-for=200d"],
            Verb::Purge => &["purge", "--keep=1"],
            Verb::Collect => &["gc", "--min-age=0s"],
            Verb::Undelete => &["undelete", &deleted],
            Verb::Hold => &["hold", &gone, "--reason=audit"],
            Verb::Copy => &["copy", "--all", "--from", &source],
            Verb::Restore => &["restore", &restored, "--to", &target],
            Verb::Abort => &["restore", "--abort", "--to", &target],
            Verb::Repair => &["repair", "--from", &source],
        };
        let mut line: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        line.extend(manner.words(case.verb).into_iter().map(str::to_owned));
        match case.verb {
            Verb::Abort => return line,
            Verb::Copy => line.extend(self.words("--to", "--to-store-option")),
            _ => line.extend(self.words("--repo", "--store-option")),
        }
        if case.verb != Verb::Restore {
            line.extend(self.wait_words());
        }
        line
    }

    /// A collection of everything that no backup needs.
    pub(super) fn collection(&self) -> Vec<String> {
        let mut line = vec!["gc".to_owned(), "--min-age=0s".to_owned()];
        line.extend(self.words("--repo", "--store-option"));
        line.extend(self.wait_words());
        line
    }

    fn wait_words(&self) -> Option<String> {
        self.wait.map(|wait| format!("--lock-wait={wait}"))
    }
}
