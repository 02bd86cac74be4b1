//! What a backup consists of in a repository, against the state that it was made of.

use std::collections::BTreeSet;

use stonekeep::BackupId;
use stonekeep::repo::loaded_meta::LoadedMeta;

use super::databases::DatabaseState;
use super::peek::Peek;

/// The backups that have a meta file.
pub(super) fn listed(peek: &dyn Peek) -> BTreeSet<u32> {
    peek.names("meta")
        .iter()
        .filter_map(|name| name.parse().ok())
        .collect()
}

/// A backup has all files of this state with their bytes, and no other.
pub(super) fn whole(peek: &dyn Peek, id: u32, state: &DatabaseState) -> Result<(), String> {
    let backup = BackupId::new(id).ok_or("no id")?;
    let meta = peek
        .content(&format!("meta/{id}"))
        .ok_or("its meta file is gone")?;
    let loaded = LoadedMeta::decode(backup, &meta).map_err(|error| error.one_line())?;
    if loaded.meta.files.len() != state.files.len() {
        return Err(format!(
            "it has {} files, not {}",
            loaded.meta.files.len(),
            state.files.len()
        ));
    }
    for file in &loaded.meta.files {
        let path = file.path.to_string();
        let content = peek.content(&path).ok_or_else(|| format!("{path} is gone"))?;
        let name = name_in_database(&path);
        let wanted = state
            .files
            .get(&name)
            .ok_or_else(|| format!("{path} is too much"))?;
        if *wanted != content {
            return Err(format!("{path} has other bytes"));
        }
    }
    Ok(())
}

/// What a file of a repository is called when it is restored.
fn name_in_database(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_shared = path.starts_with("shared_checksum/");
    match (name.split_once('_'), name.rsplit_once('.')) {
        (Some((number, _)), Some((_, extension))) if is_shared => format!("{number}.{extension}"),
        _ => name.to_owned(),
    }
}
