//! RocksDB's errors as ours.

use stonekeep::{Error, ErrorKind};

/// What was tried, and what RocksDB said.
pub(super) fn error(doing: &str, message: &str) -> Error {
    Error::new(kind(message), format!("{doing}: {message}"))
}

/// What the beginning of a message means to a caller (`Status::ToString`, `util/status.cc`).
fn kind(message: &str) -> ErrorKind {
    match message.split(':').next() {
        Some("Corruption") => ErrorKind::Corrupt,
        Some("Not implemented") => ErrorKind::Unsupported,
        Some("NotFound") => ErrorKind::NotFound,
        Some("Invalid argument") => ErrorKind::InvalidArgument,
        Some("Operation aborted" | "Shutdown in progress") => ErrorKind::Aborted,
        _ => ErrorKind::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_an_error_is_known_by_the_beginning_of_its_message() {
        let message = "Not implemented: Not supported operation in read only mode.";
        let error = error("disabling file deletions", message);
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().ends_with(message));
        assert_eq!(kind("IO error: No space left on device"), ErrorKind::Io);
        assert_eq!(
            kind("Corruption: block checksum mismatch: stored = 1"),
            ErrorKind::Corrupt
        );
    }
}
