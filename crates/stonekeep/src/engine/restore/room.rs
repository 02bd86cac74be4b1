//! Step R1: whether the new state has room beside the old one.

use std::collections::BTreeMap;

use super::disk::{FreeSpace, TargetDisk};
use super::plan::Plan;
use super::site::{Area, Found, Site, Sites};
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
pub(super) fn look(plan: &Plan, sites: &Sites, disk: &dyn TargetDisk) -> Result<Room> {
    let all = weigh(sites, disk, |area, _, balance| {
        let writes = plan.writes.iter().filter(|write| write.area == area);
        balance.needed += writes.map(|write| write.file.size_bytes).sum::<u64>();
        balance.needed += included_bytes(plan, area);
        Ok(())
    })?;
    if all.values().all(|one| one.needed <= one.free) {
        return Ok(Room::Enough);
    }
    let systems = weigh(sites, disk, |area, site, balance| {
        balance.needed += needed_bytes(plan, area, site)?;
        balance.old += old_bytes(plan, area, site)?;
        Ok(())
    })?;
    let short: Vec<&Balance> = systems.values().filter(|one| one.needed > one.free).collect();
    let Some(first) = short.first() else {
        return Ok(Room::Enough);
    };
    let beside = if first.old > 0 { " beside the old ones" } else { "" };
    let message = format!(
        "{} has no room for the new files{beside}: {} bytes are needed, {} are free, {} are missing",
        sites.db().path().display(),
        first.needed,
        first.free,
        first.needed - first.free
    );
    let error = Error::refused(message);
    let enough_without_old = short
        .iter()
        .all(|one| one.needed <= one.free.saturating_add(one.old));
    Ok(match enough_without_old {
        true => Room::OnlyWithoutOld(error.with_hint(
            "free_old_files_first (--free-old-files-first) removes the old database before the new one is copied: \
             if the restore fails then, the old state is gone",
        )),
        false => Room::None(error.with_hint(
            "nothing at the target has changed; free some room there, or restore to another disk",
        )),
    })
}

/// The balance of each file system, to which `add` adds what is in one directory.
fn weigh(
    sites: &Sites,
    disk: &dyn TargetDisk,
    add: impl Fn(Area, &Site, &mut Balance) -> Result<()>,
) -> Result<BTreeMap<u64, Balance>> {
    let mut systems: BTreeMap<u64, Balance> = BTreeMap::new();
    for (area, site) in sites.all() {
        let space = free_space(disk, site)?;
        let balance = systems.entry(space.device).or_default();
        balance.free = space.free_bytes;
        add(area, site, balance)?;
    }
    Ok(systems)
}

/// Files that an earlier run has staged with the right length need no room, whether they are used or replaced.
fn needed_bytes(plan: &Plan, area: Area, site: &Site) -> Result<u64> {
    let mut needed = 0;
    for write in plan.writes.iter().filter(|write| write.area == area) {
        let staged = match site.look(&site.new_file(&write.name())?)? {
            Some(Found::File(stat)) => stat.size_bytes,
            _ => 0,
        };
        needed += write.file.size_bytes.saturating_sub(staged);
    }
    Ok(needed + included_bytes(plan, area))
}

fn included_bytes(plan: &Plan, area: Area) -> u64 {
    match area {
        Area::Db => plan.included.bytes(),
        Area::Wal => 0,
    }
}

fn old_bytes(plan: &Plan, area: Area, site: &Site) -> Result<u64> {
    let mut old = 0;
    for place in plan.old_files().filter(|place| place.area == area) {
        if let Some(Found::File(stat)) = site.look(&site.at(&place.path())?)? {
            old += stat.size_bytes;
        }
    }
    Ok(old)
}

/// Of the directory, or of the first one above it that is there.
pub(super) fn free_space(disk: &dyn TargetDisk, site: &Site) -> Result<FreeSpace> {
    let there = site.path().ancestors().find(|path| path.exists());
    disk.free_space(there.unwrap_or(site.path()))
}
