//! Names that have the checksum of the content in them: what is worth reading before it is copied.

use stonekeep_format::Crc32c;
use stonekeep_format::backup_name::{RepoPath, SharedName};

use super::copy;
use super::known::Known;
use super::plan::{Action, Plan, Target};
use super::run::Run;
use crate::engine::transfer::{Meter, run_bounded};
use crate::repo::layout;
use crate::store::EntryKind;
use crate::{Error, Phase, Result};

/// Files whose name has their checksum in it, and that may be stored already, are read for it first: better than to
/// write them for nothing.
pub(super) fn name_by_content(run: &Run<'_>, plan: &mut Plan, known: &mut Known<'_>) -> Result<()> {
    let unnamed = unnamed_but_maybe_stored(plan, known)?;
    let bytes = unnamed.iter().map(|file| file.size_bytes).sum();
    let options = run.engine.options();
    let meter = Meter::start(
        run.observer,
        options.clock.as_ref(),
        &options.backup_rate_limiter,
        Phase::Planning,
        options.callback_trigger_interval_size_bytes,
        (unnamed.len() as u64, bytes),
    );
    let checksums = run_bounded(run.engine.workers(), unnamed, |file| {
        let image = run.image().files.get(file.index);
        let image = image.ok_or_else(|| Error::invalid("the plan is of another image"))?;
        let crc32c = copy::checksum(image, run.engine.io_buffer_bytes(), &meter)?;
        Ok((file.at, crc32c))
    })?;
    for (at, crc32c) in checksums {
        name(plan, known, at, crc32c)?;
    }
    Ok(())
}

fn name(plan: &mut Plan, known: &mut Known<'_>, at: usize, crc32c: Crc32c) -> Result<()> {
    let Some(file) = plan.files.get_mut(at) else {
        return Ok(());
    };
    let Action::Copy(Target::SharedByChecksum(number, kind)) = file.action else {
        return Ok(());
    };
    let path = RepoPath::SharedChecksum(SharedName::legacy(number, kind, crc32c, file.size_bytes));
    let stored = known.stored(&path.to_string())?;
    let present = known.presence.get(&layout::file(&path)?)?;
    let size = Some((EntryKind::File, file.size_bytes));
    file.action = match stored.filter(|stored| stored.crc32c == Some(crc32c) && present == size) {
        Some(stored) => Action::Reuse {
            path,
            crc32c,
            durable: stored.durable,
        },
        None => Action::Copy(Target::Shared(path)),
    };
    Ok(())
}

/// A file to read for its name.
struct Unnamed {
    at: usize,
    index: usize,
    size_bytes: u64,
}

/// Files without a name yet of which a stored one with the same number and size may be a copy.
fn unnamed_but_maybe_stored(plan: &Plan, known: &mut Known<'_>) -> Result<Vec<Unnamed>> {
    let mut unnamed = Vec::new();
    for (at, file) in plan.files.iter().enumerate() {
        let Action::Copy(Target::SharedByChecksum(number, kind)) = file.action else {
            continue;
        };
        if known.has_legacy_name(number, kind, file.size_bytes)? {
            unnamed.push(Unnamed {
                at,
                index: file.index,
                size_bytes: file.size_bytes,
            });
        }
    }
    Ok(unnamed)
}
