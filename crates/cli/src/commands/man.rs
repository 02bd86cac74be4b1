//! `stonekeep man`: the manual pages.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use serde_json::json;
use stonekeep::IoContext;

use super::{Session, examples};
use crate::exit::Exit;
use crate::output::units::count;

/// The exit codes; `docs/cli.md` has the details.
const EXIT_STATUS: [(&str, &str); 9] = [
    ("0", "Done. Warnings may name what was left out."),
    ("1", "The command failed or was refused."),
    ("2", "The command line is wrong."),
    ("3", "Damage was found."),
    ("4", "The backup, repository, database or file does not exist."),
    ("5", "Another process holds the lock."),
    ("129", "Ended by SIGHUP."),
    ("130", "Ended by SIGINT."),
    ("143", "Ended by SIGTERM."),
];

const ENVIRONMENT: [(&str, &str); 6] = [
    ("STONEKEEP_REPO", "The repository, if --repo is not given."),
    (
        "STONEKEEP_CONFIG",
        "The configuration file, if --config is not given.",
    ),
    (
        "STONEKEEP_OPTION",
        "The value of any other option, as STONEKEEP_LOCK_WAIT for --lock-wait; STONEKEEP_BACKUP_LOCK_WAIT for that of backup alone.",
    ),
    ("NO_COLOR", "If set, output has no colours."),
    ("TERM", "If \"dumb\", output has no colours."),
    (
        "TZ",
        "The time zone of times in tables and of local times in arguments.",
    ),
];

/// Print the manual page, or write all pages to a directory
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::MAN)]
pub(crate) struct ManArgs {
    /// Write one page for each command to this directory; create it if needed
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &ManArgs, mut command: Command, session: &Session) -> anyhow::Result<Exit> {
    command.build();
    match &args.out {
        Some(directory) => write_all(&command, directory, session),
        None => print(command, session),
    }
}

fn print(command: Command, session: &Session) -> anyhow::Result<Exit> {
    let page = render(command)?;
    let document = json!({ "pages": [{ "name": "stonekeep.1", "text": page }] });
    session.output.raw(&document, &page)?;
    Ok(Exit::Success)
}

fn write_all(command: &Command, directory: &Path, session: &Session) -> anyhow::Result<Exit> {
    fs::create_dir_all(directory).context("making", directory)?;
    let mut pages = Vec::new();
    let verbs = command
        .get_subcommands()
        .filter(|verb| verb.get_name() != "help")
        .cloned();
    for page in std::iter::once(command.clone()).chain(verbs) {
        let name = format!("{}.1", page.get_display_name().unwrap_or(page.get_name()));
        let path = directory.join(&name);
        fs::write(&path, render(page)?).context("writing", &path)?;
        pages.push(json!({ "name": name, "file": path }));
    }
    let written = count(pages.len() as u64, "page");
    let done = format!("{written} written to {}", directory.display());
    session
        .output
        .outcome(&json!({ "pages": pages }), &[], &done, |page| page.line(&done))?;
    Ok(Exit::Success)
}

/// The page in the order of man-pages(7).
fn render(command: Command) -> anyhow::Result<String> {
    let after = command
        .get_after_help()
        .map(ToString::to_string)
        .unwrap_or_default();
    let examples = after.strip_prefix(examples::HEADING).unwrap_or_default();
    let examples = examples.split("\n\n").next().unwrap_or_default();
    let (mut page, man) = (Vec::new(), Man::new(command.clone()));
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut sections = Roff::new();
    for (heading, items) in [
        ("EXIT STATUS", &EXIT_STATUS[..]),
        ("ENVIRONMENT", &ENVIRONMENT[..]),
    ] {
        sections.control("SH", [heading]);
        for (item, meaning) in items {
            sections
                .control("TP", [])
                .text([bold(*item)])
                .text([roman(*meaning)]);
        }
    }
    if !examples.is_empty() {
        sections.control("SH", ["EXAMPLES"]).control("nf", []);
        for line in examples.lines() {
            sections.text([roman(line.trim_start())]);
        }
        sections.control("fi", []);
    }
    sections.to_writer(&mut page)?;
    if command.get_version().is_some() {
        man.render_version_section(&mut page)?;
    }
    Ok(String::from_utf8(page)?)
}
