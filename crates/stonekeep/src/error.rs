//! The public error type: a kind that says what a caller can do, a message, a hint and a cause.

use std::fmt;
use std::io;
use std::path::Path;

use stonekeep_format::FormatError;

use crate::shortage::Shortage;

/// The result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// The meaning of an error for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system or a store refused or failed; trying again may help.
    Io,
    /// A file is damaged, cut short or missing although something names it.
    Corrupt,
    /// A newer RocksDB, another file system or a feature not known here is involved.
    Unsupported,
    /// There is no such backup, repository or database.
    NotFound,
    /// Another process holds the lock.
    Locked,
    /// The operation would harm something; the message says what.
    Refused,
    /// The arguments are invalid, or contradict each other.
    InvalidArgument,
    /// A callback failed.
    Aborted,
    /// The caller asked to stop.
    Stopped,
}

/// One thing that is wrong with one file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Finding {
    /// The file, as its path or key.
    pub file: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Finding {
    /// What is wrong with this file.
    pub fn new(file: impl Into<String>, reason: impl Into<String>) -> Self {
        Finding {
            file: file.into(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.reason)
    }
}

/// An error with its kind, message, hint, findings and cause. `Display` gives the message alone; walk
/// [`std::error::Error::source`] for the cause. `Debug` is for people too, since a `main` that returns an error prints it:
/// the message with its causes, and the hint.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    findings: Vec<Finding>,
    source_changed: bool,
    /// How often an upload that ended with it is made again.
    most_repetitions: u32,
    about_a_backup: bool,
    shortage: Option<Shortage>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of this kind; the message says what and where.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            hint: None,
            findings: Vec::new(),
            source_changed: false,
            most_repetitions: 0,
            about_a_backup: false,
            shortage: None,
            source: None,
        }))
    }

    /// An I/O error; `doing` says what was tried on which path, as in "reading /db/CURRENT".
    pub fn io(doing: impl Into<String>, source: io::Error) -> Self {
        Error::new(ErrorKind::Io, doing).with_source(source)
    }

    /// The error of a reader: the [`Error`] inside the I/O error if there is one, else an I/O error with this context.
    pub(crate) fn of_reading(error: io::Error, doing: impl FnOnce() -> String) -> Self {
        match error.downcast::<Error>() {
            Ok(error) => error,
            Err(error) => Error::io(doing(), error),
        }
    }

    /// The error of reading the content of the file with this key.
    pub(crate) fn of_content(key: impl fmt::Display, error: io::Error) -> Self {
        Error::of_reading(error, || format!("reading the content of {key}"))
    }

    /// A damaged file, by path or key.
    pub fn corrupt(file: impl Into<String>, reason: impl Into<String>) -> Self {
        let finding = Finding {
            file: file.into(),
            reason: reason.into(),
        };
        let mut error = Error::new(ErrorKind::Corrupt, finding.to_string());
        error.0.findings.push(finding);
        error
    }

    /// The error of a parser of this file: corrupt, or unsupported if a newer reader might understand the file.
    pub fn format(file: impl Into<String>, source: FormatError) -> Self {
        let kind = if source.is_unsupported() {
            ErrorKind::Unsupported
        } else {
            ErrorKind::Corrupt
        };
        let finding = Finding {
            file: file.into(),
            reason: source.to_string(),
        };
        let mut error = Error::new(kind, format!("{} cannot be read", finding.file)).with_source(source);
        error.0.findings.push(finding);
        error
    }

    /// Something that would be harmed.
    pub fn refused(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Refused, message)
    }

    /// A database that changed while it was captured or copied: `Refused`, unless capturing it again helps.
    pub fn source_changed(message: impl Into<String>) -> Self {
        let mut error = Error::refused(message);
        error.0.source_changed = true;
        error
    }

    /// Something that is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::NotFound, message)
    }

    /// Arguments that do not fit.
    pub fn invalid(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::InvalidArgument, message)
    }

    /// The end that an [`crate::Observer`] asked for.
    pub fn stopped() -> Self {
        Error::new(ErrorKind::Stopped, "stopped on request")
    }

    /// Adds what the user can do.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Appends a note to the message.
    pub(crate) fn with_note(mut self, note: &str) -> Self {
        self.0.message.push_str("; ");
        self.0.message.push_str(note);
        self
    }

    /// Adds the cause.
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// Adds all findings.
    pub fn with_findings(mut self, findings: Vec<Finding>) -> Self {
        self.0.findings = findings;
        self
    }

    /// Adds the resource that ran out.
    pub(crate) fn with_shortage(mut self, shortage: Shortage) -> Self {
        self.0.shortage = Some(shortage);
        self
    }

    /// The resource that ran out, if that is the cause.
    pub(crate) fn shortage(&self) -> Option<Shortage> {
        let of_kind = || Shortage::of_kind(self.io_kind()?);
        self.0.shortage.or_else(of_kind)
    }

    /// What this means to the caller.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the database changed under the capture, so that another one may succeed.
    pub fn is_source_changed(&self) -> bool {
        self.0.source_changed
    }

    /// Whether an upload did not end well, and is to be made once more with its content from the beginning, after so many repetitions.
    pub(crate) fn wants_content_again(&self, repetitions: u32) -> bool {
        repetitions < self.0.most_repetitions
    }

    /// Says that the upload is to be made once more, unless it has been repeated so often.
    #[cfg(any(feature = "hdfs", feature = "object-store"))]
    pub(crate) fn content_again(mut self, most_repetitions: u32) -> Self {
        self.0.most_repetitions = most_repetitions;
        self
    }

    /// Whether one backup is damaged, unsupported or gone, so that another one may serve.
    pub(crate) fn is_about_a_backup(&self) -> bool {
        let kind = self.kind();
        self.0.about_a_backup
            || matches!(
                kind,
                ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::NotFound
            )
    }

    /// Says that another backup may serve, whatever the kind of this error is.
    pub(crate) fn about_a_backup(mut self) -> Self {
        self.0.about_a_backup = true;
        self
    }

    /// What the user can do, where that is known.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The files that are wrong, where the error is about files.
    pub fn findings(&self) -> &[Finding] {
        &self.0.findings
    }

    /// The operating system's kind of failure, where it is the cause.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        let source = self.0.source.as_deref()?;
        source.downcast_ref::<io::Error>().map(io::Error::kind)
    }

    /// The operating system's number of the failure, where it is the cause.
    pub fn raw_os_error(&self) -> Option<i32> {
        let source = self.0.source.as_deref()?;
        source.downcast_ref::<io::Error>()?.raw_os_error()
    }

    /// The message and the causes in one line, for logs and reasons.
    pub fn one_line(&self) -> String {
        let mut line = self.0.message.clone();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            line.push_str(": ");
            line.push_str(&cause.to_string());
            source = cause.source();
        }
        line
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.one_line())?;
        match self.hint() {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn std::error::Error + 'static))
    }
}

/// Adds the attempted operation and its path to an I/O result.
pub trait IoContext<T> {
    /// `doing` is a participle with an object: "reading", "renaming".
    fn context(self, doing: &str, path: &Path) -> Result<T>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn context(self, doing: &str, path: &Path) -> Result<T> {
        self.map_err(|error| Error::io(format!("{doing} {}", path.display()), error))
    }
}

impl<T> IoContext<T> for rustix::io::Result<T> {
    fn context(self, doing: &str, path: &Path) -> Result<T> {
        self.map_err(io::Error::from).context(doing, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_message_the_causes_and_the_hint() {
        let error = Error::io("reading /db/CURRENT", io::Error::other("no such disk")).with_hint("mount it");
        assert_eq!(
            format!("{error:?}"),
            "reading /db/CURRENT: no such disk\nhint: mount it"
        );
    }
}
