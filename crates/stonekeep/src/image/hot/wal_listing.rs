//! The numbers of the WALs in a directory, listed twice and fast.
//!
//! A listing is no moment: it may show WAL 12 and miss WAL 11, which was made while it ran. But numbers grow in the
//! order in which WALs are made. So all WALs up to the largest of a first listing were there when a second one begins,
//! and those that are not deleted meanwhile are in it. The time that this takes decides how often a capture needs
//! another round, so nothing is allocated for the thousands of other files.

use std::collections::BTreeSet;
use std::path::Path;

use stonekeep_format::FileNumber;

use super::probe::{Probes, Step};
use crate::image::listing::Listing;
use crate::{Error, Result};

/// The WALs of a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::image) struct WalListing {
    /// Their numbers, none above the ceiling.
    pub(in crate::image) numbers: BTreeSet<FileNumber>,
    /// The largest one that was there before the others were listed: no smaller one is missing.
    pub(in crate::image) ceiling: Option<FileNumber>,
}

impl WalListing {
    /// Lists a directory twice.
    pub(in crate::image) fn of(directory: &Path, probes: &Probes) -> Result<WalListing> {
        probes.at(Step::ListWals);
        let ceiling = wals_in(directory)?.last().copied();
        probes.at(Step::ListWals);
        let mut numbers = wals_in(directory)?;
        numbers.retain(|number| Some(*number) <= ceiling);
        Ok(WalListing { numbers, ceiling })
    }
}

fn wals_in(directory: &Path) -> Result<BTreeSet<FileNumber>> {
    let listing = Listing::of_some(directory, |name| name.ends_with(b".log"))?;
    let listing = listing.ok_or_else(|| {
        let directory = directory.display();
        Error::source_changed(format!("the directory {directory} vanished during the capture"))
    })?;
    Ok(listing.wal_numbers().collect())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn all_wals_of_a_large_directory_are_listed() {
        let directory = tempfile::tempdir().unwrap();
        for number in 0..3_000 {
            File::create(directory.path().join(format!("{number:06}.sst"))).unwrap();
        }
        fs::create_dir(directory.path().join("000009.log")).unwrap();
        for other in ["12.log", "0000012.log", "x00012.log", ".log", "000012.log.trash"] {
            File::create(directory.path().join(other)).unwrap();
        }
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
