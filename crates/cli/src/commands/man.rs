//! `stonekeep man`: the manual pages.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use serde::Serialize;
use stonekeep::IoContext;

use super::Session;
use crate::args::Cli;
use crate::exit::Exit;
use crate::output::units::count;

/// Print the manual page, or write all pages to a directory
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The directory, made if it is not there; one page for each verb goes there
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct PageJson {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
}

#[derive(Serialize)]
struct ManJson {
    pages: Vec<PageJson>,
}

pub(crate) fn run(args: &ManArgs, session: &Session) -> anyhow::Result<Exit> {
    let mut command = Cli::command();
    command.build();
    match &args.out {
        Some(directory) => write_all(&command, directory, session),
        None => print(command, session),
    }
}

fn print(command: Command, session: &Session) -> anyhow::Result<Exit> {
    let page = render(command)?;
    let document = ManJson {
        pages: vec![PageJson {
            name: "stonekeep.1".to_owned(),
            text: Some(page.clone()),
            file: None,
        }],
    };
    session.output.raw(&document, &page)?;
    Ok(Exit::Success)
}

fn write_all(command: &Command, directory: &Path, session: &Session) -> anyhow::Result<Exit> {
    fs::create_dir_all(directory).context("making", directory)?;
    let mut pages = Vec::new();
    let verbs = command.get_subcommands().cloned();
    for page in std::iter::once(command.clone()).chain(verbs) {
        let name = format!("{}.1", page.get_display_name().unwrap_or(page.get_name()));
        let path = directory.join(&name);
        fs::write(&path, render(page)?).context("writing", &path)?;
        pages.push(PageJson {
            name,
            text: None,
            file: Some(path),
        });
    }
    let written = count(pages.len() as u64, "page");
    session.output.outcome(&ManJson { pages }, |page| {
        page.line(format!("{written} written to {}", directory.display()));
    })?;
    Ok(Exit::Success)
}

fn render(command: Command) -> anyhow::Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(String::from_utf8(page)?)
}
