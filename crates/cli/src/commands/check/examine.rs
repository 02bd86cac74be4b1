//! Looks at repositories, several at a time, each for a limited time.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use stonekeep::engine::BackupEngineOptions;
use stonekeep::engine::info::InfoDetail;
use stonekeep::{Error, ErrorKind};

use super::args::CheckArgs;
use super::health::{Checked, Figures, Health};
use super::judge::{Findings, figures, judge};
use crate::mount_points;
use crate::output::location::without_secrets;

/// So many repositories are looked at at a time.
const AT_ONCE: usize = 16;

/// A database in a repository.
pub(crate) struct Subject {
    name: Option<String>,
    display: Option<String>,
    args: Arc<CheckArgs>,
}

impl Subject {
    /// One with its name in the configuration file, and how it is called among several, if it has one.
    pub(crate) fn new(name: Option<String>, display: Option<String>, args: CheckArgs) -> Self {
        Subject {
            name,
            display,
            args: Arc::new(args),
        }
    }
}

/// What was found, or why nothing could be read.
type Found = anyhow::Result<Findings>;

/// Checks all of them, in their order.
pub(crate) fn examine(subjects: Vec<Subject>, options: &BackupEngineOptions) -> Vec<Checked> {
    let mut checked = Vec::new();
    for subjects in subjects.chunks(AT_ONCE) {
        let begun: Vec<_> = subjects.iter().map(|subject| begin(subject, options)).collect();
        checked.extend(subjects.iter().zip(begun).map(|(subject, (found, began))| {
            let left = subject.args.timeout.saturating_sub(began.elapsed());
            end(subject, &found, left, began)
        }));
    }
    checked
}

/// Begins to look, on a thread that nobody waits for.
fn begin(subject: &Subject, options: &BackupEngineOptions) -> (mpsc::Receiver<Found>, Instant) {
    let (send, receive) = mpsc::channel();
    let (args, options) = (Arc::clone(&subject.args), options.clone());
    let look = move || {
        // Nobody listens any more if it took too long.
        let _ = send.send(look(&args, options));
    };
    let began = Instant::now();
    if let Err(error) = thread::Builder::new().spawn(look) {
        tracing::warn!(%error, "no thread could be started for a check");
    }
    (receive, began)
}

fn look(args: &CheckArgs, options: BackupEngineOptions) -> Found {
    let engine = args.repo.open(options)?;
    let info = engine.get_all_backup_info(InfoDetail::Sizes)?;
    let rules = args.retention.options();
    let is_asked = rules.has_rules_or_limit() || args.max_past_retention.is_some();
    Ok(Findings {
        info,
        past_retention: is_asked.then(|| engine.past_retention(&rules)),
        free_bytes: engine.store().room().ok().and_then(|room| room.bytes),
    })
}

fn end(subject: &Subject, found: &mpsc::Receiver<Found>, left: Duration, began: Instant) -> Checked {
    let args = &subject.args;
    let found = found.recv_timeout(left);
    let location = without_secrets(&args.repo.path().display().to_string());
    let (repository, health, reasons, figures) = match found {
        Ok(Ok(found)) => {
            let figures = figures(&found);
            let (health, reasons) = judge(args, &found, &figures);
            (found.info.location, health, reasons, figures)
        }
        Ok(Err(error)) => {
            let (health, reason) = failure(args.repo.path(), &error);
            (location, health, vec![reason], Figures::default())
        }
        Err(mpsc::RecvTimeoutError::Timeout) => {
            let reason = format!("no answer within {} seconds", args.timeout.as_secs_f64());
            (location, Health::Unreachable, vec![reason], Figures::default())
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            let reason = "the check could not be run".to_owned();
            (location, Health::Unreachable, vec![reason], Figures::default())
        }
    };
    Checked {
        name: subject.name.clone(),
        display: subject.display.clone(),
        repository,
        health,
        reasons,
        figures,
        check_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}

/// Whether nothing was ever backed up, or nobody can tell.
fn failure(repo: &Path, error: &anyhow::Error) -> (Health, String) {
    let kind = error.downcast_ref::<Error>().map(Error::kind);
    let reason = format!("{error:#}").replace('\n', " ");
    match kind {
        Some(ErrorKind::NotFound) if mount_points::missing_disk(repo).is_none() => (Health::Never, reason),
        Some(ErrorKind::NotFound) => (
            Health::Unreachable,
            format!("{reason}; its mount point has nothing mounted on it"),
        ),
        _ => (Health::Unreachable, reason),
    }
}
