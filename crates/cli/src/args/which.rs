//! Parses the argument that names a backup: an id or a word.

use std::path::Path;
use std::str::FromStr;

use stonekeep::format::BackupId;

/// A backup as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// This one.
    Id(BackupId),
    /// The newest, or the one so many before it.
    Latest(usize),
    /// The newest that is not damaged.
    LatestValid,
}

/// An id alone.
pub(crate) fn parse_id(text: &str) -> Result<BackupId, String> {
    BackupId::parse(text).ok_or_else(|| {
        if text.contains('/') || Path::new(text).exists() {
            "a backup is named by its id, and a repository by --repo".to_owned()
        } else {
            format!(
                "a backup id is a number from 1 to {}, without leading zeros",
                BackupId::MAX
            )
        }
    })
}

/// An id, `latest` or `latest~N`.
pub(crate) fn parse_id_or_latest(text: &str) -> Result<Which, String> {
    match Which::from_str(text)? {
        Which::LatestValid => {
            Err("\"latest-valid\" is for restore, drill and open, which read all the content".to_owned())
        }
        which => Ok(which),
    }
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "latest" => Ok(Which::Latest(0)),
            "latest-valid" => Ok(Which::LatestValid),
            _ => match text.strip_prefix("latest~") {
                Some(back) => back
                    .parse()
                    .map(Which::Latest)
                    .map_err(|_| "latest~N is the backup N before the newest: latest~1".to_owned()),
                None => parse_id(text).map(Which::Id),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_chosen_by_id_or_by_a_word() {
        let id = |number| BackupId::new(number).map(Which::Id).ok_or(());
        assert_eq!("7".parse::<Which>().map_err(|_| ()), id(7));
        assert_eq!("latest".parse(), Ok(Which::Latest(0)));
        assert_eq!("latest~2".parse(), Ok(Which::Latest(2)));
        assert_eq!("latest-valid".parse(), Ok(Which::LatestValid));
        for text in [
            "",
            "0",
            "07",
            "-1",
            "newest",
            "4294967295",
            "1 ",
            "latest~",
            "latest~x",
            "latest-1",
        ] {
            assert!(text.parse::<Which>().is_err(), "{text:?}");
        }
        assert!(parse_id_or_latest("latest-valid").is_err());
        assert!(parse_id("/backups/app").unwrap_err().contains("--repo"));
    }
}
