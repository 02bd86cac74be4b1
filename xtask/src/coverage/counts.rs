//! Reads what `llvm-cov export -format=lcov` prints: how often each line has run. Lines of unit tests do not count.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The lines of a file that hold code.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pub(crate) covered: usize,
    pub(crate) missed: Vec<usize>,
}

impl Lines {
    pub(crate) fn count(&self) -> usize {
        self.covered + self.missed.len()
    }
}

/// The lines of each file below `root`, by its path from there.
pub(crate) fn of_lcov(lcov: &str, root: &Path) -> Result<BTreeMap<PathBuf, Lines>, String> {
    let root = root
        .canonicalize()
        .map_err(|error| format!("{}: {error}", root.display()))?;
    let mut files = BTreeMap::new();
    for record in lcov.split("end_of_record") {
        let Some(file) = record.lines().find_map(|line| line.strip_prefix("SF:")) else {
            continue;
        };
        let Ok(file) = Path::new(file).strip_prefix(&root) else {
            continue;
        };
        if file.components().any(|part| part.as_os_str() == "tests") {
            continue;
        }
        let text =
            fs::read_to_string(root.join(file)).map_err(|error| format!("{}: {error}", file.display()))?;
        files.insert(file.to_owned(), lines(record, tests_begin(&text))?);
    }
    Ok(files)
}

/// The number of the line at which the unit tests of a file begin, which are at its end.
fn tests_begin(text: &str) -> usize {
    let mut before = "";
    for (at, line) in text.lines().enumerate() {
        if before == "#[cfg(test)]" && line.starts_with("mod ") && line.ends_with('{') {
            return at;
        }
        before = line;
    }
    usize::MAX
}

/// `DA:<line>,<times>` for each line that holds code.
fn lines(record: &str, end: usize) -> Result<Lines, String> {
    let mut lines = Lines::default();
    for counted in record.lines().filter_map(|line| line.strip_prefix("DA:")) {
        let numbers = counted.split_once(',').and_then(|(line, times)| {
            let times = times.split(',').next()?;
            Some((line.parse::<usize>().ok()?, times.parse::<u64>().ok()?))
        });
        match numbers {
            Some((line, _)) if line >= end => {}
            Some((line, 0)) => lines.missed.push(line),
            Some(_) => lines.covered += 1,
            None => return Err(format!("llvm-cov has printed what is not known: DA:{counted}")),
        }
    }
    Ok(lines)
}

/// `3 7-9`
pub(crate) fn ranges(lines: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for line in lines {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *line => *last = *line,
            _ => ranges.push((*line, *line)),
        }
    }
    let texts: Vec<String> = ranges
        .iter()
        .map(|(first, last)| {
            if first == last {
                format!("{first}")
            } else {
                format!("{first}-{last}")
            }
        })
        .collect();
    texts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_up_to_the_tests() {
        let record = "SF:x\nDA:1,5\nDA:2,0\nDA:3,0\nDA:9,0\nDA:10,7\nLF:5\n";
        let counted = lines(record, 9).unwrap();
        assert_eq!(
            (counted.covered, counted.missed.as_slice(), counted.count()),
            (1, &[2, 3][..], 3)
        );
        assert!(lines("DA:x,1", 9).is_err());
    }

    #[test]
    fn tests_begin_with_their_attribute() {
        assert_eq!(tests_begin("a\nb\n#[cfg(test)]\nmod tests {\n}\n"), 3);
        assert_eq!(tests_begin("#[cfg(test)]\nmod tests;\nfn f() {}\n"), usize::MAX);
    }

    #[test]
    fn neighbours_are_one_range() {
        assert_eq!(ranges(&[1, 3, 4, 5, 9]), "1 3-5 9");
        assert_eq!(ranges(&[]), "");
    }

    #[test]
    fn files_elsewhere_and_those_of_tests_are_left_out() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().unwrap();
        let record = |file: &str| format!("SF:{}\nDA:1,1\nend_of_record\n", root.join(file).display());
        let lcov = [
            record("src/main.rs"),
            record("src/tests/x.rs"),
            record("/elsewhere.rs"),
        ]
        .concat();
        let files = of_lcov(&lcov, &root).unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), [Path::new("src/main.rs")]);
    }
}
