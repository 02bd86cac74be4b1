//! The numbers of the WALs in a directory, listed twice and fast.
//!
//! A listing is no moment: it may show WAL 12 and miss WAL 11, which was made while it ran. But numbers grow in the
//! order in which WALs are made. So all WALs up to the largest of a first listing were there when a second one begins,
//! and those that nobody deletes meanwhile are in it. The time that this takes decides how often a capture has to begin
//! anew; hence no allocation for each of the thousands of other files.

use std::collections::BTreeSet;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags};
use stonekeep_format::FileNumber;
use stonekeep_format::file_name::DbFileName;

use super::probe::{Probes, Step};
use crate::directory_names::each_name;
use crate::image::listing::parse_as_written;
use crate::{IoContext, Result};

/// The WALs of a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct WalListing {
    /// Their numbers, none above the ceiling.
    pub(super) numbers: BTreeSet<FileNumber>,
    /// The largest one that was there before the others were listed: no smaller one is missing.
    pub(super) ceiling: Option<FileNumber>,
}

impl WalListing {
    /// Lists a directory twice.
    pub(super) fn of(directory: &Path, probes: &Probes) -> Result<WalListing> {
        probes.at(Step::ListWals);
        let ceiling = wals_in(directory)?.last().copied();
        probes.at(Step::ListWals);
        let mut numbers = wals_in(directory)?;
        numbers.retain(|number| Some(*number) <= ceiling);
        Ok(WalListing { numbers, ceiling })
    }
}

fn wals_in(directory: &Path) -> Result<BTreeSet<FileNumber>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let descriptor = rustix::fs::openat(CWD, directory, flags, Mode::empty());
    let descriptor = descriptor.context("opening", directory)?;
    let mut numbers = BTreeSet::new();
    let listed = each_name(descriptor, |name, kind| {
        if kind != FileType::Directory {
            numbers.extend(wal_number(name.to_bytes()));
        }
        Ok(())
    });
    listed.context("listing", directory).map(|()| numbers)
}

/// The number, if RocksDB would give a WAL this very name.
fn wal_number(name: &[u8]) -> Option<FileNumber> {
    let name = name
        .ends_with(b".log")
        .then(|| std::str::from_utf8(name).ok())??;
    match parse_as_written(name)? {
        DbFileName::Wal(number) => Some(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn only_what_rocksdb_would_name_so_is_a_wal() {
        assert_eq!(wal_number(b"000012.log"), Some(FileNumber(12)));
        assert_eq!(wal_number(b"1234567.log"), Some(FileNumber(1_234_567)));
        for name in [
            "12.log",
            "0000012.log",
            "000012.sst",
            "x00012.log",
            ".log",
            "000012.log.trash",
        ] {
            assert_eq!(wal_number(name.as_bytes()), None, "{name}");
        }
        assert_eq!(wal_number(b"\xff00012.log"), None);
    }

    #[test]
    fn all_wals_of_a_large_directory_are_listed() {
        let directory = tempfile::tempdir().unwrap();
        for number in 0..3_000 {
            File::create(directory.path().join(format!("{number:06}.sst"))).unwrap();
        }
        fs::create_dir(directory.path().join("000009.log")).unwrap();
        for number in [7, 3000, 12] {
            File::create(directory.path().join(format!("{number:06}.log"))).unwrap();
        }
        let listing = WalListing::of(directory.path(), &Probes::default()).unwrap();
        assert_eq!(listing.ceiling, Some(FileNumber(3000)));
        assert_eq!(listing.numbers, [7, 12, 3000].map(FileNumber).into());
    }

    #[test]
    fn an_empty_directory_has_no_wals() {
        let directory = tempfile::tempdir().unwrap();
        let listing = WalListing::of(directory.path(), &Probes::default()).unwrap();
        assert_eq!(listing, WalListing::default());
    }
}
