//! Reads the URL of a repository in HDFS, and the options that say how files are written there.

use std::fmt;
use std::time::Duration;

use crate::store::lease::Times;
use crate::{Error, Key, Result};

const URL: &str = "write hdfs://HOST:PORT/PATH, or hdfs://NAMESERVICE/PATH with HADOOP_CONF_DIR";

/// Where a repository is, and as whom it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// The NameNode or the name service, as the client wants it.
    pub(super) url: String,
    /// The absolute path of the repository's root; empty for the root of the file system.
    pub(super) path: String,
    pub(super) settings: Settings,
}

/// What options set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Settings {
    pub(super) user: Option<String>,
    pub(super) replication: Option<u32>,
    pub(super) block_size: Option<u64>,
    /// Of the lease.
    pub(super) times: Times,
}

impl Address {
    /// Paths are taken as they are, as Hadoop's own commands take them: `%20` is no space.
    pub(super) fn parse(url: &str, options: &[(String, String)]) -> Result<Self> {
        let rest = match url.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("hdfs") => rest,
            _ => return Err(invalid(url, &"its scheme is not hdfs")),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.contains('@') {
            let reason = "the user is the option hdfs_user, not a part of the URL";
            return Err(invalid(without_user(url).as_str(), &reason));
        }
        if authority.is_empty() {
            return Err(invalid(url, &"it names neither a NameNode nor a name service"));
        }
        let path = path.trim_end_matches('/');
        if !path.is_empty() && (!Key::is_legal(path) || path.contains(':')) {
            return Err(invalid(url, &format_args!("/{path} is not a path")));
        }
        Ok(Address {
            url: format!("hdfs://{authority}"),
            path: if path.is_empty() {
                String::new()
            } else {
                format!("/{path}")
            },
            settings: Settings::parse(options)?,
        })
    }

    /// For messages, and to tell whether two stores are one place.
    pub(super) fn display(&self) -> String {
        format!("{}{}", self.url, self.path)
    }
}

impl Settings {
    fn parse(options: &[(String, String)]) -> Result<Self> {
        let mut settings = Settings::default();
        for (name, value) in options {
            match name.to_ascii_lowercase().as_str() {
                "hdfs_user" if !value.is_empty() => settings.user = Some(value.clone()),
                "hdfs_replication" => settings.replication = Some(number(name, value, 1, 512)? as u32),
                // The checksums of HDFS are of 512 bytes each, and a block has whole ones.
                "hdfs_block_size" => {
                    let bytes = number(name, value, 512, 1 << 40)?;
                    if bytes % 512 != 0 {
                        let message = format!("{name}={value}: blocks are a multiple of 512 bytes");
                        return Err(Error::invalid(message));
                    }
                    settings.block_size = Some(bytes);
                }
                "lease_period" => {
                    let seconds = value.strip_suffix('s').unwrap_or(value);
                    let seconds = number(name, seconds, 1, 24 * 3600)?;
                    settings.times = Times::of_period(Duration::from_secs(seconds))?;
                }
                "hdfs_user" => return Err(Error::invalid(format!("{name} is empty"))),
                _ => {
                    return Err(Error::invalid(format!("HDFS has no option {name:?}")).with_hint(
                        "there are hdfs_user, hdfs_replication, hdfs_block_size and lease_period",
                    ));
                }
            }
        }
        Ok(settings)
    }
}

fn number(name: &str, value: &str, least: u64, most: u64) -> Result<u64> {
    let number = value.parse().ok().filter(|it| (least..=most).contains(it));
    number.ok_or_else(|| {
        Error::invalid(format!(
            "{name}={value}: a number from {least} to {most} is needed"
        ))
    })
}

fn invalid(url: &str, reason: &dyn fmt::Display) -> Error {
    Error::invalid(format!(
        "{url:?} is not the URL of a repository in HDFS: {reason}"
    ))
    .with_hint(URL)
}

/// A password may stand there.
fn without_user(url: &str) -> String {
    let after = url.rsplit_once('@').map_or(url, |(_, after)| after);
    format!("hdfs://{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str, options: &[(&str, &str)]) -> Result<Address> {
        let options: Vec<_> = options
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Address::parse(url, &options)
    }

    #[test]
    fn a_url_names_the_name_node_and_the_path() {
        for (url, name_node, path) in [
            ("hdfs://n1:8020", "hdfs://n1:8020", ""),
            ("hdfs://n1:8020/", "hdfs://n1:8020", ""),
            ("hdfs://n1:8020/backups/app/", "hdfs://n1:8020", "/backups/app"),
            ("HDFS://cluster/a%20b c", "hdfs://cluster", "/a%20b c"),
        ] {
            let address = parsed(url, &[]).unwrap();
            assert_eq!((address.url.as_str(), address.path.as_str()), (name_node, path));
            assert_eq!(address.display(), format!("{name_node}{path}"));
        }
    }

    #[test]
    fn options_say_how_files_are_written() {
        let options = [
            ("HDFS_USER", "backup"),
            ("hdfs_replication", "2"),
            ("hdfs_block_size", "1048576"),
            ("lease_period", "30s"),
        ];
        let settings = parsed("hdfs://n1:8020/p", &options).unwrap().settings;
        let expected = Settings {
            user: Some("backup".to_owned()),
            replication: Some(2),
            block_size: Some(1 << 20),
            times: Times::of_period(Duration::from_secs(30)).unwrap(),
        };
        assert_eq!(settings, expected);
    }

    #[test]
    fn what_hdfs_does_not_have_is_invalid() {
        for (url, option, reason) in [
            ("s3://bucket/p", None, "its scheme is not hdfs"),
            ("hdfs:///p", None, "neither a NameNode"),
            ("hdfs://n1:8020/a//b", None, "is not a path"),
            ("hdfs://n1:8020/a/../b", None, "is not a path"),
            ("hdfs://n1:8020/p:x", None, "is not a path"),
            ("hdfs://me:word@n1:8020/p", None, "option hdfs_user"),
            ("hdfs://n1/p", Some(("hdfs_replication", "0")), "from 1 to 512"),
            (
                "hdfs://n1/p",
                Some(("hdfs_block_size", "1000")),
                "multiple of 512",
            ),
            ("hdfs://n1/p", Some(("hdfs_usr", "x")), "no option"),
            ("hdfs://n1/p", Some(("hdfs_user", "")), "is empty"),
        ] {
            let error = parsed(url, option.as_slice()).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidArgument, "{url}");
            assert!(error.to_string().contains(reason), "{error}");
            assert!(!error.one_line().contains("word"), "{error}");
        }
    }
}
