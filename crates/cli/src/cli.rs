//! The command line: the commands and the arguments that they have in common.

use std::path::PathBuf;

use clap::{Arg, ArgAction, Command, CommandFactory, Parser, Subcommand};
use serde_json::json;

use crate::commands::{self, Session};
use crate::exit::Exit;
use crate::invocation::plan::{EVERY, ONE_AT_A_TIME};
use crate::option;

/// Backs up, verifies and restores RocksDB databases, in the directory format of RocksDB's own BackupEngine.
#[derive(Debug, Parser)]
#[command(
    name = "stonekeep",
    version,
    max_term_width = 100,
    after_help = concat!(
        "Examples:\n",
        "  stonekeep backup /var/lib/app/db --repo /backups/app\n",
        "  stonekeep list --repo /backups/app\n",
        "  stonekeep verify --repo /backups/app\n",
        "  stonekeep restore latest --repo /backups/app --to /var/lib/app/restored\n",
        "  stonekeep purge --keep 7 --repo /backups/app\n",
        "  stonekeep backup --all --config /etc/stonekeep/config.toml\n\n",
        "Exit codes: 0 done, 1 failed or refused, 2 usage error, 3 damage found, 4 not found, 5 locked by another process, \
         129, 130 and 143 ended by a signal.\n\n\
         Every option is also an environment variable: --lock-wait is STONEKEEP_LOCK_WAIT, for backup alone STONEKEEP_BACKUP_LOCK_WAIT. \
         A database of the configuration file is named in place of a path: stonekeep backup app. docs/cli.md and docs/configuration.md \
         describe both."
    )
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// The arguments of every command.
#[derive(Debug, clap::Args)]
pub(crate) struct GlobalArgs {
    /// Print one JSON document on standard output, also for errors
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// Print only requested lists, warnings and errors
    #[arg(long, short, global = true, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Log to standard error (-vv for more)
    #[arg(long, short, global = true, action = ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
    /// The configuration file [default: that of the user, else /etc/stonekeep/config.toml]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Configuration")]
    pub(crate) config: Option<PathBuf>,
}

/// The declaration of the command line, with `--all` for the commands that can be run for every database.
pub(crate) fn command() -> Command {
    let mut cli = Cli::command();
    let names: Vec<String> = cli
        .get_subcommands()
        .filter(|command| option::takes_a_repository(command) && option::find(command, "all").is_none())
        .map(|command| command.get_name().to_owned())
        .collect();
    for name in names
        .iter()
        .filter(|name| !ONE_AT_A_TIME.contains(&name.as_str()))
    {
        cli = cli.mut_subcommand(name, |command| {
            let all = Arg::new(EVERY).long("all").action(ArgAction::SetTrue);
            let help = "Run it for every database of the configuration file";
            command.arg(all.help(help).help_heading("Configuration"))
        });
    }
    cli
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Backup(Box<commands::backup::BackupArgs>),
    Follow(Box<commands::follow::FollowArgs>),
    List(commands::list::ListArgs),
    Show(commands::show::ShowArgs),
    Verify(commands::verify::VerifyArgs),
    Restore(Box<commands::restore::RestoreArgs>),
    Timeline(commands::timeline::TimelineArgs),
    Drill(commands::drill::DrillArgs),
    Open(commands::open::OpenArgs),
    Close(commands::close::CloseArgs),
    Copy(commands::copy::CopyArgs),
    Check(Box<commands::check::CheckArgs>),
    CheckStore(commands::check_store::CheckStoreArgs),
    Delete(commands::delete::DeleteArgs),
    Purge(Box<commands::purge::PurgeArgs>),
    Undelete(commands::undelete::UndeleteArgs),
    Repair(commands::repair::RepairArgs),
    Hold(commands::hold::HoldArgs),
    Release(commands::release::ReleaseArgs),
    Gc(commands::gc::GcArgs),
    Inspect(commands::inspect::InspectArgs),
    Diff(commands::diff::DiffArgs),
    Config(commands::config::ConfigArgs),
    Completions(commands::completions::CompletionsArgs),
    Man(commands::man::ManArgs),
    Demo(commands::demo::DemoArgs),
    /// Print the version
    Version,
}

impl Verb {
    /// Runs the command.
    pub(crate) fn run(self, session: &Session) -> anyhow::Result<Exit> {
        match self {
            Verb::Backup(args) => commands::backup::run(*args, session),
            Verb::Follow(args) => commands::follow::run(*args, session),
            Verb::List(args) => commands::list::run(&args, session),
            Verb::Show(args) => commands::show::run(&args, session),
            Verb::Verify(args) => commands::verify::run(&args, session),
            Verb::Restore(args) => commands::restore::run(*args, session),
            Verb::Timeline(args) => commands::timeline::run(&args, session),
            Verb::Drill(args) => commands::drill::run(&args, session),
            Verb::Open(args) => commands::open::run(&args, session),
            Verb::Close(args) => commands::close::run(&args, session),
            Verb::Copy(args) => commands::copy::run(args, session),
            Verb::Check(args) => commands::check::run(*args, session),
            Verb::CheckStore(args) => commands::check_store::run(&args, session),
            Verb::Delete(args) => commands::delete::run(&args, session),
            Verb::Purge(args) => commands::purge::run(&args, session),
            Verb::Undelete(args) => commands::undelete::run(&args, session),
            Verb::Repair(args) => commands::repair::run(&args, session),
            Verb::Hold(args) => commands::hold::run(&args, session),
            Verb::Release(args) => commands::release::run(&args, session),
            Verb::Gc(args) => commands::gc::run(&args, session),
            Verb::Inspect(args) => commands::inspect::run(&args, session),
            Verb::Diff(args) => commands::diff::run(&args, session),
            Verb::Config(args) => commands::config::run(&args, &command(), session),
            Verb::Completions(args) => commands::completions::run(&args, command(), session),
            Verb::Man(args) => commands::man::run(&args, command(), session),
            Verb::Demo(args) => commands::demo::run(&args, session),
            Verb::Version => {
                let version = env!("CARGO_PKG_VERSION");
                let text = format!("stonekeep {version}\n");
                session.output.raw(&json!({ "version": version }), &text)?;
                Ok(Exit::Success)
            }
        }
    }
}
