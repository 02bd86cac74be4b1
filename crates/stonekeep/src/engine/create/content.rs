//! Files that are worth reading before they are copied: their bytes tell whether they are stored already, or their name.

use stonekeep_format::Crc32c;
use stonekeep_format::backup_name::{RepoPath, SharedName};

use super::context::Context;
use super::known::Known;
use super::plan::{Action, PlanFile, Target};
use super::source;
use super::stored::{self, Evidence, Found};
use crate::image::ImageFile;
use crate::parallel::run_bounded;
use crate::{Error, Phase, Result};

/// Reads the files that may be stored already, and says of each whether it is. Returns the places of those that became
/// shorter meanwhile, in ascending order.
pub(super) fn settle(
    context: &Context<'_>,
    images: &[ImageFile],
    planned: &mut [PlanFile],
    unsure: &[usize],
    known: &mut Known<'_>,
) -> Result<Vec<usize>> {
    let to_read = to_read(context, planned, unsure, known)?;
    let bytes = to_read.iter().filter_map(|at| planned.get(*at));
    let bytes = bytes.map(|file| file.size_bytes).sum();
    let meter = context.meter(Phase::Planning, (to_read.len() as u64, bytes));
    let files: &[PlanFile] = planned;
    let checksums = run_bounded(context.engine.workers(), to_read, |at| {
        let image = files.get(at).and_then(|file| images.get(file.index));
        let image = image.ok_or_else(|| Error::invalid("the plan is of another image"))?;
        match source::checksum(image, context.sources, &mut context.engine.read_buffer(), &meter) {
            Ok(crc32c) => Ok((at, Some(crc32c))),
            Err(error) if error.is_source_changed() => Ok((at, None)),
            Err(error) => Err(error),
        }
    })?;
    let mut short = Vec::new();
    for (at, crc32c) in checksums {
        match (crc32c, planned.get_mut(at)) {
            (Some(crc32c), Some(file)) => decide(file, known, crc32c)?,
            _ => short.push(at),
        }
    }
    Ok(short)
}

/// The places of the files to read.
fn to_read(
    context: &Context<'_>,
    planned: &[PlanFile],
    unsure: &[usize],
    known: &mut Known<'_>,
) -> Result<Vec<usize>> {
    let mut to_read = Vec::new();
    for (at, file) in planned.iter().enumerate() {
        let read = match file.action {
            // The callback is asked by name; and better to read a file twice than to write it for nothing.
            Action::Copy(Target::SharedByChecksum(number, kind)) => {
                context.options.exclude_files_callback.is_some()
                    || known.has_legacy_name(number, kind, file.size_bytes)?
            }
            _ => unsure.binary_search(&at).is_ok(),
        };
        if read {
            to_read.push(at);
        }
    }
    Ok(to_read)
}

fn decide(file: &mut PlanFile, known: &mut Known<'_>, crc32c: Crc32c) -> Result<()> {
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
