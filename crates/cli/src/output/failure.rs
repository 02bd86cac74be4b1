//! An error as it is shown: what, why, which files, and what can be done.

use std::io;

use serde::Serialize;
use stonekeep::{Error, ErrorKind, Finding};

use super::command_words::in_command_words;
use super::text::{Page, Style};
use crate::usage_error::UsageError;

/// This many files are named in text; JSON names them all.
const MAX_FINDINGS_SHOWN: usize = 20;

/// Everything that is known of an error.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    /// What it means to the user.
    pub(crate) kind: ErrorKind,
    /// What failed, and where.
    pub(crate) message: String,
    /// Why, from the outside in.
    pub(crate) causes: Vec<String>,
    /// What the user can do.
    pub(crate) hint: Option<String>,
    /// The files that are wrong.
    pub(crate) findings: Vec<Finding>,
}

impl Failure {
    /// Takes an error apart.
    pub(crate) fn new(error: &anyhow::Error) -> Self {
        let library = error.downcast_ref::<Error>();
        if let Some(usage) = error.downcast_ref::<UsageError>() {
            return Failure {
                hint: usage.hint.clone(),
                ..Failure::usage(usage.to_string())
            };
        }
        Failure {
            kind: library.map_or(ErrorKind::Io, Error::kind),
            message: in_command_words(&error.to_string()),
            causes: error
                .chain()
                .skip(1)
                .map(|cause| in_command_words(&cause.to_string()))
                .collect(),
            hint: library.and_then(hint).map(|hint| in_command_words(&hint)),
            findings: library.map_or_else(Vec::new, |error| error.findings().to_vec()),
        }
    }

    /// Adds to what the user can do.
    pub(crate) fn advise(&mut self, advice: &str) {
        self.hint = Some(match self.hint.take() {
            Some(hint) => format!("{hint}; {advice}"),
            None => advice.to_owned(),
        });
    }

    /// Arguments that do not fit, as the parser of arguments words it.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure {
            kind: ErrorKind::InvalidArgument,
            message: message.into(),
            causes: Vec::new(),
            hint: None,
            findings: Vec::new(),
        }
    }

    /// As text.
    pub(crate) fn write(&self, page: &mut Page<'_>) {
        page.marked(Style::Bad, "error:", &self.message);
        for cause in &self.causes {
            page.line(format!("  caused by: {cause}"));
        }
        let findings = self.findings_not_reported_yet();
        for finding in findings.iter().take(MAX_FINDINGS_SHOWN) {
            page.line(format!("  {finding}"));
        }
        if let Some(hidden @ 1..) = findings.len().checked_sub(MAX_FINDINGS_SHOWN) {
            page.line(format!("  and {hidden} more; --json names them all"));
        }
        if let Some(hint) = &self.hint {
            page.marked(Style::Hint, "hint:", hint);
        }
    }

    /// Message and causes often say the first finding already.
    fn findings_not_reported_yet(&self) -> Vec<&Finding> {
        let all = format!("{} {}", self.message, self.causes.join(" "));
        let is_reported = |finding: &Finding| match self.findings.len() {
            1 => all.contains(&finding.file) && all.contains(&finding.reason),
            _ => all.contains(&finding.to_string()),
        };
        self.findings
            .iter()
            .filter(|finding| !is_reported(finding))
            .collect()
    }
}

/// What can be done: the hint of the library, else one for this kind of I/O error.
fn hint(error: &Error) -> Option<String> {
    let known = error.hint().map(ToOwned::to_owned);
    known.or_else(|| {
        let advice = match error.io_kind()? {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "nothing that was there before has changed; free some room and run it again"
            }
            io::ErrorKind::PermissionDenied => "run it as the user who owns these files",
            io::ErrorKind::ReadOnlyFilesystem => "the file system is mounted read-only",
            _ => return None,
        };
        Some(advice.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(error: impl Into<anyhow::Error>) -> String {
        let mut sink = Vec::new();
        let mut page = Page::new(&mut sink, false);
        Failure::new(&error.into()).write(&mut page);
        page.finish().unwrap();
        String::from_utf8(sink).unwrap()
    }

    #[test]
    fn the_cause_and_the_hint_follow_the_message() {
        let cause = io::Error::other("the reason");
        let error = Error::io("reading /db/CURRENT", cause).with_hint("look");
        assert_eq!(
            text(error),
            "error: reading /db/CURRENT\n  caused by: the reason\nhint: look\n"
        );
    }

    #[test]
    fn one_finding_is_not_said_twice() {
        assert_eq!(text(Error::corrupt("meta/1", "empty")), "error: meta/1: empty\n");
        let finding = |file: &str| Finding::new(file, "missing");
        let two = Error::new(ErrorKind::Corrupt, "backup 1").with_findings(vec![finding("a"), finding("b")]);
        assert_eq!(text(two), "error: backup 1\n  a: missing\n  b: missing\n");
        let first = Error::new(ErrorKind::Corrupt, "2 findings, the first: a: missing");
        let first = first.with_findings(vec![finding("a"), finding("b")]);
        assert_eq!(
            text(first),
            "error: 2 findings, the first: a: missing\n  b: missing\n"
        );
        let many = Error::new(ErrorKind::Corrupt, "backup 1").with_findings(vec![finding("a"); 25]);
        assert!(text(many).ends_with("  a: missing\n  and 5 more; --json names them all\n"));
    }

    #[test]
    fn names_in_errors_are_made_safe() {
        assert_eq!(
            text(Error::corrupt("private/1/\u{1b}[2J", "bad")),
            "error: private/1/\\u{1b}[2J: bad\n"
        );
    }

    #[test]
    fn a_full_disk_comes_with_advice() {
        let full = Error::io("writing x", io::ErrorKind::StorageFull.into());
        assert!(text(full).contains("\nhint: nothing that was there before has changed"));
    }
}
