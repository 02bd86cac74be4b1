//! Why a call failed: by an error of HDFS, without an answer, or because somebody has asked to stop.

use std::fmt;
use std::time::Duration;

use hdfs_native::HdfsError;

use super::errors::{self, Cause};

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Failure {
    Hdfs(HdfsError),
    NoAnswer(Duration),
    /// Somebody has asked to stop, and no answer came.
    Stopped,
}

impl Failure {
    pub(super) fn cause(&self) -> Cause {
        match self {
            Failure::Hdfs(error) => Cause::of(error),
            Failure::NoAnswer(_) => Cause::Unreached,
            Failure::Stopped => Cause::Other,
        }
    }

    /// Whether the NameNode has only not yet heard of the last block of a file that was to be closed.
    pub(super) fn is_not_closed_in_time(&self) -> bool {
        matches!(self, Failure::Hdfs(HdfsError::OperationFailed(text)) if text.contains("complete file in time"))
    }

    /// The failure of a write: what the client could not reach is a DataNode rather than the NameNode.
    pub(super) fn of_write(self) -> Self {
        match self {
            Failure::Hdfs(HdfsError::IOError(error)) => {
                Failure::Hdfs(HdfsError::DataTransferError(error.to_string()))
            }
            other => other,
        }
    }

    /// A file that is closed with another length than what was written.
    pub(super) fn wrong_length(found: u64, written: u64) -> Self {
        let text = format!("it has {found} bytes, and {written} were written");
        Failure::Hdfs(HdfsError::DataTransferError(text))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Hdfs(error) => f.write_str(&errors::in_short(error)),
            Failure::NoAnswer(limit) => write!(f, "no answer within {} s", limit.as_secs()),
            Failure::Stopped => f.write_str("stopped on request"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn what_a_write_could_not_reach_is_a_data_node() {
        let refused = || HdfsError::IOError(io::ErrorKind::ConnectionRefused.into());
        assert_eq!(Failure::Hdfs(refused()).cause(), Cause::Unreached);
        let of_write = Failure::Hdfs(refused()).of_write();
        assert_eq!(of_write.cause(), Cause::DataNodes);
        assert!(of_write.to_string().contains("refused"), "{of_write}");
        let wrong = Failure::wrong_length(3, 5);
        assert!(
            wrong.to_string().ends_with("it has 3 bytes, and 5 were written"),
            "{wrong}"
        );
        assert!(wrong.cause().may_pass());
        let late = HdfsError::OperationFailed("Failed to complete file in time".to_owned());
        let late = Failure::Hdfs(late);
        assert!(late.is_not_closed_in_time() && !late.cause().may_pass());
        assert!(!wrong.is_not_closed_in_time());
    }
}
