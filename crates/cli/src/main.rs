//! The `stonekeep` command.

mod args;
mod cli;
mod commands;
mod config;
mod exit;
mod interrupt;
mod invocation;
mod mistakes;
mod mount_points;
mod option;
mod output;
mod ping;
mod process;
mod run;
mod store_settings;
mod usage_error;

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    interrupt::survive_long_files();
    let typed: Vec<OsString> = std::env::args_os().collect();
    run::run(cli::command(), &typed).into()
}
