//! The failure to write to standard output.

use std::io;

/// Standard output could not be written.
#[derive(Debug)]
pub(crate) struct PrintError {
    pub(super) error: io::Error,
    /// What was done before, as a sentence without its end.
    pub(super) done: Option<String>,
}

impl PrintError {
    /// Whether the reader went away, which is its right.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.error.kind() == io::ErrorKind::BrokenPipe
    }
}

impl From<io::Error> for PrintError {
    fn from(error: io::Error) -> Self {
        PrintError { error, done: None }
    }
}

impl std::fmt::Display for PrintError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.done {
            Some(done) => write!(
                f,
                "{done}, but the report could not be written to standard output"
            ),
            None => f.write_str("writing to standard output"),
        }
    }
}

impl std::error::Error for PrintError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
