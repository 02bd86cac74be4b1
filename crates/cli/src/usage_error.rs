//! An error of the command line that the parser of arguments cannot see.

/// A command line whose parts do not fit each other.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct UsageError {
    /// Which options do not fit.
    message: String,
    /// What can be typed instead.
    pub(crate) hint: Option<String>,
}

impl UsageError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        UsageError {
            message: message.into(),
            hint: None,
        }
    }

    /// Adds what can be typed instead.
    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        UsageError {
            hint: Some(hint.into()),
            ..self
        }
    }
}
