//! `stonekeep inspect`: shows the content of a file of a database or a repository.

mod backup_meta;
mod blob;
mod current;
mod dump;
mod kind;
mod manifest;
mod options;
mod source;
mod table;
mod wal;

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use stonekeep::format::FormatError;
use stonekeep::{Error, Result};

use super::Session;
use crate::args::place::place;
use crate::args::repository::{self, StoreArgs};
use crate::exit::Exit;
use crate::output::text::{Page, Style};
use crate::output::units::bytes;
use dump::Dump;
use kind::Kind;
use source::Source;

/// Show the content of a MANIFEST, WAL, table, blob, OPTIONS, CURRENT or backup meta file
///
/// Detects the kind of file by its name, else by its content. Shows no values, and no keys except the smallest and largest
/// key of a table in the edits of a MANIFEST. If the file is damaged, shows what can be read, and ends with exit code 3.
#[derive(Debug, Args)]
#[command(after_help = crate::commands::examples::INSPECT)]
pub(crate) struct InspectArgs {
    /// The file, or the URL of one in a store, as in s3://BUCKET/PREFIX/private/7/MANIFEST-000012
    #[arg(value_name = "FILE", value_parser = place())]
    file: PathBuf,
    #[command(flatten)]
    settings: StoreArgs,
    /// The kind of file [default: detected]
    #[arg(long = "as", value_name = "KIND")]
    kind: Option<Kind>,
}

pub(crate) fn run(args: &InspectArgs, session: &Session) -> anyhow::Result<Exit> {
    let source = match repository::store_of_file(&args.file, &args.settings)? {
        Some((store, name)) => {
            let url = format!("{}/{name}", store.location());
            Source::stored(&store, &name, &url)?
        }
        None => Source::open(&args.file)?,
    };
    let kind = match args.kind {
        Some(kind) => kind,
        None => detect(&source)?,
    };
    let dump = match kind {
        Kind::Manifest => manifest::dump(&source),
        Kind::Wal => wal::dump(&source),
        Kind::Sst => table::dump(&source),
        Kind::Blob => blob::dump(&source),
        Kind::Options => options::dump(&source),
        Kind::Meta => backup_meta::dump(&source),
        Kind::Current => current::dump(&source),
    }?;
    print(&source, kind, &dump, session)?;
    Ok(match &dump.problem {
        None => Exit::Success,
        Some(problem) if problem.is_unsupported() => Exit::Failure,
        Some(_) => Exit::Corrupt,
    })
}

fn detect(source: &Source) -> Result<Kind> {
    if let Some(kind) = Kind::of_name(source.path()) {
        return Ok(kind);
    }
    let (head, tail) = (source.head()?, source.tail()?);
    Kind::of_content(&head, &tail, source.size_bytes()).ok_or_else(|| {
        let path = source.path().display();
        Error::new(
            stonekeep::ErrorKind::Unsupported,
            format!("cannot detect the kind of {path}, neither by name nor by content"),
        )
        .with_hint("name its kind: --as manifest, wal, sst, blob, options, meta or current")
    })
}

fn print(source: &Source, kind: Kind, dump: &Dump, session: &Session) -> anyhow::Result<()> {
    let problem = |problem: &FormatError| {
        json!({
            "offset": problem.offset,
            "unsupported": problem.is_unsupported(),
            "message": problem.to_string(),
        })
    };
    let document = json!({
        "file": source.path().display().to_string(),
        "kind": kind.name(),
        "size_bytes": source.size_bytes(),
        "content": &dump.content,
        "problem": dump.problem.as_ref().map(problem),
    });
    session
        .output
        .data(&document, |page| text(page, source, kind, dump))?;
    Ok(())
}

fn text(page: &mut Page<'_>, source: &Source, kind: Kind, dump: &Dump) {
    page.styled(
        Style::Strong,
        format!(
            "{}: {}, {}",
            source.path().display(),
            kind.name(),
            bytes(source.size_bytes())
        ),
    );
    dump::write(page, &dump.content, 0);
    if let Some(problem) = &dump.problem {
        page.marked(Style::Bad, "damaged:", problem.to_string());
    }
}
