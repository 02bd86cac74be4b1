//! The measured work, done by a bare program of two threads that does only what is necessary.
//!
//! It copies and checksums the same files through small buffers and makes them durable, or reads them. It has no
//! meta files, no names to find out, nothing to be careful about.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::{Context, Result, anyhow, bail};
use stonekeep_format::backup_name::RepoPath;

use super::{Done, Flush, Keep, Task};
use crate::data::directory::database_files;
use crate::measure::measure;

const THREADS: usize = 2;
const FLUSHERS: usize = 8;
/// What was read is still in the processor's nearest caches when it is hashed and written.
const BUFFER_BYTES: usize = 128 << 10;

/// A file to be read, and where it is copied to, if it is.
struct Item {
    from: PathBuf,
    to: Option<PathBuf>,
}

/// Does it.
pub(super) fn work(flush: Flush, task: &Task) -> Result<Done> {
    let (items, figures) = measure(|| match task {
        Task::Backup { database, repository } => {
            fs::create_dir_all(repository)?;
            let items = copies(database_files(database)?, repository);
            let count = items.len();
            move_bytes(items, Some((repository, flush))).map(|()| count)
        }
        Task::Restore {
            repository,
            target,
            keep,
        } => {
            fs::create_dir_all(target)?;
            let files = backup_files(repository)?;
            let count = files.len();
            move_bytes(restored(files, target, *keep), Some((target, flush))).map(|()| count)
        }
        Task::Verify { repository } => {
            let files = backup_files(repository)?.into_iter();
            let items: Vec<Item> = files.map(|(from, _)| Item { from, to: None }).collect();
            let count = items.len();
            move_bytes(items, None).map(|()| count)
        }
        other => bail!("a bare program has nothing for {other:?}"),
    })?;
    let items = items as u64;
    Ok(Done { items, figures })
}

/// The files of the latest backup, with the names that they are restored under.
fn backup_files(repository: &Path) -> Result<Vec<(PathBuf, String)>> {
    let metas = fs::read_dir(repository.join("meta"))?;
    let ids = metas.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let newest = ids.max().ok_or_else(|| anyhow!("there is no backup"))?;
    let text = fs::read_to_string(repository.join(format!("meta/{newest}")))?;
    let paths = text.lines().filter_map(|line| line.split(' ').next());
    let parsed = paths.filter_map(|path| Some((repository.join(path), RepoPath::parse(path)?)));
    Ok(parsed
        .map(|(path, parsed)| (path, parsed.restored_name().to_string()))
        .collect())
}

fn copies(files: Vec<(PathBuf, String)>, directory: &Path) -> Vec<Item> {
    let to = |name: String| Some(directory.join(name));
    files
        .into_iter()
        .map(|(from, name)| Item { from, to: to(name) })
        .collect()
}

/// Files that are at the target are read there, unless they are identified by their session.
fn restored(files: Vec<(PathBuf, String)>, target: &Path, keep: Keep) -> Vec<Item> {
    let mut items = Vec::new();
    for (from, name) in files {
        let to = target.join(&name);
        let is_table = name.ends_with(".sst");
        match keep {
            Keep::ByChecksum if is_table && to.exists() => items.push(Item { from: to, to: None }),
            Keep::BySession if is_table && to.exists() => {}
            _ => items.push(Item { from, to: Some(to) }),
        }
    }
    items
}

/// Reads all of them, copies those that are to be copied, and makes these durable.
fn move_bytes(items: Vec<Item>, durable: Option<(&Path, Flush)>) -> Result<()> {
    let queue = Mutex::new(items.into_iter());
    let next = || queue.lock().ok()?.next();
    // Looking at the sum keeps the checksums from being left out.
    let sum = AtomicU64::new(0);
    let copy_all = |flush: Option<SyncSender<File>>| -> Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES];
        while let Some(item) = next() {
            let (crc32c, copy) = read(&item, &mut buffer)?;
            sum.fetch_add(u64::from(crc32c), Ordering::Relaxed);
            if let (Some(copy), Some(flush)) = (copy, &flush) {
                flush.send(copy)?;
            }
        }
        Ok(())
    };
    match durable {
        Some((_, Flush::Fdatasync)) => with_flushers(&copy_all)?,
        _ => in_threads(|| copy_all(None))?,
    }
    if let Some((directory, flush)) = durable {
        let directory = File::open(directory)?;
        match flush {
            Flush::Syncfs => rustix::fs::syncfs(directory)?,
            Flush::Fdatasync => rustix::fs::fsync(directory)?,
        }
    }
    std::hint::black_box(sum.into_inner());
    Ok(())
}

fn read(item: &Item, buffer: &mut [u8]) -> Result<(u32, Option<File>)> {
    let context = || item.from.display().to_string();
    let mut from = File::open(&item.from).with_context(context)?;
    let mut to = item
        .to
        .as_ref()
        .map(File::create)
        .transpose()
        .with_context(context)?;
    let mut crc32c = 0;
    loop {
        let count = from.read(buffer).with_context(context)?;
        let Some(part) = buffer.get(..count).filter(|part| !part.is_empty()) else {
            return Ok((crc32c, to));
        };
        crc32c = crc32c::crc32c_append(crc32c, part);
        if let Some(to) = &mut to {
            to.write_all(part).with_context(context)?;
        }
    }
}

fn with_flushers(copy_all: &(impl Fn(Option<SyncSender<File>>) -> Result<()> + Sync)) -> Result<()> {
    let (sender, receiver) = sync_channel::<File>(FLUSHERS);
    let receiver = Mutex::new(receiver);
    std::thread::scope(|scope| {
        let flushers: Vec<_> = (0..FLUSHERS)
            .map(|_| scope.spawn(|| flush_all(&receiver)))
            .collect();
        let copied = in_threads(|| copy_all(Some(sender.clone())));
        drop(sender);
        for flusher in flushers {
            flusher.join().map_err(|_| anyhow!("a flusher panicked"))??;
        }
        copied
    })
}

fn flush_all(files: &Mutex<Receiver<File>>) -> Result<()> {
    let next = || files.lock().ok()?.recv().ok();
    while let Some(file) = next() {
        rustix::fs::fdatasync(file)?;
    }
    Ok(())
}

fn in_threads(work: impl Fn() -> Result<()> + Sync) -> Result<()> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(&work)).collect();
        let mut threads = threads.into_iter();
        threads.try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
    })
}
