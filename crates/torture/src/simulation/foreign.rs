//! RocksDB's own backup engine, as far as a repository notices it (`utilities/backup/backup_engine.cc`).
//!
//! It works between two times of our clients, never beside them. It knows nothing below `stonekeep/`: neither holds nor claims nor
//! records of deletions. The order of its steps:
//! - create: the id after the largest in `meta/`; a directory `private/<id>` that is there already makes it collect garbage first; then
//!   shared files, private files, and last `meta/<id>`. It may be killed before any of them.
//! - delete: `meta/<id>` first, then garbage.
//! - garbage: each shared file that no meta file names, and each directory in `private/` that has no meta file.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use fastrand::Rng;
use stonekeep::BackupId;
use stonekeep::repo::loaded_meta::LoadedMeta;
use stonekeep::store::memory::MemoryStore;
use stonekeep::store::{Durability, Key, PutContent, PutMode};

use super::databases::DatabaseState;
use super::model::Model;
use super::peek::Peek;
use super::stored_backup::listed;

/// See the [module](self).
pub(super) struct Foreign<'a> {
    pub(super) memory: &'a MemoryStore,
    pub(super) model: &'a mut Model,
    pub(super) now: Duration,
    /// What it has done, for people.
    pub(super) said: Vec<String>,
}

impl Foreign<'_> {
    /// Does any of its verbs.
    ///
    /// # Errors
    /// Those of the memory.
    pub(super) fn act(&mut self, state: &Arc<DatabaseState>, rng: &mut Rng) -> Result<()> {
        let there: Vec<u32> = listed(self.memory).into_iter().collect();
        match rng.u8(0..4) {
            0 | 1 => {
                let steps = state.stored.len() + 1;
                let killed = rng.bool().then(|| rng.usize(0..steps));
                self.create(state, killed)
            }
            2 if !there.is_empty() => self.delete(there[rng.usize(0..there.len())]),
            _ => {
                self.said.push("garbage collection".to_owned());
                self.collect()
            }
        }
    }

    fn put(&self, key: &str, bytes: &[u8]) -> Result<()> {
        let (key, content) = (Key::new(key)?, PutContent::Bytes(bytes));
        self.memory
            .put("foreign", &key, content, PutMode::Replace, Durability::Durable)?;
        Ok(())
    }

    fn create(&mut self, state: &Arc<DatabaseState>, killed: Option<usize>) -> Result<()> {
        let id = listed(self.memory).last().map_or(1, |last| last + 1);
        let own = format!("private/{id}");
        if !self.memory.names(&own).is_empty() {
            self.collect()?;
        }
        let how = killed.map_or(String::new(), |at| format!(", killed before step {at}"));
        self.said.push(format!("backup {id}{how}"));
        for (step, (path, bytes)) in state.stored.iter().enumerate() {
            if killed == Some(step) {
                return Ok(());
            }
            let path = path.replacen("private/1/", &format!("{own}/"), 1);
            if !path.starts_with("shared") {
                self.put(&path, bytes)?;
            } else if self.memory.content(&path).is_none() {
                self.put(&path, bytes)?;
                self.model.orphans.insert(path, self.now);
            }
        }
        if killed.is_some() {
            return Ok(());
        }
        let meta = state.meta.replace("\nprivate/1/", &format!("\n{own}/"));
        self.put(&format!("meta/{id}"), meta.as_bytes())?;
        self.model.orphans.clear();
        self.model.replaced(id, state);
        Ok(())
    }

    fn delete(&mut self, id: u32) -> Result<()> {
        self.said.push(format!("deletion of backup {id}"));
        self.memory.delete_one(&Key::new(format!("meta/{id}"))?)?;
        self.model.removed(id);
        self.collect()
    }

    fn collect(&self) -> Result<()> {
        let there = listed(self.memory);
        let mut named = BTreeSet::new();
        for id in &there {
            let meta = self
                .memory
                .content(&format!("meta/{id}"))
                .context("a meta file is gone")?;
            let loaded = LoadedMeta::decode(BackupId::new(*id).context("no id")?, &meta)?;
            named.extend(loaded.meta.files.iter().map(|file| file.path.to_string()));
        }
        for name in self.memory.names("shared_checksum") {
            let path = format!("shared_checksum/{name}");
            if !named.contains(&path) {
                self.memory.delete_one(&Key::new(path)?)?;
            }
        }
        for directory in self.memory.list(Some(&Key::new("private")?))? {
            let id: Option<u32> = directory.name.parse().ok();
            if id.is_some_and(|id| there.contains(&id)) {
                continue;
            }
            let at = format!("private/{}", directory.name);
            for name in self.memory.names(&at) {
                self.memory.delete_one(&Key::new(format!("{at}/{name}"))?)?;
            }
        }
        Ok(())
    }
}
