//! What is wrong in a configuration file, and where.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::usage_error::UsageError;

/// A place in the file: line and column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct At {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    #[serde(flatten)]
    pub(crate) at: At,
    pub(crate) message: String,
    /// What can be written instead.
    pub(crate) hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(at: At, message: impl Into<String>) -> Self {
        Problem {
            at,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Problem {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// The same with a hint, if there is one.
    pub(crate) fn with_hint_of(self, hint: Option<String>) -> Self {
        Problem { hint, ..self }
    }
}

/// Everything that is wrong in a file, in the order of its lines.
#[derive(Debug)]
pub(crate) struct Problems {
    pub(crate) path: PathBuf,
    pub(crate) list: Vec<Problem>,
}

impl Problems {
    /// Sorts them.
    pub(crate) fn new(path: &Path, mut list: Vec<Problem>) -> Self {
        list.sort_by_key(|problem| problem.at);
        Problems {
            path: path.to_owned(),
            list,
        }
    }

    /// `FILE:LINE:COLUMN: message`
    pub(crate) fn line(&self, problem: &Problem) -> String {
        let At { line, column } = problem.at;
        format!("{}:{line}:{column}: {}", self.path.display(), problem.message)
    }
}

impl From<Problems> for UsageError {
    /// The first one, and how many there are besides.
    fn from(problems: Problems) -> UsageError {
        let Some(first) = problems.list.first() else {
            return UsageError::new("the configuration file is wrong");
        };
        let more = match problems.list.len() {
            1 => None,
            2 => Some("stonekeep config check names one more problem".to_owned()),
            all => Some(format!("stonekeep config check names {} more problems", all - 1)),
        };
        let hints: Vec<String> = first.hint.iter().cloned().chain(more).collect();
        let error = UsageError::new(problems.line(first));
        if hints.is_empty() {
            error
        } else {
            error.with_hint(hints.join("; "))
        }
    }
}
