//! An error of the command line that the parser of arguments cannot see.

/// A command line whose parts do not fit each other, which the parser of arguments cannot see.
#[derive(Debug)]
pub(crate) struct UsageError {
    message: String,
    hint: Option<String>,
}

impl UsageError {
    /// The message says which options do not fit.
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

    /// What can be typed instead.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl std::fmt::Display for UsageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for UsageError {}
