//! What a store was tried for, and how that ended.

use std::fmt;

/// How a promise is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Verdict {
    /// It is kept.
    Honoured,
    /// The store accepts the request and does something else.
    Ignored,
    /// The store refuses the request.
    Refused,
    /// Repositories are not safe there.
    Broken,
    /// It could not be found out; the detail says why.
    Unknown,
}

impl Verdict {
    /// The name as it is written in text and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Honoured => "honoured",
            Verdict::Ignored => "ignored",
            Verdict::Refused => "refused",
            Verdict::Broken => "broken",
            Verdict::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was tried, how it ended, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Promise {
    /// What was tried. Names are stable.
    pub name: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// What was seen.
    pub seen: String,
    /// What follows for backups in this store; empty if nothing does.
    pub follows: String,
}

impl Promise {
    pub(super) fn new(name: &'static str, verdict: Verdict, seen: impl Into<String>) -> Self {
        Promise {
            name,
            verdict,
            seen: seen.into(),
            follows: String::new(),
        }
    }

    pub(super) fn with_consequence(mut self, follows: impl Into<String>) -> Self {
        self.follows = follows.into();
        self
    }
}
