//! Errors of RocksDB and of the programs that the proof runs.

use std::io;
use std::path::{Path, PathBuf};

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, ProofError>;

/// A failure of RocksDB, of another program or of the file system.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The database refused; the source has RocksDB's words.
    #[error("RocksDB could not {action}")]
    Database {
        /// What was tried, as it reads after "could not".
        action: String,
        /// RocksDB's status.
        #[source]
        source: rocksdb::Error,
    },
    /// The backup engine refused.
    #[error("RocksDB's backup engine could not {action}: {status}")]
    Engine {
        /// What was tried, as it reads after "could not".
        action: String,
        /// RocksDB's status as text, for example `Corruption: …`.
        status: String,
    },
    /// The file system refused.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's reason.
        #[source]
        source: io::Error,
    },
    /// Another program ended with an error.
    #[error("`{command}` failed: {output}")]
    Command {
        /// The command line.
        command: String,
        /// What it printed.
        output: String,
    },
    /// A dump of a database is not in the form that [`crate::DatabaseContents`] writes.
    #[error("line {line} of a dump: {reason}")]
    Dump {
        /// Counted from one.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Two ways to read one database gave different contents.
    #[error("{what}: {difference}")]
    Differs {
        /// What was compared.
        what: String,
        /// The first differences.
        difference: String,
    },
}

impl ProofError {
    /// The status text of a backup engine's failure, for tests that look at it.
    pub fn status(&self) -> Option<&str> {
        match self {
            Self::Engine { status, .. } => Some(status),
            _ => None,
        }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn database(action: impl Into<String>) -> impl FnOnce(rocksdb::Error) -> Self {
        let action = action.into();
        move |source| Self::Database { action, source }
    }
}
