//! Finds the databases that a pattern matches.
//!
//! The pattern is an absolute path, in whose names `*`, `?` and `[...]` match, as in `/var/lib/kafka-streams/*/*/rocksdb/*`. Each name
//! with a wildcard gives a part, by which the database is named. A directory is a database if it has a file `CURRENT`.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};
use stonekeep::{IoContext, Result};

use super::prefix::escape;

/// A pattern in the form that it is searched in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PathPattern {
    pub(super) text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(OsString),
    Wildcard(Pattern),
}

/// A database that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// What the wildcards matched, escaped.
    pub(super) parts: Vec<String>,
}

/// A name that begins with a dot is matched by a pattern that does.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

impl PathPattern {
    pub(super) fn parse(text: &str) -> std::result::Result<Self, String> {
        let path = Path::new(text);
        if !path.is_absolute() {
            return Err(format!("must be an absolute path, not {text:?}"));
        }
        let mut steps = Vec::new();
        for component in path.components() {
            let name = match component {
                Component::RootDir => continue,
                Component::Normal(name) => name.to_string_lossy(),
                _ => return Err("must have no . or .. in it".to_owned()),
            };
            if name.contains("**") {
                return Err("cannot have ** in it: write one * for each directory".to_owned());
            }
            steps.push(if name.contains(['*', '?', '[']) {
                Step::Wildcard(Pattern::new(&name).map_err(|error| error.msg.to_owned())?)
            } else {
                Step::Name(component.as_os_str().to_owned())
            });
        }
        let pattern = PathPattern {
            text: text.to_owned(),
            steps,
        };
        if pattern.number_of_parts() == 0 {
            return Err("has no wildcard: use path for one database".to_owned());
        }
        Ok(pattern)
    }

    /// How many names have a wildcard.
    pub(super) fn number_of_parts(&self) -> usize {
        let wildcards = self.steps.iter().filter(|step| matches!(step, Step::Wildcard(_)));
        wildcards.count()
    }

    /// The databases that are there, by their names.
    pub(super) fn find(&self) -> Result<Vec<Found>> {
        let mut found = vec![Found {
            path: "/".into(),
            parts: Vec::new(),
        }];
        for step in &self.steps {
            let mut deeper = Vec::new();
            for place in found {
                match step {
                    Step::Name(name) => deeper.push(Found {
                        path: place.path.join(name),
                        ..place
                    }),
                    Step::Wildcard(pattern) => below(&place, pattern, &mut deeper)?,
                }
            }
            found = deeper;
        }
        found.retain(|place| is_database(&place.path));
        found.sort_by(|a, b| a.parts.cmp(&b.parts));
        Ok(found)
    }
}

/// Whether a directory has a database in it.
pub(crate) fn is_database(path: &Path) -> bool {
    path.join("CURRENT").is_file()
}

/// The directories in a place that match. A place that is no directory, or not any more, has none.
fn below(place: &Found, pattern: &Pattern, deeper: &mut Vec<Found>) -> Result<()> {
    let entries = match fs::read_dir(&place.path) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(error).context("listing the directory", &place.path),
    };
    for entry in entries {
        let entry = entry.context("listing the directory", &place.path)?;
        let name = entry.file_name();
        let matches = pattern.matches_with(&name.to_string_lossy(), OPTIONS);
        if !matches || !entry.path().is_dir() {
            continue;
        }
        let mut parts = place.parts.clone();
        parts.push(escape(name.as_bytes()));
        deeper.push(Found {
            path: entry.path(),
            parts,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn only_databases_are_found() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let odd = OsStr::from_bytes(b"b\xff d");
        for task in [OsStr::new("0_1"), OsStr::new("0_2"), odd, OsStr::new(".hidden")] {
            let database = root.join("app").join(task).join("rocksdb/store");
            fs::create_dir_all(&database).unwrap();
            fs::write(database.join("CURRENT"), "MANIFEST-1\n").unwrap();
        }
        fs::create_dir_all(root.join("app/0_3/rocksdb/empty")).unwrap();
        fs::write(root.join("app/file"), "").unwrap();
        let text = format!("{}/*/*/rocksdb/*", root.display());
        let pattern = PathPattern::parse(&text).unwrap();
        assert_eq!(pattern.number_of_parts(), 3);
        let found = pattern.find().unwrap();
        let names: Vec<String> = found.iter().map(|found| found.parts.join("/")).collect();
        assert_eq!(names, ["app/0_1/store", "app/0_2/store", "app/b~ff~20d/store"]);
        assert_eq!(found[0].path, root.join("app/0_1/rocksdb/store"));
        let nothing = PathPattern::parse("/no/such/place/*").unwrap();
        assert_eq!(nothing.find().unwrap(), []);
    }

    #[test]
    fn patterns_that_mean_something_else_are_refused() {
        for text in ["*/db", "/a/**/b", "/a/b", "/a/../*", "/a/[", ""] {
            assert!(PathPattern::parse(text).is_err(), "{text}");
        }
    }
}
