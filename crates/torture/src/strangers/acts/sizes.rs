//! Files that are larger than anything, or shorter than they must be, and very many of them.

use std::fs::{self, OpenOptions};

use anyhow::{Context as _, Result, ensure};

use super::ground::{Ground, content, directories, write};

/// From what can be read in the time of a trial to what no file can be larger than.
const SIZES: [u64; 4] = [64 << 20, 300 << 20, 1 << 40, i64::MAX as u64];
/// Beyond this, who reads a file is asked to end.
const READABLE: u64 = 1 << 30;

/// A file with a hole at its end.
pub(super) fn sparse(ground: &mut Ground<'_>) -> Result<String> {
    let root = ground.root();
    let path = ground.path_below(&root)?;
    ensure!(fs::symlink_metadata(&path)?.is_file(), "no file");
    let size = ground.one_of(&SIZES);
    OpenOptions::new().write(true).open(&path)?.set_len(size)?;
    ground.is_endless |= size > READABLE;
    Ok(format!("{size} bytes as {}", ground.shown(&path)))
}

/// A file that has lost its end, or everything.
pub(super) fn cut(ground: &mut Ground<'_>) -> Result<String> {
    let root = ground.root();
    let path = ground.path_below(&root)?;
    let size = fs::symlink_metadata(&path).context("no file")?.len();
    ensure!(fs::symlink_metadata(&path)?.is_file(), "no file");
    let kept = ground.rng.u64(0..=size);
    OpenOptions::new().write(true).open(&path)?.set_len(kept)?;
    Ok(format!("{kept} of {size} bytes of {}", ground.shown(&path)))
}

/// Directories in which there can be many files, with what their names look like.
const MANY_IN: [(&str, &str); 14] = [
    ("repository/meta", "#"),
    ("repository/private", "#/"),
    ("repository/private/1", "#.sst"),
    ("repository/shared_checksum", "#_sAAAAAAAAAAAAAAAAAAAA_9.sst"),
    ("repository/shared", "#.sst"),
    ("repository/stonekeep/backups", "#"),
    ("repository/stonekeep/ids", "#"),
    ("repository/stonekeep/files/1", "#"),
    ("repository/stonekeep/deleted", "#-00000000"),
    ("repository/stonekeep/pins", "0123456789abcdef-#"),
    ("repository/stonekeep/holds", "#-00000000"),
    ("repository/stonekeep/verified", "#"),
    ("repository/stonekeep/tmp", "#/"),
    ("database", "#.log"),
];

/// How many.
const MANY: u32 = 3_000;

/// Thousands of files, each with what a file beside it has.
pub(super) fn many(ground: &mut Ground<'_>) -> Result<String> {
    let (name, pattern) = ground.one_of(&MANY_IN);
    let directory = ground.site.room(name);
    directories(&ground.site.base().join("room"), &directory)?;
    let mut beside = fs::read_dir(&directory)?.flatten();
    let content = beside
        .find_map(|entry| content(&entry.path()).ok())
        .unwrap_or_default();
    for number in 0..MANY {
        let path = directory.join(pattern.replace('#', &(1_000 + number).to_string()));
        if pattern.ends_with('/') {
            fs::create_dir_all(path)?;
        } else {
            write(&path, &content)?;
        }
    }
    Ok(format!("{MANY} files of {} bytes in {name}", content.len()))
}
