//! Writing to the disk while more is still being copied.
//!
//! The kernel would keep written pages in memory for up to half a minute, and the sync at the end would have to wait for all
//! of them. So every few megabytes, and at the end of each file, the kernel is advised that they are not needed any more
//! (`POSIX_FADV_DONTNEED`): it begins to write them at once without waiting, and drops those that are clean. Each worker does
//! so for its own files, where one sync of all would write them in one thread. Nothing depends on the advice: the sync that
//! follows reports a failed write, as any other.

use std::fs::File;
use std::num::NonZeroU64;

use rustix::fs::Advice;

use super::directory::Directory;

/// The number of bytes after which the kernel is advised to write them.
const PIECE_BYTES: u64 = 8 << 20;

/// How far the kernel has been advised to write a new file.
#[derive(Debug, Default)]
pub(crate) struct WriteBack {
    begun_bytes: u64,
    /// The file system is in memory: there is nothing to write back.
    in_memory: bool,
}

impl WriteBack {
    /// For a file in this directory whose first bytes are being written already.
    pub(crate) fn of(directory: &Directory, begun_bytes: u64) -> Self {
        WriteBack {
            begun_bytes,
            in_memory: directory.is_in_memory(),
        }
    }

    /// The number of bytes that the kernel has been advised to write.
    pub(super) fn begun_bytes(&self) -> u64 {
        self.begun_bytes
    }

    /// After so many bytes of the file have been written.
    pub(crate) fn wrote(&mut self, file: &File, written_bytes: u64) {
        if written_bytes.saturating_sub(self.begun_bytes) >= PIECE_BYTES {
            self.begin(file, written_bytes);
        }
    }

    /// After the whole file has been written.
    pub(crate) fn wrote_all(&mut self, file: &File, written_bytes: u64) {
        self.begin(file, written_bytes);
    }

    fn begin(&mut self, file: &File, written_bytes: u64) {
        let new_bytes = written_bytes.saturating_sub(self.begun_bytes);
        let begun_bytes = std::mem::replace(&mut self.begun_bytes, written_bytes);
        if self.in_memory {
            return;
        }
        if let Err(errno) =
            rustix::fs::fadvise(file, begun_bytes, NonZeroU64::new(new_bytes), Advice::DontNeed)
        {
            tracing::trace!(%errno, "the disk was not told to begin");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_is_handed_over_in_pieces() {
        let mut file = tempfile::tempfile().unwrap();
        let (mut begun, mut written) = (WriteBack::default(), 0);
        let mut steps = Vec::new();
        for _ in 0..5 {
            file.write_all(&[7; 3 << 20]).unwrap();
            written += 3 << 20;
            begun.wrote(&file, written);
            steps.push(begun.begun_bytes >> 20);
        }
        assert_eq!(steps, [0, 0, 9, 9, 9]);
        begun.wrote_all(&file, written);
        assert_eq!(begun.begun_bytes, written);
    }
}
