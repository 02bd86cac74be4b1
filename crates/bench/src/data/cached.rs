//! Measures which part of a file is in the page cache.

use std::fs::File;
use std::path::Path;

use anyhow::{Result, ensure};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::param::page_size;
use serde::{Deserialize, Serialize};

use super::directory::files;

/// Pages of files, and those of them that are in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cached {
    pub(crate) pages: u64,
    pub(crate) resident: u64,
}

impl Cached {
    /// The resident part, 0 of nothing.
    pub(crate) fn part(self) -> f64 {
        self.resident as f64 / self.pages.max(1) as f64
    }
}

/// Of all tables below a directory, which this user must own: the kernel reports it to the owner only.
///
/// # Errors
/// Those of the file system.
pub(crate) fn of_tables(directory: &Path) -> Result<Cached> {
    let mut sum = Cached::default();
    for path in files(directory)? {
        if path.extension().is_some_and(|extension| extension == "sst") {
            let cached = of_file(&File::open(path)?)?;
            sum.pages += cached.pages;
            sum.resident += cached.resident;
        }
    }
    Ok(sum)
}

fn of_file(file: &File) -> Result<Cached> {
    let length = usize::try_from(file.metadata()?.len())?;
    if length == 0 {
        return Ok(Cached::default());
    }
    let mut pages = vec![0_u8; length.div_ceil(page_size())];
    // SAFETY: the mapping has an address of the kernel's choice, and nothing but the calls below ever uses it.
    let map = unsafe {
        mmap(
            std::ptr::null_mut(),
            length,
            ProtFlags::READ,
            MapFlags::SHARED,
            file,
            0,
        )
    }?;
    // SAFETY: the mapping is `length` bytes long, and `pages` has a byte for each of its pages.
    let asked = unsafe { libc::mincore(map, length, pages.as_mut_ptr()) };
    // SAFETY: it was mapped above with this length, and nothing points into it.
    unsafe { munmap(map, length) }?;
    ensure!(asked == 0, "mincore: {}", std::io::Error::last_os_error());
    // The lowest bit says whether the page is resident; the others are reserved (`mincore(2)`).
    let resident = pages.iter().filter(|page| **page & 1 == 1).count();
    Ok(Cached {
        pages: pages.len() as u64,
        resident: resident as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::directory;

    #[test]
    fn what_was_read_is_resident_and_what_was_forgotten_is_not() {
        // Beside the program, that is on disk: a file system in memory never forgets.
        let program = std::env::current_exe().unwrap();
        let directory = tempfile::tempdir_in(program.parent().unwrap()).unwrap();
        std::fs::write(directory.path().join("1.sst"), vec![7; 1000 * page_size() + 1]).unwrap();
        let of = || of_tables(directory.path()).unwrap();
        let all = Cached {
            pages: 1001,
            resident: 1001,
        };
        assert_eq!(of(), all);
        directory::forget(directory.path()).unwrap();
        assert!(of().part() < 0.1, "{:?}", of());
        directory::read_heads(directory.path(), 4).unwrap();
        assert!((0.2..0.5).contains(&of().part()), "{:?}", of());
    }
}
