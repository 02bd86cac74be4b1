//! Makes meta files and facts agree with what was changed, so that it is believed.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::Value;
use stonekeep::format::checksum::crc32c;
use stonekeep_testkit::sealed_text::seal;

use super::ground::{content, text, write};
use super::manifest;

/// After a listed file was changed, and perhaps renamed: every meta file that lists it lists what is there now. Whether facts follow or
/// stay behind is for the caller.
pub(super) fn list_again(repository: &Path, old: &str, new: &str, facts_follow: bool) -> Result<()> {
    let content = content(&repository.join(new))?;
    let (crc, size) = (crc32c(&content).0, content.len());
    for entry in fs::read_dir(repository.join("meta"))? {
        let path = entry?.path();
        let Ok(text) = text(&path) else {
            continue;
        };
        let listed = format!("{old} ");
        if !text.lines().any(|line| line.starts_with(&listed)) {
            continue;
        }
        let lines = text.lines().map(|line| match line.strip_prefix(&listed) {
            None => line.to_owned(),
            Some(fields) => format!("{new} {}", with_checksum(fields, crc)),
        });
        let text: String = lines.map(|line| line + "\n").collect();
        write(&path, &text)?;
        if facts_follow {
            follow(repository, &path, &mut |file| {
                if file["path"] == old {
                    file["path"] = new.into();
                    file["size_bytes"] = size.into();
                    file["crc32c"] = crc.into();
                }
            })?;
        }
    }
    Ok(())
}

fn with_checksum(fields: &str, crc: u32) -> String {
    let mut words: Vec<String> = fields.split(' ').map(str::to_owned).collect();
    if let Some(at) = words.iter().position(|word| word == "crc32")
        && let Some(number) = words.get_mut(at + 1)
    {
        *number = crc.to_string();
    }
    words.join(" ")
}

/// Makes the facts those of this meta file, as it is now.
pub(super) fn follow(repository: &Path, meta: &Path, each: &mut dyn FnMut(&mut Value)) -> Result<()> {
    let content = content(meta)?;
    let Some(id) = meta.file_name() else { return Ok(()) };
    let path = repository.join("stonekeep/backups").join(id);
    let Ok(text) = text(&path) else {
        return Ok(());
    };
    let mut changed = String::new();
    for line in text.lines() {
        let mut value: Value = serde_json::from_str(line)?;
        if value.get("stonekeep_facts").is_some() {
            value["meta_crc32c"] = crc32c(&content).0.into();
            value["meta_size_bytes"] = content.len().into();
        } else if value.get("end").is_none() {
            each(&mut value);
        }
        changed += &format!("{value}\n");
    }
    write(&path, seal(changed.as_bytes()))?;
    Ok(())
}

/// Gives a file new content. In the repository a shared file gets the name that goes with its size, and is listed; a table of a database
/// gets its size in the MANIFEST beside it.
pub(super) fn replace(repository: &Path, path: &Path, content: &[u8], facts_follow: bool) -> Result<()> {
    let Ok(name) = path.strip_prefix(repository) else {
        write(path, content)?;
        return in_manifest(path, content.len() as u64);
    };
    let old = name.to_string_lossy().into_owned();
    let new = with_size(&old, content.len());
    fs::remove_file(path)?;
    write(&repository.join(&new), content)?;
    list_again(repository, &old, &new, facts_follow)
}

/// The name that a shared file has with another size.
fn with_size(name: &str, size: usize) -> String {
    let Some((stem, extension)) = name.rsplit_once('.') else {
        return name.to_owned();
    };
    match stem.rsplit_once('_') {
        Some((front, _)) if name.starts_with("shared_checksum/") && front.contains('_') => {
            format!("{front}_{size}.{extension}")
        }
        _ => name.to_owned(),
    }
}

/// Every MANIFEST beside a table says this size of it.
fn in_manifest(table: &Path, size: u64) -> Result<()> {
    let (Some(directory), Some(stem)) = (table.parent(), table.file_stem()) else {
        return Ok(());
    };
    let Ok(number) = stem.to_string_lossy().parse::<u64>() else {
        return Ok(());
    };
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("MANIFEST"))
        {
            let changed = manifest::with_edits(&content(&path)?, &mut |edit| {
                let files = edit.new_files.iter_mut();
                files
                    .filter(|file| file.number.0 == number)
                    .for_each(|file| file.size_bytes = size);
            })?;
            write(&path, changed)?;
        }
    }
    Ok(())
}
