//! Reading files past the page cache (`O_DIRECT`).
//!
//! The memory, the offset and the length of such a read must be multiples of what file system and disk ask for. So whole
//! blocks are read into a buffer that begins at such an address, and handed out from there.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustix::fs::{AtFlags, OFlags, StatxFlags};
use rustix::io::Errno;

use super::page_cache::SparingReads;

/// How much is read at a time where nobody says otherwise. The kernel reads nothing ahead here, so each read waits for
/// the disk: fewer and larger ones than those through the page cache.
pub(crate) const DEFAULT_DIRECT_BYTES: usize = 1 << 20;

/// Enough for nearly all disks and file systems; Linux before 6.1 does not tell what is.
const USUAL_ALIGNMENT: usize = 4096;

/// Nobody asks for more, so a larger figure is no alignment.
const MOST_ALIGNMENT: usize = 1 << 20;

/// Opens a file for direct reads; [refused](is_refusal) where the file system has none.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let direct = i32::try_from(OFlags::DIRECT.bits()).map_err(io::Error::other)?;
    OpenOptions::new().read(true).custom_flags(direct).open(path)
}

/// Opens the file behind a descriptor once more. The descriptor is left as it is: others may be using it, and flags are
/// of all who share it.
pub(crate) fn reopen(shared: &File) -> io::Result<File> {
    let own = open(Path::new(&format!("/proc/self/fd/{}", shared.as_raw_fd())))?;
    let (shared, stat) = (rustix::fs::fstat(shared)?, rustix::fs::fstat(&own)?);
    if (shared.st_dev, shared.st_ino) != (stat.st_dev, stat.st_ino) {
        return Err(io::Error::other("/proc/self/fd leads to another file"));
    }
    Ok(own)
}

/// Whether this says that the file system has no direct reads.
pub(crate) fn is_refusal(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::INVAL | Errno::OPNOTSUPP))
}

/// What has been found out about direct reads of the files in one directory.
#[derive(Debug, Default)]
pub(crate) struct DirectReads {
    refusal: OnceLock<String>,
    alignment: OnceLock<usize>,
}

impl DirectReads {
    /// Why there are none.
    pub(crate) fn refusal(&self) -> Option<&str> {
        self.refusal.get().map(String::as_str)
    }

    /// There are none from now on.
    pub(crate) fn give_up(&self, reason: &io::Error) {
        self.refusal.get_or_init(|| reason.to_string());
    }

    fn alignment(&self, file: &File) -> usize {
        *self.alignment.get_or_init(|| alignment(file))
    }
}

fn alignment(file: &File) -> usize {
    let Ok(stat) = rustix::fs::statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::DIOALIGN) else {
        return USUAL_ALIGNMENT;
    };
    // Both are 0 where the kernel does not tell.
    let told = stat.stx_dio_mem_align.max(stat.stx_dio_offset_align) as usize;
    if told.is_power_of_two() && told <= MOST_ALIGNMENT {
        told.max(USUAL_ALIGNMENT)
    } else {
        USUAL_ALIGNMENT
    }
}

/// Reads a file from its beginning past the page cache, or through it once a direct read was refused.
pub(crate) struct DirectReader {
    file: Arc<File>,
    offset: u64,
    blocks: Option<Blocks>,
    direct: Arc<DirectReads>,
    otherwise: Arc<SparingReads>,
}

impl DirectReader {
    /// For a file that was [opened](open) for this and that nobody shares. `at_once_bytes` are read at a time.
    pub(crate) fn new(
        file: Arc<File>,
        at_once_bytes: usize,
        direct: Arc<DirectReads>,
        otherwise: Arc<SparingReads>,
    ) -> Self {
        DirectReader {
            blocks: Some(Blocks::new(direct.alignment(&file), at_once_bytes)),
            file,
            offset: 0,
            direct,
            otherwise,
        }
    }

    fn give_up(&mut self, reason: &io::Error) -> io::Result<()> {
        let flags = rustix::fs::fcntl_getfl(&self.file)?;
        rustix::fs::fcntl_setfl(&self.file, flags - OFlags::DIRECT)?;
        self.direct.give_up(reason);
        self.blocks = None;
        Ok(())
    }
}

