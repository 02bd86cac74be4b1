//! The failure to write to standard output.

use std::io;

/// Standard output could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{}", message(.done))]
pub(crate) struct PrintError {
    #[source]
    pub(super) error: io::Error,
    /// What was done before, as a sentence without its end.
    pub(super) done: Option<String>,
}

fn message(done: &Option<String>) -> String {
    match done {
        Some(done) => format!("{done}, but the report could not be written to standard output"),
        None => "writing to standard output".to_owned(),
    }
}

impl PrintError {
    /// Whether the reader closed the pipe, which is no failure.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.error.kind() == io::ErrorKind::BrokenPipe
    }
}

impl From<io::Error> for PrintError {
    fn from(error: io::Error) -> Self {
        PrintError { error, done: None }
    }
}
