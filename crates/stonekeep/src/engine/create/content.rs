//! Files that are worth reading before they are copied: their bytes tell whether they are stored already, or their name.

use stonekeep_format::Crc32c;
use stonekeep_format::backup_name::{RepoPath, SharedName};

use super::copy;
use super::known::Known;
use super::plan::{Action, Plan, Target};
use super::run::Run;
use super::stored::{self, Evidence, Found};
use crate::engine::transfer::run_bounded;
use crate::{Error, Phase, Result};

/// Reads the files that may be stored already, and says of each whether it is.
pub(super) fn settle(run: &Run<'_>, plan: &mut Plan, known: &mut Known<'_>) -> Result<()> {
    let unsure = unsure(run, plan, known)?;
    let bytes = unsure.iter().map(|(_, file)| run.size(*file)).sum();
    let meter = run.meter(Phase::Planning, (unsure.len() as u64, bytes));
    let checksums = run_bounded(run.engine.workers(), unsure, |(at, index)| {
        let image = run.image().files.get(index);
        let image = image.ok_or_else(|| Error::invalid("the plan is of another image"))?;
        Ok((at, copy::checksum(image, run.engine.io_buffer_bytes(), &meter)?))
    })?;
    for (at, crc32c) in checksums {
        decide(plan, known, at, crc32c)?;
    }
    Ok(())
}

/// The files to read, by their places in plan and image.
fn unsure(run: &Run<'_>, plan: &Plan, known: &mut Known<'_>) -> Result<Vec<(usize, usize)>> {
    let mut unsure = Vec::new();
    for (at, file) in plan.files.iter().enumerate() {
        let read = match file.action {
            // The callback is asked by name; and better to read a file twice than to write it for nothing.
            Action::Copy(Target::SharedByChecksum(number, kind)) => {
                run.options.exclude_files_callback.is_some()
                    || known.has_legacy_name(number, kind, file.size_bytes)?
            }
            _ => plan.unsure.binary_search(&at).is_ok(),
        };
        if read {
            unsure.push((at, file.index));
        }
    }
    Ok(unsure)
}

fn decide(plan: &mut Plan, known: &mut Known<'_>, at: usize, crc32c: Crc32c) -> Result<()> {
    let Some(file) = plan.files.get_mut(at) else {
        return Ok(());
    };
    let path = match &file.action {
        Action::Copy(Target::Shared(path)) => path.clone(),
        Action::Copy(Target::SharedByChecksum(number, kind)) => {
            RepoPath::SharedChecksum(SharedName::legacy(*number, *kind, crc32c, file.size_bytes))
        }
        _ => return Ok(()),
    };
    let evidence = Evidence {
        crc32c: Some(crc32c),
        read: true,
        name_proves: false,
    };
    file.action = match stored::find(known, &path, file.size_bytes, evidence)? {
        Found::Same { crc32c, durable } => Action::Reuse {
            path,
            crc32c,
            durable,
        },
        Found::Nothing | Found::Unsure => Action::Copy(Target::Shared(path)),
    };
    Ok(())
}
