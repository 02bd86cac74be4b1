//! Copies, links and removes directories of test data.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rustix::fs::{Advice, fadvise};
use stonekeep_format::file_name::DbFileName;

/// Gives a directory the same files as another one, and so on below it. Tables become hard links, which are never written
/// through.
///
/// # Errors
/// Those of the file system.
pub(crate) fn twin(of: &Path, at: &Path) -> Result<()> {
    fs::create_dir_all(at)?;
    for entry in fs::read_dir(of)? {
        let entry = entry?;
        let (from, to) = (entry.path(), at.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            twin(&from, &to)?;
        } else if is_table(&from) {
            fs::hard_link(from, to)?;
        } else {
            fs::copy(from, to)?;
        }
    }
    Ok(())
}

/// The files of a closed database that a backup has, with their names.
///
/// # Errors
/// Those of the file system.
pub(crate) fn database_files(database: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(database).with_context(|| database.display().to_string())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let wanted = matches!(
            DbFileName::parse(&name),
            Some(DbFileName::Table { .. } | DbFileName::Manifest(_) | DbFileName::Options(_))
                | Some(DbFileName::Current | DbFileName::Wal(_))
        );
        if wanted {
            files.push((database.join(&name), name));
        }
    }
    Ok(files)
}

/// Makes a checkpoint of a closed database: hard links of the files that a backup has.
///
/// # Errors
/// Those of the file system.
pub(crate) fn checkpoint(of: &Path, at: &Path) -> Result<()> {
    fs::create_dir_all(at)?;
    for (path, name) in database_files(of)? {
        fs::hard_link(path, at.join(name))?;
    }
    Ok(())
}

/// Sees to it that there are so many tables below a directory.
///
/// # Errors
/// If there are not; those of the file system.
pub(crate) fn expect_tables(at: &Path, count: u64) -> Result<()> {
    let found = files(at)?.iter().filter(|path| is_table(path)).count() as u64;
    ensure!(found == count, "there are {found} tables, not {count}");
    Ok(())
}

/// Gives a directory another name, and its files no content, as far as they have no other name: their room is free, but
/// they are not deleted. For some minutes ext4 passes over every inode of a deleted file when it looks for a new one: whoever
/// comes after the deletion of thousands of files pays for it.
///
/// # Errors
/// Those of the file system.
pub(crate) fn put_aside(directory: &Path) -> Result<()> {
    let aside = |n: u32| directory.with_extension(n.to_string());
    let free = (1..).map(aside).find(|path| !path.exists());
    let free = free.context("no name is free")?;
    fs::rename(directory, &free)?;
    for path in files(&free)? {
        let file = File::options().write(true).open(path)?;
        if file.metadata()?.nlink() == 1 {
            file.set_len(0)?;
        }
    }
    Ok(())
}

/// Removes one table of so many.
///
/// # Errors
/// Those of the file system; if there is none to remove.
pub(crate) fn lose_tables(of: &Path, one_of: usize) -> Result<()> {
    let mut tables: Vec<PathBuf> = files(of)?;
    tables.retain(|path| is_table(path));
    tables.sort();
    ensure!(!tables.is_empty(), "there are no tables in {}", of.display());
    tables
        .iter()
        .step_by(one_of)
        .try_for_each(|table| Ok(fs::remove_file(table)?))
}

/// Lets the page cache forget all files below a directory; they have to be durable.
///
/// # Errors
/// Those of the file system.
pub(crate) fn forget(directory: &Path) -> Result<()> {
    rustix::fs::syncfs(File::open(directory)?)?;
    for path in files(directory)? {
        fadvise(File::open(path)?, 0, None, Advice::DontNeed)?;
    }
    Ok(())
}

/// Reads the first part of each table below a directory, one of so many.
///
/// # Errors
/// Those of the file system.
pub(crate) fn read_heads(directory: &Path, one_of: u64) -> Result<()> {
    for path in files(directory)?.iter().filter(|path| is_table(path)) {
        let file = File::open(path)?;
        let head = file.metadata()?.len() / one_of;
        // Else the kernel reads ahead, as much as the disk's settings say.
        fadvise(&file, 0, None, Advice::Random)?;
        std::io::copy(&mut file.take(head), &mut std::io::sink())?;
    }
    Ok(())
}

/// All files below a directory.
///
/// # Errors
/// Those of the file system.
pub(crate) fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut left) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                left.push(entry.path())
            } else {
                found.push(entry.path())
            }
        }
    }
    Ok(found)
}

fn is_table(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "sst")
}
