//! The records of a backup under another id: only the paths of its private files, and what binds its records, change.

use std::iter;

use serde_json::Value;
use stonekeep_format::backup_meta::MetaFile;
use stonekeep_format::backup_name::RepoPath;
use stonekeep_format::{BackupId, Crc32c};

use crate::repo::checked_lines;
use crate::repo::layout;
use crate::repo::loaded_meta::LoadedMeta;
use crate::{Error, Result};

/// What binds records to a meta file: its checksum and its length.
pub(super) type Binding = (Crc32c, u64);

/// What binds records to a meta file with this text.
pub(super) fn binding(text: &[u8]) -> Binding {
    (Crc32c(crc32c::crc32c(text)), text.len() as u64)
}

/// The text of a meta file under another id. Fields that are not known here stay as they are.
///
/// # Errors
/// `Refused` if the text would say something else.
pub(super) fn meta(old: &LoadedMeta, text: &[u8], id: BackupId) -> Result<Vec<u8>> {
    let text = replace_in_lines(text, &private(old.id), &private(id));
    let new = LoadedMeta::decode(id, &text)?;
    let is_same = |(a, b): (&MetaFile, &MetaFile)| {
        let path = path(&a.path, id);
        path.as_ref() == Some(&b.path)
            && MetaFile {
                path: b.path.clone(),
                ..a.clone()
            } == *b
    };
    let files = old.meta.files.len() == new.meta.files.len()
        && old.meta.files.iter().zip(&new.meta.files).all(is_same);
    let (a, b) = (&old.meta, &new.meta);
    if files && a.head == b.head && a.footer_fields == b.footer_fields {
        Ok(text)
    } else {
        Err(Error::refused(format!(
            "{} cannot be written under another id",
            layout::meta(old.id)
        )))
    }
}

/// The path of a file under another id of its backup.
pub(super) fn path(path: &RepoPath, id: BackupId) -> Option<RepoPath> {
    match path {
        RepoPath::Private(name) => {
            let text = path.to_string();
            let name = text.strip_prefix(&private(name.backup()))?;
            RepoPath::parse(&format!("{}{name}", private(id)))
        }
        RepoPath::Shared(_) | RepoPath::SharedChecksum(_) => Some(path.clone()),
    }
}

/// The binding that a meta file with this text would have under no id: equal for one backup under two ids.
pub(super) fn binding_without_id(text: &[u8], id: BackupId) -> Binding {
    binding(&replace_in_lines(text, &private(id), ""))
}

/// The lines of facts for a meta file of this id and binding. What is not known here stays as it is.
///
/// # Errors
/// `Corrupt` for a text that is not that of facts.
pub(super) fn facts<'t>(
    name: &'t str,
    text: &'t [u8],
    (old, id): (BackupId, BackupId),
    (crc32c, size_bytes): Binding,
    durable: bool,
) -> Result<impl Iterator<Item = Result<Vec<u8>>> + 't> {
    let mut lines = checked_lines::lines(name, text)?;
    let mut head: Value = checked_lines::parse(name, lines.next().unwrap_or_default())?;
    let fields = [
        ("backup_id", Value::from(id.get())),
        ("meta_crc32c", Value::from(crc32c.0)),
        ("meta_size_bytes", Value::from(size_bytes)),
    ];
    for (field, value) in fields {
        *member(name, &mut head, field)? = value;
    }
    let is_durable = member(name, &mut head, "durable")?;
    *is_durable = Value::from(durable && *is_durable == true);
    let (from, to) = (private(old), private(id));
    let files = lines.map(move |line| {
        let mut file: Value = checked_lines::parse(name, line)?;
        let path = member(name, &mut file, "path")?;
        if let Some(rest) = path.as_str().and_then(|path| path.strip_prefix(&from)) {
            *path = Value::from(format!("{to}{rest}"));
        }
        checked_lines::line_of(&file)
    });
    Ok(iter::once(checked_lines::line_of(&head)).chain(files))
}

fn member<'v>(name: &str, value: &'v mut Value, field: &str) -> Result<&'v mut Value> {
    value
        .get_mut(field)
        .ok_or_else(|| Error::corrupt(name, format!("a line has no {field}")))
}

fn private(id: BackupId) -> String {
    format!("{}/", layout::private(id))
}

fn replace_in_lines(text: &[u8], old: &str, new: &str) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_prefix(old.as_bytes()) {
            Some(rest) => {
                replaced.extend_from_slice(new.as_bytes());
                replaced.extend_from_slice(rest);
            }
            None => replaced.extend_from_slice(line),
        }
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"schema_version 2.7\n1\n3\nmetadata 6162\nsome.field private/3/x\n3\n\
        shared_checksum/000001_s0W34WQC9EHOEMVZM8NTJ_3.sst crc32 1 size 3 new.field private/3/y\n\
        private/3/CURRENT crc32 2\nprivate/3/000007.log crc32 0 size 0\n// FOOTER\nlast.field z\n";

    fn id(id: u32) -> BackupId {
        BackupId::new(id).unwrap()
    }

    #[test]
    fn a_meta_file_under_another_id_differs_in_private_paths_alone() {
        let old = LoadedMeta::decode(id(3), TEXT).unwrap();
        let new = meta(&old, TEXT, id(4_000_000_000)).unwrap();
        let text = String::from_utf8(TEXT.to_vec()).unwrap();
        let expected = text.replace("\nprivate/3/", "\nprivate/4000000000/");
        assert_eq!(String::from_utf8(new.clone()).unwrap(), expected);
        assert_eq!(meta(&old, TEXT, id(3)).unwrap(), TEXT);
        let (a, b) = (
            binding_without_id(TEXT, id(3)),
            binding_without_id(&new, id(4_000_000_000)),
        );
        assert_eq!(a, b);
        assert_ne!(binding(TEXT), binding(&new));
    }
}
