//! `stonekeep demo`: backs up, damages and restores a sample database, step by step.

mod sample;
mod stage;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use stonekeep::{Error, ErrorKind, IoContext, Result};

use super::Session;
use crate::exit::Exit;
use crate::output::units::count;
use sample::State;
use stage::Stage;

/// Back up, damage and restore a small sample database in a temporary directory
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::DEMO)]
pub(crate) struct DemoArgs {
    /// Keep the directory afterwards
    #[arg(long)]
    keep: bool,
}

pub(crate) fn run(args: &DemoArgs, session: &Session) -> anyhow::Result<Exit> {
    let directory = tempfile::Builder::new().prefix("stonekeep-demo-").tempdir();
    let mut directory = directory.context("making a directory in", &std::env::temp_dir())?;
    directory.disable_cleanup(args.keep);
    let mut stage = Stage::new(directory.path(), session)?;
    let files_compared = play(&mut stage)?;
    stage.say(&format!(
        "All {} that were restored are the sample's, byte for byte.",
        count(files_compared as u64, "file")
    ))?;
    stage.say(&if args.keep {
        format!("Everything is in {}, to look at.", directory.path().display())
    } else {
        format!(
            "{} is removed again; --keep leaves it.",
            directory.path().display()
        )
    })?;
    let document = json!({
        "directory": directory.path(),
        "kept": args.keep,
        "steps": stage.steps(),
        "files_compared": files_compared,
        "identical": true,
    });
    if session.output.json {
        session.output.data(&document, |_| {})?;
    }
    Ok(Exit::Success)
}

/// The play; how many files were the same in the end.
fn play(stage: &mut Stage<'_>) -> anyhow::Result<usize> {
    let (first, second) = (State::named("state1")?, State::named("state2")?);
    let db = stage.path("db");
    stage.act(
        "A small database that RocksDB wrote, with three column families, is put into db.",
        None,
    )?;
    first.write_to(&db)?;
    stage.run(
        "Back it up. The repository is made.",
        "backup db --repo repo --tag first",
        0,
    )?;
    stage.act(
        "The application goes on: one more table, and more in the WAL.",
        None,
    )?;
    second.write_to(&db)?;
    stage.run(
        "Back it up again. Tables that are stored already are not copied again.",
        "backup db --repo repo --tag second",
        0,
    )?;
    stage.run(
        "Both backups are there, each complete by itself.",
        "list --repo repo",
        0,
    )?;
    stage.run(
        "Read every byte, and compare it with its checksum.",
        "verify --repo repo",
        0,
    )?;
    let (original, copy) = (stage.path("repo"), stage.path("damaged"));
    stage.act(
        "One bit of a copy of the repository turns over.",
        Some("cp -r repo damaged"),
    )?;
    damage_a_copy(&original, &copy)?;
    stage.run(
        "It is found, with the backups that it touches. The exit code is 3.",
        "verify --repo damaged",
        3,
    )?;
    stage.run(
        "Restore the newest backup.",
        "restore latest --to restored --repo repo",
        0,
    )?;
    stage.run(
        "Restore the older one, too.",
        "restore 1 --to restored-first --repo repo",
        0,
    )?;
    let newest = second.compare_with(&stage.path("restored"))?;
    let older = first.compare_with(&stage.path("restored-first"))?;
    Ok(newest + older)
}

/// Copies a repository, and turns one bit of a shared file over.
fn damage_a_copy(repo: &Path, copy: &Path) -> Result<()> {
    copy_tree(repo, copy)?;
    let victim = first_file(&copy.join("shared_checksum"))?;
    let mut bytes = fs::read(&victim).context("reading", &victim)?;
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    fs::write(&victim, bytes).context("writing", &victim)
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).context("making", to)?;
    for entry in fs::read_dir(from).context("listing", from)? {
        let path = entry.context("listing", from)?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_tree(&path, &target)?;
        } else {
            fs::copy(&path, &target).context("copying", &path)?;
        }
    }
    Ok(())
}

fn first_file(directory: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(directory).context("listing", directory)?;
    let paths: std::io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let first = paths.context("listing", directory)?.into_iter().min();
    first.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("{} is empty", directory.display())))
}
