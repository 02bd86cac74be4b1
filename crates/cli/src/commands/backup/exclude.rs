//! Which files `backup --exclude` leaves out.

use glob::Pattern;
use stonekeep::format::backup_name::RepoPath;

/// Patterns for file names.
#[derive(Debug)]
pub(super) struct Excludes(pub(super) Vec<Pattern>);

/// A pattern as it is typed.
pub(super) fn parse_pattern(text: &str) -> Result<Pattern, String> {
    Pattern::new(text).map_err(|error| error.to_string())
}

impl Excludes {
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
        let patterns = ["*.blob", "00000[1-3].sst"].map(|text| parse_pattern(text).unwrap());
        let excludes = Excludes(patterns.to_vec());
        assert!(excludes.has("shared_checksum/000009_1234_980.blob"));
        assert!(excludes.has("shared_checksum/000002_s0123456789ABCDEFGHIJ_980.sst"));
        assert!(!excludes.has("shared_checksum/000004_s0123456789ABCDEFGHIJ_980.sst"));
    }
}