impl Read for DirectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(blocks) = &mut self.blocks {
            let file = &self.file;
            match blocks.at(self.offset, |block, offset| file.read_at(block, offset)) {
                Ok(bytes) => {
                    let count = bytes.take(buffer.len() as u64).read(buffer)?;
                    self.offset += count as u64;
                    return Ok(count);
                }
                Err(error) if is_refusal(&error) => self.give_up(&error)?,
                Err(error) => return Err(error),
            }
        }
        let count = self.otherwise.read_at(&self.file, buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

/// The part of a file that was read last, in memory that begins at a multiple of the alignment.
struct Blocks {
    room: Vec<u8>,
    start: usize,
    size_bytes: usize,
    alignment: usize,
    offset: u64,
    filled_bytes: usize,
}

impl Blocks {
    fn new(alignment: usize, at_once_bytes: usize) -> Self {
        let size_bytes = at_once_bytes.max(1).next_multiple_of(alignment);
        // The vector never grows, so it stays where it is.
        let room = vec![0; size_bytes + alignment];
        let address = room.as_ptr().addr();
        Blocks {
            start: address.next_multiple_of(alignment) - address,
            room,
            size_bytes,
            alignment,
            offset: 0,
            filled_bytes: 0,
        }
    }

    /// Bytes of the file from this offset on; none only at its end.
    fn at(
        &mut self,
        offset: u64,
        read_at: impl FnOnce(&mut [u8], u64) -> io::Result<usize>,
    ) -> io::Result<&[u8]> {
        let held = self.offset..self.offset + self.filled_bytes as u64;
        if !held.contains(&offset) {
            // Back to the beginning of the block, where a read ended within one: at the end of the file, as a rule.
            self.offset = offset - offset % self.alignment as u64;
            self.filled_bytes = 0;
            let room = self.room.get_mut(self.start..self.start + self.size_bytes);
            self.filled_bytes = read_at(room.unwrap_or_default(), self.offset)?;
        }
        let skipped = usize::try_from(offset - self.offset).unwrap_or(usize::MAX);
        let filled = self.room.get(self.start..self.start + self.filled_bytes);
        Ok(filled
            .and_then(|filled| filled.get(skipped..))
            .unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [usize; 10] = [
        0,
        1,
        4095,
        4096,
        4097,
        (128 << 10) - 1,
        128 << 10,
        (128 << 10) + 1,
        1 << 20,
        (3 << 20) + 5,
    ];

    fn content(size_bytes: usize) -> Vec<u8> {
        (0..size_bytes).map(|at| (at * 7 + at / 4096) as u8).collect()
    }

    fn reader(file: File, at_once_bytes: usize) -> DirectReader {
        DirectReader::new(Arc::new(file), at_once_bytes, Arc::default(), Arc::default())
    }

    /// In pieces that fit no block.
    fn read_all(reader: &mut impl Read) -> Vec<u8> {
        let (mut all, mut piece) = (Vec::new(), vec![0; 50_000]);
        loop {
            match reader.read(&mut piece).unwrap() {
                0 => return all,
                count => all.extend_from_slice(&piece[..count]),
            }
        }
    }

    #[test]
    fn every_byte_is_read_whatever_the_size() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        for size_bytes in SIZES {
            std::fs::write(&path, content(size_bytes)).unwrap();
            for at_once_bytes in [1, 4096, 100_000, 1 << 20] {
                let mut reader = reader(open(&path).unwrap(), at_once_bytes);
                let read = read_all(&mut reader);
                assert!(read == content(size_bytes), "{size_bytes} by {at_once_bytes}");
                assert!(
                    reader.blocks.is_some(),
                    "{size_bytes}: {:?}",
                    reader.direct.refusal()
                );
            }
        }
    }

    #[test]
    fn reads_are_aligned_and_may_end_anywhere() {
        let content = content((3 << 20) + 5);
        for (alignment, at_once_bytes, most) in
            [(4096, 1 << 20, 1 << 20), (512, 1000, 700), (8192, 20_000, 10_000)]
        {
            let mut blocks = Blocks::new(alignment, at_once_bytes);
            let mut read = Vec::new();
            loop {
                let bytes = blocks.at(read.len() as u64, |block, offset| {
                    assert_eq!(block.as_ptr().addr() % alignment, 0);
                    assert_eq!(block.len() % alignment, 0);
                    assert_eq!(offset % alignment as u64, 0);
                    let left = &content[usize::try_from(offset).unwrap()..];
                    let count = left.len().min(block.len()).min(most);
                    block[..count].copy_from_slice(&left[..count]);
                    Ok(count)
                });
                match bytes.unwrap() {
                    [] => break,
                    bytes => read.extend_from_slice(bytes),
                }
            }
            assert!(
                read == content,
                "{} of {} by {alignment}",
                read.len(),
                content.len()
            );
        }
    }

    #[test]
    fn a_failed_read_leaves_nothing_of_the_one_before() {
        let mut blocks = Blocks::new(4096, 4096);
        blocks.at(0, |block, _| Ok(block.len())).unwrap();
        let failed = blocks.at(4096, |_, _| Err(Errno::IO.into()));
        assert!(!is_refusal(&failed.unwrap_err()));
        assert_eq!(blocks.at(4096, |_, _| Ok(0)).unwrap(), b"");
    }

    #[test]
    fn a_refused_read_goes_through_the_page_cache() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, content(100_000)).unwrap();
        let mut reader = reader(open(&path).unwrap(), 8192);
        let mut first = vec![0; 10_000];
        reader.read_exact(&mut first).unwrap();
        reader.give_up(&Errno::INVAL.into()).unwrap();
        first.extend(read_all(&mut reader));
        assert!(first == content(100_000));
        assert!(
            !rustix::fs::fcntl_getfl(&reader.file)
                .unwrap()
                .contains(OFlags::DIRECT)
        );
        assert!(reader.direct.refusal().unwrap().contains("Invalid argument"));
    }

    #[test]
    fn an_open_file_is_opened_once_more() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, content(10_000)).unwrap();
        let shared = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let own = reopen(&shared).unwrap();
        assert!(!rustix::fs::fcntl_getfl(&shared).unwrap().contains(OFlags::DIRECT));
        assert!(rustix::fs::fcntl_getfl(&own).unwrap().contains(OFlags::DIRECT));
        assert!(read_all(&mut reader(own, 4096)) == content(10_000));
    }

    #[test]
    fn file_systems_that_refuse_direct_reads_are_recognised() {
        assert!(is_refusal(&open(Path::new("/proc/version")).unwrap_err()));
        let shared = File::open("/proc/version").unwrap();
        assert!(is_refusal(&reopen(&shared).unwrap_err()));
        assert!(!is_refusal(&open(Path::new("/proc/no such file")).unwrap_err()));
    }
}
