//! Reads the values of a parsed file, and collects what is wrong with them.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::names::did_you_mean;
use super::problem::{At, Problem};
use crate::args::quantity::parse_duration;

/// A value with its place.
pub(super) type Value<'t> = Spanned<DeValue<'t>>;

/// The places of the lines, and the problems so far.
#[derive(Debug)]
pub(super) struct Reader<'t> {
    text: &'t str,
    /// Where each line begins.
    lines: Vec<usize>,
    pub(super) problems: Vec<Problem>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Reader {
            text,
            lines: std::iter::once(0).chain(ends).collect(),
            problems: Vec::new(),
        }
    }

    /// The line and the column where something begins.
    pub(super) fn at(&self, span: Range<usize>) -> At {
        let offset = span.start.min(self.text.len());
        let line = self.lines.partition_point(|begin| *begin <= offset);
        let begin = self.lines[line - 1];
        let before = self.text.get(begin..offset).unwrap_or_default();
        At {
            line,
            column: before.chars().count() + 1,
        }
    }

    pub(super) fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(super) fn wrong(&mut self, span: Range<usize>, message: impl Into<String>) {
        let at = self.at(span);
        self.problem(Problem::new(at, message));
    }

    /// Reports a key that is not known here.
    pub(super) fn unknown<'n>(
        &mut self,
        span: Range<usize>,
        (key, place): (&str, &str),
        known: impl IntoIterator<Item = &'n str>,
    ) {
        let at = self.at(span);
        let message = format!("{place} has no key {key:?}");
        self.problem(Problem::new(at, message).with_hint_of(did_you_mean(key, known)));
    }

    pub(super) fn table<'v>(&mut self, value: &'v Value<'t>, what: &str) -> Option<&'v DeTable<'t>> {
        match value.get_ref() {
            DeValue::Table(table) => Some(table),
            _ => {
                self.wrong(value.span(), format!("{what} must be a table"));
                None
            }
        }
    }

    pub(super) fn string<'v>(&mut self, value: &'v Value<'t>, what: &str) -> Option<&'v str> {
        match value.get_ref() {
            DeValue::String(text) => Some(text),
            _ => {
                self.wrong(value.span(), format!("{what} must be a string"));
                None
            }
        }
    }

    /// Strings: an array of them, or one.
    pub(super) fn strings(&mut self, value: &Value<'t>, what: &str) -> Vec<(String, At)> {
        let items: Vec<&Value<'t>> = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        };
        let mut strings = Vec::new();
        for item in items {
            let at = self.at(item.span());
            if let Some(text) = self.string(item, what) {
                strings.push((text.to_owned(), at));
            }
        }
        strings
    }

    /// A path that means the same wherever the command is started.
    pub(super) fn path(&mut self, value: &Value<'t>, what: &str) -> Option<PathBuf> {
        let path = PathBuf::from(self.string(value, what)?);
        if path.is_absolute() {
            return Some(path);
        }
        self.wrong(
            value.span(),
            format!("{what} must be an absolute path, not {:?}", path.display()),
        );
        None
    }

    /// A program and its arguments; no shell is involved.
    pub(super) fn command(&mut self, value: &Value<'t>, what: &str) -> Option<Vec<String>> {
        let DeValue::Array(items) = value.get_ref() else {
            let at = self.at(value.span());
            let message = format!("{what} must be an array of the program and its arguments");
            let hint = "there is no shell: write [\"sh\", \"-c\", \"…\"] for one";
            self.problem(Problem::new(at, message).with_hint(hint));
            return None;
        };
        let mut words = Vec::new();
        for item in items {
            words.push(self.string(item, what)?.to_owned());
        }
        if words.first().is_none_or(String::is_empty) {
            self.wrong(value.span(), format!("{what} names no program"));
            return None;
        }
        if let Some(program) = words.first()
            && program.contains('/')
            && !program.starts_with('/')
        {
            let at = self.at(value.span());
            let message = format!("{what}: {program:?} would be another program in each directory");
            let hint = "write an absolute path, or a name without a slash, which PATH has";
            self.problem(Problem::new(at, message).with_hint(hint));
            return None;
        }
        Some(words)
    }

    /// A duration as on the command line, or a number of seconds.
    pub(super) fn duration(&mut self, value: &Value<'t>, what: &str) -> Option<Duration> {
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
            _ => {
                self.wrong(value.span(), format!("{what} must be a duration such as \"24h\""));
                return None;
            }
        };
        match parse_duration(&text) {
            Ok(Duration::ZERO) => {
                self.wrong(value.span(), format!("{what} must be above 0"));
                None
            }
            Ok(duration) => Some(duration),
            Err(reason) => {
                self.wrong(value.span(), format!("{what}: {reason}"));
                None
            }
        }
    }
}
