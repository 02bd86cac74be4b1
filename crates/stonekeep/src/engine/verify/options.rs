//! How much a verification reads, and what it remembers.

use std::time::Duration;

use super::report::VerifyLevel;
use crate::{Error, Result};

/// How much of all files one verification reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Sample {
    /// This part of their bytes: `numerator` / `denominator`, more than nothing and at most all of them.
    Part {
        /// Above 0, and not above the denominator.
        numerator: u64,
        /// Above 0.
        denominator: u64,
    },
    /// So many bytes.
    Bytes(u64),
}

impl Sample {
    /// How many bytes of so many are to be read.
    pub(super) fn of(self, total_bytes: u64) -> u64 {
        match self {
            Sample::Part {
                numerator,
                denominator,
            } => {
                let part = u128::from(total_bytes) * u128::from(numerator);
                let part = part.div_ceil(u128::from(denominator.max(1)));
                u64::try_from(part).unwrap_or(u64::MAX).min(total_bytes)
            }
            Sample::Bytes(bytes) => bytes.min(total_bytes),
        }
    }
}

/// How backups are verified.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
#[non_exhaustive]
pub struct VerifyOptions {
    /// How closely files are looked at. Default: every byte is read.
    pub level: VerifyLevel,
    /// Reads a part of the files only, those first that were not verified for the longest time; a file is read as a whole, and at least
    /// one is read. All others are looked at for their sizes. Default: all files.
    pub sample: Option<Sample>,
    /// Begins to read no further file when so much time has passed, in the order of `sample`. At least one file is read. Default: no limit.
    pub max_duration: Option<Duration>,
    /// Whether the repository remembers when each file was verified and what was found, which `sample`, `max_duration` and
    /// [`BackupInfo`](crate::BackupInfo) build on. Only verifications that read files write this. Where the repository cannot be written,
    /// the report has a warning. Default: true.
    pub stamps: bool,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        VerifyOptions {
            level: VerifyLevel::Checksum,
            sample: None,
            max_duration: None,
            stamps: true,
        }
    }
}

impl VerifyOptions {
    /// What RocksDB's `VerifyBackup` does: nothing is remembered.
    pub(in crate::engine) fn plain(level: VerifyLevel) -> Self {
        VerifyOptions {
            level,
            stamps: false,
            ..VerifyOptions::default()
        }
    }

    /// Sets [`Self::level`].
    #[must_use]
    pub fn with_level(mut self, level: VerifyLevel) -> Self {
        self.level = level;
        self
    }

    /// Sets [`Self::sample`].
    #[must_use]
    pub fn with_sample(mut self, sample: impl Into<Option<Sample>>) -> Self {
        self.sample = sample.into();
        self
    }

    /// Sets [`Self::max_duration`].
    #[must_use]
    pub fn with_max_duration(mut self, max_duration: impl Into<Option<Duration>>) -> Self {
        self.max_duration = max_duration.into();
        self
    }

    /// Sets [`Self::stamps`].
    #[must_use]
    pub fn with_stamps(mut self, stamps: bool) -> Self {
        self.stamps = stamps;
        self
    }

    /// # Errors
    /// `InvalidArgument` for options that do not fit each other.
    pub(super) fn check(&self) -> Result<()> {
        if self.level == VerifyLevel::Size && self.leaves_some() {
            return Err(Error::invalid(
                "a sample or a limit in time for a verification of sizes, which reads no file",
            ));
        }
        match self.sample {
            Some(Sample::Part {
                numerator,
                denominator,
            }) if numerator == 0 || numerator > denominator => Err(Error::invalid(format!(
                "a sample of {numerator}/{denominator}: it must be more than 0 and at most 1"
            ))),
            Some(Sample::Bytes(0)) => Err(Error::invalid("a sample of 0 bytes")),
            _ => Ok(()),
        }
    }

    /// Whether some files may be left for another run.
    pub(super) fn leaves_some(&self) -> bool {
        self.sample.is_some() || self.max_duration.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_a_part_of_all_bytes_rounded_up() {
        let part = |numerator, denominator, total_bytes| {
            Sample::Part {
                numerator,
                denominator,
            }
            .of(total_bytes)
        };
        assert_eq!([part(1, 7, 0), part(1, 7, 7), part(1, 7, 8)], [0, 1, 2]);
        assert_eq!(part(5, 100, u64::MAX), u64::MAX.div_ceil(20));
        assert_eq!([part(3, 1, 10), part(1, 0, 10)], [10, 10]);
        assert_eq!([5, 10, 11].map(|bytes| Sample::Bytes(bytes).of(10)), [5, 10, 10]);
    }
}
