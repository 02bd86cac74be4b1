//! The verbs, one file each.

pub(crate) mod completions;
pub(crate) mod inspect;
pub(crate) mod man;

use stonekeep::engine::BackupEngineOptions;

use crate::args::Verb;
use crate::exit::Exit;
use crate::host;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::output::progress::Watcher;

/// What a verb has around it.
pub(crate) struct Session {
    pub(crate) output: Output,
    pub(crate) interrupt: Interrupt,
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
            host::name()
        );
        BackupEngineOptions::default().with_lock_holder(holder)
    }
}

/// Does what was typed.
pub(crate) fn run(verb: Verb, session: &Session) -> anyhow::Result<Exit> {
    match verb {
        Verb::Inspect(args) => inspect::run(&args, session),
        Verb::Completions(args) => completions::run(&args, session),
        Verb::Man(args) => man::run(&args, session),
    }
}
