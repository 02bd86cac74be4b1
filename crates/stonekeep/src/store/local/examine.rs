//! What only a directory can be asked for: locks, links, clones, syncs, and how much room there is.

use std::fs::{self, File};
use std::path::Path;

use rustix::fs::{FlockOperation, flock, ioctl_ficlone};
use rustix::io::Errno;

use super::LocalStore;
use crate::disk::file_system;
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
        let syncs = match synced {
            Ok(()) => Promise::new("syncs", Verdict::Honoured, "files and directories"),
            Err(error) => Promise::new("syncs", Verdict::Refused, error.to_string())
                .with_consequence("a power failure may undo a backup that has been reported"),
        };
        let mut promises = vec![self.file_system(), locks(first)?, syncs];
        promises.push(match fs::hard_link(first, second) {
            Ok(()) => Promise::new("hard links", Verdict::Honoured, "two names of one file"),
            Err(error) => Promise::new("hard links", Verdict::Refused, error.to_string())
                .with_consequence("open copies whole backups"),
        });
        let _ = fs::remove_file(second);
        promises.push(clones(&file, second)?);
        promises.push(self.free_space());
        Ok(promises)
    }

    fn file_system(&self) -> Promise {
        const NAME: &str = "file system";
        let magic = self
            .tree
            .find(None)
            .ok()
            .flatten()
            .and_then(|root| file_system::magic(&root).ok());
        match magic.and_then(file_system::find) {
            Some(known) => Promise::new(NAME, Verdict::Honoured, known.name),
            None => Promise::new(NAME, Verdict::Unknown, "of a kind that is not known")
                .with_consequence("nobody vouches for its locks and syncs"),
        }
    }

    fn free_space(&self) -> Promise {
        let room = self.room();
        let seen = match (room.bytes, room.files) {
            (Some(bytes), Some(files)) => format!("{bytes} bytes, {files} files"),
            (Some(bytes), None) => format!("{bytes} bytes"),
            _ => return Promise::new("free space", Verdict::Unknown, "the file system does not tell"),
        };
        Promise::new("free space", Verdict::Honoured, seen)
    }
}

fn locks(path: &Path) -> Result<Promise> {
    const NAME: &str = "locks";
    let [held, other] = [
        File::open(path).context("opening", path)?,
        File::open(path).context("opening", path)?,
    ];
    let both = flock(&held, FlockOperation::NonBlockingLockExclusive)
        .and_then(|()| flock(&other, FlockOperation::NonBlockingLockExclusive));
    Ok(match both {
        Err(Errno::WOULDBLOCK) => {
            Promise::new(NAME, Verdict::Honoured, "one holder at a time, on this machine")
        }
        Ok(()) => Promise::new(NAME, Verdict::Ignored, "two holders at a time")
            .with_consequence("two writers may run at a time: make sure that only one does"),
        Err(error) => Promise::new(NAME, Verdict::Refused, error.to_string())
            .with_consequence("no backup can be made here"),
    })
}

fn clones(source: &File, at: &Path) -> Result<Promise> {
    let target = File::create(at).context("making", at)?;
    Ok(match ioctl_ficlone(&target, source) {
        Ok(()) => Promise::new("reflinks", Verdict::Honoured, "files share their blocks"),
        Err(error) => Promise::new("reflinks", Verdict::Refused, error.to_string())
            .with_consequence("backups copy the bytes of new tables"),
    })
}
