//! What only a directory can be asked for: locks, links, clones, syncs, and how much room there is.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::fs::{FlockOperation, flock, ioctl_ficlone};
use rustix::io::Errno;

use super::LocalStore;
use crate::disk::file_system;
use crate::store::Room;
use crate::store::contract::Backend;
use crate::store::promise::{Promise, Verdict};
use crate::{IoContext, Key, Result};

impl LocalStore {
    /// Tries them in this directory, which is there.
    pub(super) fn examine_directory(&self, below: &Key) -> Result<Vec<Promise>> {
        let directory = self.tree.path(Some(below));
        let paths = ["first", "second"].map(|name| directory.join(name));
        let tried = self.try_files(&directory, &paths);
        for path in &paths {
            // One that was not made is not there.
            let _ = fs::remove_file(path);
        }
        tried
    }

    fn try_files(&self, directory: &Path, paths: &[std::path::PathBuf; 2]) -> Result<Vec<Promise>> {
        let [first, second] = paths;
        fs::write(first, b"a probe").context("writing", first)?;
        let file = File::open(first).context("opening", first)?;
        let synced = file.sync_all().and_then(|()| File::open(directory)?.sync_all());
        let mut promises = vec![
            file_system_of(self.magic()),
            locks(lock_twice(first)?),
            syncs(synced),
        ];
        promises.push(hard_links(fs::hard_link(first, second)));
        let _ = fs::remove_file(second);
        let clone = File::create(second).context("making", second)?;
        promises.push(reflinks(ioctl_ficlone(&clone, &file)));
        promises.push(free_space(self.room()));
        Ok(promises)
    }

    fn magic(&self) -> Option<u64> {
        let root = self.tree.find(None).ok().flatten()?;
        file_system::magic(&root).ok()
    }
}

/// Locks a file through a second descriptor, while it is locked through the first one.
fn lock_twice(path: &Path) -> Result<rustix::io::Result<()>> {
    let [held, other] = [
        File::open(path).context("opening", path)?,
        File::open(path).context("opening", path)?,
    ];
    Ok(flock(&held, FlockOperation::NonBlockingLockExclusive)
        .and_then(|()| flock(&other, FlockOperation::NonBlockingLockExclusive)))
}

fn file_system_of(magic: Option<u64>) -> Promise {
    const NAME: &str = "file system";
    match magic.and_then(file_system::find) {
        Some(known) => Promise::new(NAME, Verdict::Honoured, known.name),
        None => Promise::new(NAME, Verdict::Unknown, "of a kind that is not known")
            .with_consequence("nobody vouches for its locks and syncs"),
    }
}

fn locks(second: rustix::io::Result<()>) -> Promise {
    const NAME: &str = "locks";
    match second {
        Err(Errno::WOULDBLOCK) => {
            Promise::new(NAME, Verdict::Honoured, "one holder at a time, on this machine")
        }
        Ok(()) => Promise::new(NAME, Verdict::Ignored, "two holders at a time")
            .with_consequence("two writers may run at a time: make sure that only one does"),
        Err(error) => Promise::new(NAME, Verdict::Refused, error.to_string())
            .with_consequence("no backup can be made here"),
    }
}

fn syncs(synced: io::Result<()>) -> Promise {
    const NAME: &str = "syncs";
    match synced {
        Ok(()) => Promise::new(NAME, Verdict::Honoured, "files and directories"),
        Err(error) => Promise::new(NAME, Verdict::Refused, error.to_string())
            .with_consequence("a power failure may undo a backup that has been reported"),
    }
}

fn hard_links(linked: io::Result<()>) -> Promise {
    const NAME: &str = "hard links";
    match linked {
        Ok(()) => Promise::new(NAME, Verdict::Honoured, "two names of one file"),
        Err(error) => Promise::new(NAME, Verdict::Refused, error.to_string())
            .with_consequence("open copies whole backups"),
    }
}

fn reflinks(cloned: rustix::io::Result<()>) -> Promise {
    const NAME: &str = "reflinks";
    match cloned {
        Ok(()) => Promise::new(NAME, Verdict::Honoured, "files share their blocks"),
        Err(error) => Promise::new(NAME, Verdict::Refused, error.to_string())
            .with_consequence("backups copy the bytes of new tables"),
    }
}

fn free_space(room: Room) -> Promise {
    const NAME: &str = "free space";
    match (room.bytes, room.files) {
        (Some(bytes), Some(files)) => {
            Promise::new(NAME, Verdict::Honoured, format!("{bytes} bytes, {files} files"))
        }
        (Some(bytes), None) => Promise::new(NAME, Verdict::Honoured, format!("{bytes} bytes")),
        _ => Promise::new(NAME, Verdict::Unknown, "the file system does not tell"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: &str = "";

    #[test]
    fn each_answer_of_a_file_system_has_its_verdict_and_what_follows() {
        let (refused, fails) = (Errno::OPNOTSUPP, || io::Error::from(Errno::PERM));
        let room = |bytes, files| free_space(Room { bytes, files });
        for (promise, verdict, follows) in [
            (file_system_of(Some(0xEF53)), Verdict::Honoured, NOTHING),
            (file_system_of(Some(1)), Verdict::Unknown, "nobody vouches for"),
            (file_system_of(None), Verdict::Unknown, "nobody vouches for"),
            (locks(Err(Errno::WOULDBLOCK)), Verdict::Honoured, NOTHING),
            (locks(Ok(())), Verdict::Ignored, "two writers may run"),
            (
                locks(Err(Errno::NOLCK)),
                Verdict::Refused,
                "no backup can be made",
            ),
            (syncs(Ok(())), Verdict::Honoured, NOTHING),
            (syncs(Err(fails())), Verdict::Refused, "a power failure may undo"),
            (hard_links(Ok(())), Verdict::Honoured, NOTHING),
            (hard_links(Err(fails())), Verdict::Refused, "open copies whole"),
            (reflinks(Ok(())), Verdict::Honoured, NOTHING),
            (reflinks(Err(refused)), Verdict::Refused, "copy the bytes"),
            (room(Some(5), Some(7)), Verdict::Honoured, NOTHING),
            (room(Some(5), None), Verdict::Honoured, NOTHING),
            (room(None, Some(7)), Verdict::Unknown, NOTHING),
        ] {
            assert_eq!(promise.verdict, verdict, "{promise:?}");
            assert_eq!(promise.follows.is_empty(), follows.is_empty(), "{promise:?}");
            assert!(promise.follows.contains(follows), "{promise:?}");
            assert!(!promise.seen.is_empty(), "{promise:?}");
        }
        assert_eq!(room(Some(5), Some(7)).seen, "5 bytes, 7 files");
        assert!(syncs(Err(fails())).seen.contains("not permitted"));
    }
}
