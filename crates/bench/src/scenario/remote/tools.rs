//! The command lines of Stonekeep and of eat-rocks. Credentials are in the environment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::server::bucket::Bucket;
use crate::task::{By, Job, Task};

/// What the programs can do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Verb<'a> {
    /// Back up a database, or a checkpoint.
    Push(&'a Path),
    /// Restore the latest backup.
    Restore(&'a Path),
    /// List the backups.
    List,
    /// Delete all backups but the newest.
    KeepNewest,
}

/// A program, with the files that it transfers at a time if not as many as it chooses.
#[derive(Debug, Clone)]
pub(super) enum Tool {
    Stonekeep {
        command: PathBuf,
        transfers: Option<u32>,
    },
    EatRocks {
        command: PathBuf,
        transfers: Option<u32>,
    },
}

impl Tool {
    /// The program, with so many transfers.
    pub(super) fn with_transfers(mut self, count: u32) -> Self {
        let (Tool::Stonekeep { transfers, .. } | Tool::EatRocks { transfers, .. }) = &mut self;
        *transfers = Some(count);
        self
    }

    /// The program does something in a bucket, which is about so many files or backups.
    pub(super) fn job(&self, verb: &Verb<'_>, at: &Bucket, items: u64) -> Job {
        let (Tool::Stonekeep { command, .. } | Tool::EatRocks { command, .. }) = self;
        let arguments = match self {
            Tool::Stonekeep { transfers, .. } => stonekeep(verb, at, *transfers),
            Tool::EatRocks { transfers, .. } => eat_rocks(verb, at, *transfers),
        };
        Job {
            by: By::Stonekeep(None),
            task: Task::Command {
                command: command.clone(),
                arguments,
                items,
            },
        }
    }
}

fn stonekeep(verb: &Verb<'_>, at: &Bucket, transfers: Option<u32>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = match verb {
        Verb::Push(database) => vec!["backup".into(), database.into()],
        Verb::Restore(target) => vec!["restore".into(), "--to".into(), target.into()],
        Verb::List => vec!["list".into()],
        Verb::KeepNewest => vec!["purge".into(), "--keep=1".into()],
    };
    arguments.extend(transfers.map(|count| format!("--max-background-operations={count}").into()));
    let endpoint = format!("aws_endpoint={}", at.endpoint);
    arguments.extend(["--repo", &at.url(), "--store-option", &endpoint].map(Into::into));
    arguments
}

fn eat_rocks(verb: &Verb<'_>, at: &Bucket, transfers: Option<u32>) -> Vec<OsString> {
    let place = [
        "--endpoint",
        &at.endpoint,
        "--bucket",
        &at.name,
        "--prefix",
        &at.prefix,
    ];
    let mut arguments: Vec<OsString> = place.map(Into::into).into();
    let (verb, operand): (&str, Option<OsString>) = match verb {
        Verb::Push(checkpoint) => ("push", Some(checkpoint.into())),
        Verb::Restore(target) => ("restore", Some(target.into())),
        Verb::List => ("list", None),
        Verb::KeepNewest => ("retain", Some("1".into())),
    };
    arguments.push(verb.into());
    arguments.extend(transfers.map(|count| format!("--concurrency={count}").into()));
    arguments.extend(operand);
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(tool: &Tool, verb: &Verb<'_>) -> String {
        let bucket = Bucket {
            endpoint: "http://127.0.0.1:1".into(),
            name: "b".into(),
            prefix: "p/q".into(),
        };
        match tool.job(verb, &bucket, 7).task {
            Task::Command {
                command, arguments, ..
            } => {
                let words = [command.into_os_string()].into_iter().chain(arguments);
                let words: Vec<String> = words.map(|word| word.into_string().unwrap()).collect();
                words.join(" ")
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn stonekeep_is_called_with_a_url() {
        let tool = Tool::Stonekeep {
            command: "sk".into(),
            transfers: None,
        };
        let place = "--repo s3://b/p/q --store-option aws_endpoint=http://127.0.0.1:1";
        let push = Verb::Push(Path::new("/db"));
        assert_eq!(line(&tool, &push), format!("sk backup /db {place}"));
        assert_eq!(
            line(
                &tool.clone().with_transfers(32),
                &Verb::Restore(Path::new("/out"))
            ),
            format!("sk restore --to /out --max-background-operations=32 {place}")
        );
        assert_eq!(line(&tool, &Verb::List), format!("sk list {place}"));
        assert_eq!(
            line(&tool, &Verb::KeepNewest),
            format!("sk purge --keep=1 {place}")
        );
    }

    #[test]
    fn eat_rocks_is_called_with_an_endpoint_and_a_prefix() {
        let tool = Tool::EatRocks {
            command: "er".into(),
            transfers: None,
        };
        let place = "er --endpoint http://127.0.0.1:1 --bucket b --prefix p/q";
        let push = Verb::Push(Path::new("/cp"));
        assert_eq!(
            line(&tool.clone().with_transfers(32), &push),
            format!("{place} push --concurrency=32 /cp")
        );
        let restore = Verb::Restore(Path::new("/out"));
        assert_eq!(line(&tool, &restore), format!("{place} restore /out"));
        assert_eq!(line(&tool, &Verb::List), format!("{place} list"));
        assert_eq!(line(&tool, &Verb::KeepNewest), format!("{place} retain 1"));
    }
}
