//! Reads which backup is meant: an id, or a word.

use std::str::FromStr;

use stonekeep::engine::info::WhichBackup;
use stonekeep::format::BackupId;

/// A backup as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// This one.
    Id(BackupId),
    /// The newest that has all its files.
    Latest,
    /// The newest whose files also have the right content.
    LatestValid,
}

impl From<Which> for WhichBackup {
    fn from(which: Which) -> Self {
        match which {
            Which::Id(id) => WhichBackup::Id(id),
            Which::Latest => WhichBackup::Latest,
            Which::LatestValid => WhichBackup::LatestValid,
        }
    }
}

/// An id alone.
pub(crate) fn parse_id(text: &str) -> Result<BackupId, String> {
    BackupId::parse(text).ok_or_else(|| {
        format!(
            "a backup id is a number from 1 to {}, without leading zeros",
            BackupId::MAX
        )
    })
}

/// An id or `latest`.
pub(crate) fn parse_id_or_latest(text: &str) -> Result<Which, String> {
    match Which::from_str(text)? {
        Which::LatestValid => {
            Err("\"latest-valid\" is for restore and open, which read all the content".to_owned())
        }
        which => Ok(which),
    }
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "latest" => Ok(Which::Latest),
            "latest-valid" => Ok(Which::LatestValid),
            _ => parse_id(text).map(Which::Id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_words() {
        let id = |number| BackupId::new(number).map(Which::Id).ok_or(());
        assert_eq!("7".parse::<Which>().map_err(|_| ()), id(7));
        assert_eq!("latest".parse(), Ok(Which::Latest));
        assert_eq!("latest-valid".parse(), Ok(Which::LatestValid));
        for text in ["", "0", "07", "-1", "newest", "4294967295", "1 "] {
            assert!(text.parse::<Which>().is_err(), "{text:?}");
        }
        assert!(parse_id_or_latest("latest-valid").is_err());
    }
}
