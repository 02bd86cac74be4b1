//! `stonekeep follow`: ships the WALs of a database to a repository while another process writes it.

mod args;
mod teller;

use super::Session;
use super::backup::raise_open_files_limit;
use crate::exit::Exit;
use crate::mistakes;
use crate::output::units::{bytes, count};

pub(crate) use args::FollowArgs;

pub(crate) fn run(args: FollowArgs, session: &Session) -> anyhow::Result<Exit> {
    mistakes::check_order(&args.database, args.repo.path())?;
    raise_open_files_limit();
    if let Some(error) = session.unusable.take(args.repo.path()) {
        return Err(error.into());
    }
    session.interrupt.install()?;
    let options = args.engine_options(session);
    let store = args.repo.store(&options)?;
    let engine = args.repo.open_or_create(store, options)?;
    let teller = teller::Teller::new(&session.output, &session.interrupt, &args);
    let outcome = engine.follow(&args.source(), &args.follow_options(), &teller);
    teller.end();
    let status = outcome?;
    let done = format!("{} is not followed any more", args.database.display());
    let output = &session.output;
    output.outcome(&status, &[], &done, |page| {
        page.line(&done);
        let segments = count(status.segments, "segment");
        page.fields(&[
            (
                "shipped",
                format!("{segments}, {} of WALs", bytes(status.wal_bytes)),
            ),
            ("stored", bytes(status.stored_bytes)),
        ]);
        if let Some(last) = status.last_sequence {
            page.line(format!(
                "the repository has everything up to sequence number {last}"
            ));
        }
    })?;
    Ok(Exit::Success)
}
