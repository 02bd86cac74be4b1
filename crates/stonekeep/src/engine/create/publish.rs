//! Step C4 of a backup for shared files: final names, and what has a name that is taken.

use stonekeep_format::Crc32c;
use stonekeep_format::backup_name::RepoPath;

use super::context::Context;
use super::decision::Action;
use super::namers::Namers;
use super::plan::Plan;
use crate::repo::layout;
use crate::store::{self, Key, Persist, PutMode, Upload};
use crate::{Error, ErrorKind, Result};

/// Gives shared files their names. What has a name that is taken is compared, and replaced where that harms no backup.
///
/// # Errors
/// `Corrupt` or `Refused` where it would harm one, and those of the store.
pub(super) fn shared(context: &Context<'_>, plan: &Plan<'_>) -> Result<()> {
    let (store, durability) = (context.store(), context.engine.durability());
    let mut batch = Vec::new();
    for file in &plan.files {
        if let Action::Publish(file) = &file.decision.action
            && let Some(path) = &file.path
        {
            batch.push((file.staged.clone(), layout::file(path)?));
        }
    }
    let taken = store.finish(batch, PutMode::IfAbsent, durability)?;
    let mut replace = Vec::new();
    for (staged, key) in taken {
        let mut ready = plan.files.iter().filter_map(|file| file.ready());
        let ready = ready.find(|ready| ready.staged == Some(&staged));
        let crc32c = ready.map(|ready| ready.crc32c);
        if !has_same_content(context, &staged, &key, crc32c)? {
            may_replace(context, &key, crc32c)?;
            replace.push((staged, key));
        }
    }
    store.finish(replace, PutMode::Replace, durability).map(drop)
}

fn has_same_content(
    context: &Context<'_>,
    staged: &Upload,
    key: &Key,
    wanted: Option<Crc32c>,
) -> Result<bool> {
    let store = context.store();
    match store.stat(key) {
        Ok(Some(stat)) if stat.size_bytes == staged.size_bytes => {
            let object = store.open(key)?;
            let found = store::checksum(object.as_ref(), key.as_str(), context.observer)?;
            let same = Some(found) == wanted;
            if same {
                store.persist(
                    Persist::Files(std::slice::from_ref(key)),
                    context.engine.durability(),
                )?;
            }
            Ok(same)
        }
        Ok(_) => Ok(false),
        Err(error) if error.kind() == ErrorKind::Corrupt => Ok(false),
        Err(error) => Err(error),
    }
}

/// What backups name is replaced only by what all of them mean; nothing is, while some backup cannot be read.
fn may_replace(context: &Context<'_>, key: &Key, crc32c: Option<Crc32c>) -> Result<()> {
    let path = RepoPath::parse(key.as_str());
    let path = path.ok_or_else(|| Error::invalid(format!("{key} is not the name of a stored file")))?;
    let namers = Namers::read(context.store(), &path)?;
    if crc32c.is_some_and(|crc32c| namers.agree_on(crc32c)) {
        Ok(())
    } else {
        Err(namers.harmed(&path, "has another content than the database's file"))
    }
}
