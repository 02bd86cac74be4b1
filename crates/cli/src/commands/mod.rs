//! The verbs, one file each.

pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod check_store;
pub(crate) mod close;
pub(crate) mod collect_report;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod copy;
pub(crate) mod delete;
pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod drill;
pub(crate) mod examples;
pub(crate) mod follow;
pub(crate) mod gc;
pub(crate) mod hold;
pub(crate) mod inspect;
pub(crate) mod list;
pub(crate) mod man;
pub(crate) mod open;
pub(crate) mod purge;
pub(crate) mod release;
pub(crate) mod repair;
pub(crate) mod restore;
pub(crate) mod show;
pub(crate) mod timeline;
pub(crate) mod undelete;
pub(crate) mod verify;

use std::path::PathBuf;

use stonekeep::engine::BackupEngineOptions;

use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::invocation::Unusable;
use crate::output::Output;
use crate::output::progress::Watcher;

/// The output and the signals of the running verb.
pub(crate) struct Session {
    pub(crate) output: Output,
    pub(crate) interrupt: Interrupt,
    /// The configuration file that `--config` names.
    pub(crate) config: Option<PathBuf>,
    /// Repositories of which it is known already that they cannot be used.
    pub(crate) unusable: Unusable,
}

impl Session {
    /// Shows progress and passes on signals, for a verb that takes time or changes something.
    pub(crate) fn watch(&self) -> anyhow::Result<Watcher> {
        self.interrupt.install()?;
        Ok(Watcher::new(&self.output, &self.interrupt))
    }

    /// Options that name this process to others.
    pub(crate) fn engine_options(&self) -> BackupEngineOptions {
        let verb = self.output.command.as_deref().unwrap_or_default();
        let holder = format!(
            "stonekeep {verb}, process {} on {}",
            std::process::id(),
            host_name()
        );
        BackupEngineOptions::default().with_lock_holder(holder)
    }
}

/// The name of this machine, as the kernel has it.
pub(crate) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The hint for an exit code, whatever the error was.
pub(crate) fn advice(verb: &str, exit: Exit) -> Option<&'static str> {
    match exit {
        Exit::Locked
            if matches!(
                verb,
                "backup" | "copy" | "delete" | "purge" | "undelete" | "hold" | "release" | "gc"
            ) =>
        {
            Some("--lock-wait lets a command wait")
        }
        Exit::Signalled(_) => what_a_stop_leaves(verb),
        _ => None,
    }
}

/// What is left when a signal has ended a verb, for the user who sent it.
fn what_a_stop_leaves(verb: &str) -> Option<&'static str> {
    match verb {
        "backup" => Some(
            "no backup was made, older ones are as they were; files that were copied whole stay in the repository, \
             and the next backup uses them (stonekeep gc removes them)",
        ),
        "copy" => Some(
            "backups that were copied whole are in the target; files that were copied whole stay there, and the same command \
             uses them (stonekeep gc removes them)",
        ),
        "restore" => Some(
            "the old files at the target are unchanged; run the same command again to resume the restore, or undo it \
             with stonekeep restore --abort --to DIR",
        ),
        "delete" | "purge" | "gc" => Some(
            "backups that are gone from the list are deleted; the next stonekeep gc removes the rest of their files",
        ),
        "verify" => Some(
            "the repository remembers which files were verified; --sample and --max-duration begin with the others",
        ),
        "undelete" => Some("nothing was changed"),
        "drill" => Some("what was restored is removed again, except for the directory of --keep"),
        "check-store" => Some("what was written is removed again"),
        "open" => Some("the part of the directory that was made is removed again"),
        _ => None,
    }
}
