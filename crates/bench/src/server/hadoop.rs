//! A directory in HDFS, `STONEKEEP_TEST_HDFS`, and Hadoop's own shell, `STONEKEEP_TEST_HDFS_SERVER`.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// The URL of a directory.
const URL: &str = "STONEKEEP_TEST_HDFS";
/// `PROGRAM DIRECTORY`: `PROGRAM dfs DIRECTORY …` is `hdfs dfs …` there.
const SERVER: &str = "STONEKEEP_TEST_HDFS_SERVER";

/// A directory in HDFS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hadoop {
    /// As in `hdfs://HOST:PORT/PATH`.
    pub(crate) url: String,
    program: PathBuf,
    directory: String,
}

impl Hadoop {
    /// The one that the environment names.
    ///
    /// # Errors
    /// Says which variable is missing.
    pub(crate) fn of_environment() -> Result<Self> {
        let set = |name: &str| std::env::var(name).unwrap_or_default();
        Self::parse(&set(URL), &set(SERVER))
    }

    fn parse(url: &str, server: &str) -> Result<Self> {
        if !url.starts_with("hdfs://") {
            bail!("there is no {URL}=hdfs://HOST:PORT/PATH");
        }
        let (program, directory) = server
            .rsplit_once(' ')
            .with_context(|| format!("there is no {SERVER}='PROGRAM DIRECTORY'"))?;
        Ok(Hadoop {
            url: url.trim_end_matches('/').to_owned(),
            program: program.into(),
            directory: directory.to_owned(),
        })
    }

    /// A directory below.
    pub(crate) fn join(&self, name: &str) -> Self {
        Hadoop {
            url: format!("{}/{name}", self.url),
            ..self.clone()
        }
    }

    /// `hdfs dfs` with these arguments: the program and its arguments.
    pub(crate) fn dfs<const N: usize>(&self, arguments: [OsString; N]) -> (PathBuf, Vec<OsString>) {
        let mut all = vec!["dfs".into(), self.directory.clone().into()];
        all.extend(arguments);
        (self.program.clone(), all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_a_directory_and_a_shell() {
        let hadoop = Hadoop::parse("hdfs://127.0.0.1:9000/a/", "/some where/hdfs /data").unwrap();
        assert_eq!(hadoop.join("b").url, "hdfs://127.0.0.1:9000/a/b");
        let (program, arguments) = hadoop.dfs(["-ls".into()]);
        assert_eq!(program, PathBuf::from("/some where/hdfs"));
        assert_eq!(arguments, ["dfs", "/data", "-ls"]);
        assert!(Hadoop::parse("", "/hdfs /data").is_err());
        assert!(Hadoop::parse("hdfs://127.0.0.1:9000/a", "none").is_err());
    }
}
