//! Which files `backup --exclude` leaves out.

use glob::Pattern;
use stonekeep::format::backup_name::RepoPath;
use stonekeep::{Error, Result};

/// Patterns for file names.
#[derive(Debug)]
pub(super) struct Excludes(Vec<Pattern>);

impl Excludes {
    pub(super) fn parse(patterns: &[String]) -> Result<Self> {
        let parse = |text: &String| {
            Pattern::new(text).map_err(|error| {
                Error::invalid(format!("--exclude {text:?} is no pattern")).with_source(error)
            })
        };
        patterns.iter().map(parse).collect::<Result<_>>().map(Excludes)
    }

    /// Whether one of the patterns is for the file at this path of the repository: for its name in the database, or
    /// for the path.
    pub(super) fn has(&self, path: &str) -> bool {
        let in_database = RepoPath::parse(path).map(|path| path.restored_name().to_string());
        self.0.iter().any(|pattern| {
            pattern.matches(path) || in_database.as_deref().is_some_and(|name| pattern.matches(name))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_for_names_in_the_database() {
        let excludes = Excludes::parse(&["*.blob".to_owned(), "00000[1-3].sst".to_owned()]).unwrap();
        assert!(excludes.has("shared_checksum/000009_1234_980.blob"));
        assert!(excludes.has("shared_checksum/000002_s0123456789ABCDEFGHIJ_980.sst"));
        assert!(!excludes.has("shared_checksum/000004_s0123456789ABCDEFGHIJ_980.sst"));
    }

    #[test]
    fn a_pattern_that_is_none_is_a_usage_error() {
        let error = Excludes::parse(&["[".to_owned()]).unwrap_err();
        assert_eq!(error.kind(), stonekeep::ErrorKind::InvalidArgument);
    }
}
