//! A damaged meta file is written again by a repair, if the facts of its backup are whole.

use anyhow::{Context as _, Result, bail, ensure};
use stonekeep::engine::BackupEngine;
use stonekeep::format::backup_meta::BackupMeta;
use stonekeep::store::{Key, Store};
use stonekeep::{Quiet, VerifyWhat};

use super::damage::Changes;
use crate::budget::Report;
use crate::place::Place;
use crate::tree::Tree;
use crate::world::{World, id, options};

/// No file of a world is larger.
const LIMIT_BYTES: u64 = 1 << 30;

/// Repairs these files, a world with changes, without any other source.
pub(super) fn check(world: &World, files: &Tree, changes: &Changes, report: &mut Report) -> Result<()> {
    let is_damaged = |backup: &&u32| {
        let is_there = matches!(changes.get(&format!("meta/{backup}")), Some(Some(_)));
        let facts = format!("stonekeep/backups/{backup}");
        is_there && world.files.contains_key(&facts) && !changes.contains_key(&facts)
    };
    let damaged: Vec<u32> = world.needs.keys().filter(is_damaged).copied().collect();
    if damaged.is_empty() {
        return Ok(());
    }
    let place = Place::with(world.kind, files)?;
    let engine = BackupEngine::open(options(), place.store.clone())?;
    engine.repair(VerifyWhat::All, &[], &Quiet).context("repairing")?;
    for backup in &damaged {
        let name = format!("meta/{backup}");
        let (now, right) = (read(&place.store, &name)?, &world.files[&name]);
        if now == **right {
            report.count("damaged meta files that are written again");
            continue;
        }
        // Another engine may have made another backup under this id.
        let head = |text: &[u8]| Some(BackupMeta::decode(id(*backup).ok()?, text).ok()?.head);
        match (head(&now), head(right)) {
            (Some(now), Some(right)) if now != right => {
                report.count("meta files with another head, which stay")
            }
            _ => bail!("{name} is not written again"),
        }
    }
    for (name, bytes) in files {
        let is_of_run = name.starts_with("stonekeep/verified") || name.ends_with("lock");
        let is_meta = damaged.iter().any(|backup| *name == format!("meta/{backup}"));
        ensure!(
            is_of_run || is_meta || read(&place.store, name)? == **bytes,
            "the repair has changed {name}"
        );
    }
    Ok(())
}

fn read(store: &Store, name: &str) -> Result<Vec<u8>> {
    Ok(store.read(&Key::new(name)?, LIMIT_BYTES)?)
}
