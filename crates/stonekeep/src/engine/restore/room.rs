//! Step R1: whether the new state has room beside the old one.

use std::collections::BTreeMap;

use super::plan::Plan;
use crate::target::{TargetDirectories, TargetDirectory, TargetDisk, TargetEntry, TargetPath};
use crate::{Error, Result};

/// Bytes that are missing on one file system.
#[derive(Debug, Clone, Copy, Default)]
struct Balance {
    needed: u64,
    free: u64,
    /// What removing the old state's files would give back.
    old: u64,
}

/// Whether there is room.
#[derive(Debug)]
pub(super) enum Room {
    /// There is.
    Enough,
    /// There is, once the old state's files are gone.
    OnlyWithoutOld(Error),
    /// There is not.
    None(Error),
}

/// Compares what is to be written with what is free, on every file system concerned.
///
/// # Errors
/// I/O errors. That there is no room is an answer.
pub(super) fn look(plan: &Plan, targets: &TargetDirectories, disk: &TargetDisk) -> Result<Room> {
    // What is staged already is looked at only where room is short.
    if weigh(plan, targets, disk, false)?
        .values()
        .all(|one| one.needed <= one.free)
    {
        return Ok(Room::Enough);
    }
    let systems = weigh(plan, targets, disk, true)?;
    let short: Vec<&Balance> = systems.values().filter(|one| one.needed > one.free).collect();
    let Some(first) = short.first() else {
        return Ok(Room::Enough);
    };
    let beside = if first.old > 0 { " beside the old ones" } else { "" };
    let message = format!(
        "{} has no room for the new files{beside}: {} bytes are needed, {} are free, {} are missing",
        targets.db().path().display(),
        first.needed,
        first.free,
        first.needed - first.free
    );
    let error = Error::refused(message);
    let enough_without_old = short
        .iter()
        .all(|one| one.needed <= one.free.saturating_add(one.old));
    Ok(if enough_without_old {
        Room::OnlyWithoutOld(error.with_hint(
            "free_old_files_first (--free-old-files-first) removes the old database before the new one is copied: \
             if the restore fails then, the old state is gone",
        ))
    } else {
        Room::None(
            error.with_hint(
                "nothing at the target has changed; free some room there, or restore to another disk",
            ),
        )
    })
}

/// The balance of each file system. Exactly, files that an earlier run has staged with the right length need no room,
/// whether they are used or replaced, and the old files are counted.
fn weigh(
    plan: &Plan,
    targets: &TargetDirectories,
    disk: &TargetDisk,
    exactly: bool,
) -> Result<BTreeMap<u64, Balance>> {
    let mut systems: BTreeMap<u64, Balance> = BTreeMap::new();
    for (area, target) in targets.all() {
        let space = disk.free_space(target.path())?;
        let balance = systems.entry(space.device).or_default();
        balance.free = space.free_bytes;
        for write in plan.writes.iter().filter(|write| write.to.area == area) {
            let staged = if exactly {
                size_of(target, &target.new_file(&write.to.staged_name())?)?
            } else {
                0
            };
            balance.needed += write.content.size_bytes.saturating_sub(staged);
        }
        let old = plan
            .record
            .old_files()
            .filter(|file| exactly && file.area == area);
        for file in old {
            balance.old += size_of(target, &target.at(&file.path())?)?;
        }
    }
    Ok(systems)
}

fn size_of(target: &TargetDirectory, at: &TargetPath) -> Result<u64> {
    Ok(match target.look(at)? {
        Some(TargetEntry::File { size_bytes }) => size_bytes,
        _ => 0,
    })
}
