//! Step C4 of a backup for shared files: final names, and what stands under a name that is taken.

use stonekeep_format::Crc32c;

use super::commit::Commit;
use super::plan::harmed;
use crate::repo::{catalog, layout};
use crate::store::{Durability, Key, ObjectReader, Staged};
use crate::{Error, ErrorKind, Result};

impl Commit<'_, '_> {
    /// C4 for shared files. A name that is taken is compared, and replaced only where no readable backup has it.
    pub(super) fn publish_shared(&mut self) -> Result<()> {
        let mut batch = Vec::new();
        for ready in &self.ready {
            if let (Some(path), Some(staged)) = (&ready.shared, &ready.staged) {
                batch.push((staged.clone(), layout::file(path)?));
            }
        }
        self.sync_staged_before(&batch)?;
        let taken = self.store().publish(batch, self.durability())?;
        if taken.is_empty() {
            return Ok(());
        }
        let mut replace = Vec::new();
        for (staged, key) in taken {
            if !self.same_content(&staged, &key)? {
                self.may_replace(&key)?;
                replace.push((staged, key));
            }
        }
        for (_, key) in &replace {
            self.store().delete(key)?;
        }
        match self.store().publish(replace, self.durability())?.first() {
            Some((_, key)) => Err(Error::refused(format!("{key} appeared while it was replaced"))
                .with_hint("another program writes into this repository; back up again when it has ended")),
            None => Ok(()),
        }
    }

    /// What an earlier run staged with `sync = false` is made durable now, if this run is to be.
    fn sync_staged_before(&self, batch: &[(Staged, Key)]) -> Result<()> {
        let late = |staged: &Staged| {
            self.ready
                .iter()
                .any(|ready| !ready.durable && ready.staged.as_ref() == Some(staged))
        };
        if self.durability() == Durability::Buffered || self.ready.iter().all(|ready| ready.durable) {
            return Ok(());
        }
        let staged: Vec<Staged> = batch
            .iter()
            .map(|(staged, _)| staged)
            .filter(|staged| late(staged))
            .cloned()
            .collect();
        if staged.is_empty() {
            Ok(())
        } else {
            self.store().sync(&staged, self.durability())
        }
    }

    fn same_content(&self, staged: &Staged, key: &Key) -> Result<bool> {
        let wanted = self
            .ready
            .iter()
            .find(|ready| ready.staged.as_ref() == Some(staged))
            .map(|ready| ready.crc32c);
        match self.store().stat(key) {
            Ok(Some(stat)) if stat.size_bytes == staged.size_bytes => {
                let same = Some(self.stored_checksum(key)?) == wanted;
                if same {
                    self.store()
                        .sync_visible(std::slice::from_ref(key), self.durability())?;
                }
                Ok(same)
            }
            Ok(_) => Ok(false),
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn stored_checksum(&self, key: &Key) -> Result<Crc32c> {
        let object = self.store().open(key)?;
        let mut reader = ObjectReader::new(object.as_ref());
        let (mut buffer, mut crc) = (vec![0; self.engine.io_buffer_bytes()], 0);
        loop {
            match std::io::Read::read(&mut reader, &mut buffer) {
                Ok(0) => return Ok(Crc32c(crc)),
                Ok(count) => crc = crc32c::crc32c_append(crc, buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(format!("reading {key}"), error)),
            }
        }
    }

    /// Nothing that a readable backup names is replaced, nor anything while some backup cannot be read.
    fn may_replace(&self, key: &Key) -> Result<()> {
        let backups = self.known.backups_that_name(key.as_str())?;
        if !backups.is_empty() {
            return Err(harmed(
                key.as_str(),
                "has another content than the database's file",
                &backups,
            ));
        }
        let mut unreadable = Vec::new();
        for id in catalog::list(self.store())?.ids {
            if let catalog::MetaState::Unreadable(id, _) = catalog::load(self.store(), id)? {
                unreadable.push(id.to_string());
            }
        }
        match unreadable.is_empty() {
            true => Ok(()),
            false => Err(Error::refused(format!(
                "{key} has another content than the database's file, and may belong to a backup that cannot be read: {}",
                unreadable.join(", ")
            ))
            .with_hint("delete the unreadable backups, then back up again")),
        }
    }
}
