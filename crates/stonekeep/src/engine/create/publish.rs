//! Step C4 of a backup for shared files: final names, and what stands under a name that is taken.

use stonekeep_format::Crc32c;
use stonekeep_format::backup_name::RepoPath;

use super::commit::Commit;
use super::namers::Namers;
use crate::repo::layout;
use crate::store::{self, Key, Staged};
use crate::{Error, ErrorKind, Result};

impl Commit<'_, '_> {
    /// C4 for shared files. A name that is taken is compared; what has it is replaced where that harms no backup.
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
            let mut ready = self.ready.iter();
            let ready = ready.find(|ready| ready.staged.as_ref() == Some(&staged));
            let crc32c = ready.map(|ready| ready.crc32c);
            if !self.same_content(&staged, &key, crc32c)? {
                self.may_replace(&key, crc32c)?;
                replace.push((staged, key));
            }
        }
        for (staged, key) in replace {
            self.store().replace(&staged, &key, self.durability())?;
        }
        Ok(())
    }

    fn same_content(&self, staged: &Staged, key: &Key, wanted: Option<Crc32c>) -> Result<bool> {
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

    /// What backups name is replaced only by what all of them mean; nothing is, while some backup cannot be read.
    fn may_replace(&self, key: &Key, crc32c: Option<Crc32c>) -> Result<()> {
        let path = RepoPath::parse(key.as_str());
        let path = path.ok_or_else(|| Error::invalid(format!("{key} is the name of no stored file")))?;
        let namers = Namers::read(self.store(), &path)?;
        match crc32c.is_some_and(|crc32c| namers.agree_on(crc32c)) {
            true => Ok(()),
            false => Err(namers.harmed(&path, "has another content than the database's file")),
        }
    }
}
