//! Step C4 of a backup for shared files: final names, and what stands under a name that is taken.

use stonekeep_format::backup_name::RepoPath;

use super::commit::Commit;
use super::stored::harmed;
use crate::repo::{catalog, layout};
use crate::store::{self, Key, Staged};
use crate::{Error, ErrorKind, Result};

impl Commit<'_, '_> {
    /// C4 for shared files. A name that is taken is compared, and replaced only where no readable backup has it.
    pub(super) fn publish_shared(&self) -> Result<()> {
        let mut batch = Vec::new();
        for ready in &self.ready {
            if let (Some(path), Some(staged)) = (&ready.shared, &ready.staged) {
                batch.push((staged.clone(), layout::file(path)?));
            }
        }
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

    fn same_content(&self, staged: &Staged, key: &Key) -> Result<bool> {
        let wanted = self
            .ready
            .iter()
            .find(|ready| ready.staged.as_ref() == Some(staged))
            .map(|ready| ready.crc32c);
        match self.store().stat(key) {
            Ok(Some(stat)) if stat.size_bytes == staged.size_bytes => {
                let object = self.store().open(key)?;
                let found = store::checksum(object.as_ref(), key.as_str(), self.context.observer)?;
                let same = Some(found) == wanted;
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

    /// Nothing that a readable backup names is replaced, nor anything while some backup cannot be read.
    fn may_replace(&self, key: &Key) -> Result<()> {
        let path = RepoPath::parse(key.as_str());
        let path = path.ok_or_else(|| Error::invalid(format!("{key} is the name of no stored file")))?;
        let backups = self.known.backups_that_name(&path)?;
        if !backups.is_empty() {
            return Err(harmed(
                &path,
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
