//! The rules of the project that a program can check: layers, sizes, headers, forgotten files.

use std::fs;
use std::path::{Path, PathBuf};

const MAX_FILE_LINES: usize = 400;
const MAX_FUNCTION_LINES: usize = 70;

/// A Rust file of the workspace, by its path from the workspace's root.
struct Source {
    path: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn walk(directory: &Path, visit: &mut dyn FnMut(&Path)) {
    let mut entries: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !path.is_symlink() {
            let is_build_output = name == "target" && directory.join("Cargo.toml").exists();
            let skipped = is_build_output || name == ".git" || name == "corpus" || name == "artifacts";
            if !skipped {
                walk(&path, visit);
            }
        } else {
            visit(&path);
        }
    }
}

fn files(extensions: &[&str]) -> Vec<Source> {
    let root = root();
    let mut files = Vec::new();
    walk(&root, &mut |path| {
        let extension = path
            .extension()
            .map(|extension| extension.to_string_lossy().into_owned());
        if extension.is_some_and(|extension| extensions.contains(&extension.as_str())) {
            let path_text = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            files.push(Source {
                path: path_text,
                text: fs::read_to_string(path).unwrap(),
            });
        }
    });
    assert!(!files.is_empty());
    files
}

fn check(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

/// The paths that a source names in `use` lines and in expressions, with what they begin with.
fn names(source: &Source, path: &str) -> bool {
    let code = source
        .text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.into_iter().any(|line| {
        line.match_indices(path).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + path.len()..].chars().next();
            let part_of_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            !part_of_word(before) && !part_of_word(after)
        })
    })
}

/// In `use crate::{a, b::c}` the floors stand alone; this finds them wherever they are in such a line.
fn uses_floor(source: &Source, floor: &str) -> bool {
    names(source, &format!("crate::{floor}"))
        || source
            .text
            .lines()
            .filter(|line| line.starts_with("use crate::{"))
            .any(|line| {
                line.split(['{', ',', '}', ' ', ';'])
                    .any(|part| part == floor || part.starts_with(&format!("{floor}::")))
            })
}

#[test]
fn dependencies_point_downwards() {
    // Each floor of the library with the floors that it must not know.
    const FLOORS: [(&str, &[&str]); 6] = [
        (
            "crates/stonekeep/src/disk/",
            &["store", "image", "repo", "engine"],
        ),
        (
            "crates/stonekeep/src/store/",
            &["image", "target", "repo", "engine"],
        ),
        (
            "crates/stonekeep/src/image/",
            &["store", "target", "repo", "engine"],
        ),
        (
            "crates/stonekeep/src/target/",
            &["store", "image", "repo", "engine"],
        ),
        ("crates/stonekeep/src/repo/", &["disk", "target", "engine"]),
        ("crates/stonekeep/src/engine/", &["disk"]),
    ];
    let mut findings = Vec::new();
    let mut seen = [0; FLOORS.len()];
    for source in files(&["rs"]) {
        for (at, (floor, above)) in FLOORS.iter().enumerate() {
            if source.path.starts_with(floor) {
                seen[at] += 1;
                let used = above.iter().filter(|above| uses_floor(&source, above));
                findings
                    .extend(used.map(|above| format!("{} knows the floor above it: {above}", source.path)));
            }
        }
        if source.path.starts_with("crates/format/src/") && names(&source, "stonekeep") {
            findings.push(format!("{} knows a crate above it", source.path));
        }
        let library = ["crates/format/src/", "crates/stonekeep/src/"]
            .iter()
            .any(|it| source.path.starts_with(it));
        for forbidden in ["anyhow", "std::env::var", "println!", "eprintln!"] {
            if library && names(&source, forbidden) {
                findings.push(format!(
                    "{} uses {forbidden}, which the library must not",
                    source.path
                ));
            }
        }
        let clock = source.path == "crates/stonekeep/src/clock.rs";
        for forbidden in ["SystemTime::now", "Instant::now"] {
            let tests = source.path.contains("/tests") || source.text.contains("#[cfg(test)]");
            if library && !clock && !tests && names(&source, forbidden) {
                findings.push(format!(
                    "{} asks the machine for the time instead of a Clock",
                    source.path
                ));
            }
        }
    }
    assert!(
        seen.iter().all(|count| *count > 0),
        "a floor has no files: {seen:?}"
    );
    check(&findings);
}

#[test]
fn only_the_proof_and_the_bench_link_rocksdb() {
    let mut findings = Vec::new();
    for source in files(&["toml"]) {
        let linked = source
            .text
            .lines()
            .any(|line| line.starts_with("rocksdb") || line.starts_with("librocksdb-sys"));
        let may = ["crates/proof/", "crates/bench/", "crates/rocksdb/"]
            .iter()
            .any(|it| source.path.starts_with(it));
        if linked && !may && source.path != "Cargo.toml" {
            findings.push(format!("{} links RocksDB", source.path));
        }
    }
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let default = manifest
        .lines()
        .find(|line| line.starts_with("default-members"))
        .expect("default-members in one line");
    for outside in [
        "crates/proof",
        "crates/bench",
        "crates/rocksdb",
        "crates/torture",
        "xtask",
    ] {
        if default.contains(outside) {
            findings.push(format!("{outside} is among the default members"));
        }
    }
    check(&findings);
}

#[test]
fn nothing_is_left_of_a_merge() {
    let marks = ["<<<<<<<", ">>>>>>>"].map(|mark| format!("{mark} "));
    let mut findings = Vec::new();
    for source in files(&["rs", "md", "toml", "yml", "txt"]) {
        let marked = |line: &str| marks.iter().any(|mark| line.starts_with(mark));
        if source.text.lines().any(marked) {
            findings.push(format!("{} has two versions of something in it", source.path));
        }
    }
    check(&findings);
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let mut findings = Vec::new();
    for source in files(&["rs"]) {
        let lines = source.text.lines().count();
        if lines > MAX_FILE_LINES {
            findings.push(format!(
                "{} has {lines} lines, more than {MAX_FILE_LINES}",
                source.path
            ));
        }
        let header = source.text.lines().find(|line| !line.starts_with("#!["));
        if !header.is_some_and(|line| line.starts_with("//! ")) {
            findings.push(format!(
                "{} does not begin with a line that says its job",
                source.path
            ));
        }
        findings.extend(long_functions(&source));
    }
    check(&findings);
}

/// Functions by their indentation: rustfmt closes each with a brace in the column of its `fn` line.
fn long_functions(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut findings = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let words: Vec<&str> = trimmed.split_whitespace().take(5).collect();
        let is_function = words.contains(&"fn") && !trimmed.starts_with("//") && !trimmed.ends_with(';');
        if !is_function {
            continue;
        }
        let close = format!("{}}}", &line[..line.len() - trimmed.len()]);
        let length = lines[at..]
            .iter()
            .position(|line| *line == close)
            .map_or(0, |end| end + 1);
        if length > MAX_FUNCTION_LINES {
            let name = words
                .iter()
                .skip_while(|word| **word != "fn")
                .nth(1)
                .copied()
                .unwrap_or("?");
            findings.push(format!(
                "{}:{}: {name} has {length} lines, more than {MAX_FUNCTION_LINES}",
                source.path,
                at + 1
            ));
        }
    }
    findings
}

#[test]
fn names_and_notes_say_something() {
    let mut findings = Vec::new();
    for source in files(&["rs"]) {
        let parts = source.path.trim_end_matches(".rs").split('/');
        for part in
            parts.filter(|part| ["util", "utils", "common", "helper", "helpers", "misc"].contains(part))
        {
            findings.push(format!("{} is called {part}, which says nothing", source.path));
        }
        if source.path.ends_with("tests/all/tidy.rs") {
            continue;
        }
        for (at, line) in source.text.lines().enumerate() {
            for word in [
                "TODO",
                "FIXME",
                "XXX",
                "todo!(",
                "unimplemented!(",
                "#[ignore",
                "dbg!(",
            ] {
                if line.contains(word) {
                    findings.push(format!("{}:{}: {word}", source.path, at + 1));
                }
            }
            let silences =
                line.trim_start().starts_with("#[allow(") || line.trim_start().starts_with("#![allow(");
            if silences {
                findings.push(format!(
                    "{}:{}: expect a lint with a reason, do not allow it",
                    source.path,
                    at + 1
                ));
            }
        }
    }
    check(&findings);
}

#[test]
fn no_test_file_is_forgotten() {
    let mut findings = Vec::new();
    for source in files(&["rs"]) {
        let Some((directory, name)) = source.path.rsplit_once('/') else {
            continue;
        };
        if !source.path.contains("tests/all/") || name == "main.rs" {
            continue;
        }
        // A folder is declared where it lies, by its name; its files in its own `mod.rs`.
        let (directory, module) = match (name, directory.rsplit_once('/')) {
            ("mod.rs", Some((above, folder))) => (above, folder),
            _ => (directory, name.trim_end_matches(".rs")),
        };
        let declared_in = if directory.ends_with("tests/all") {
            format!("{directory}/main.rs")
        } else {
            format!("{directory}/mod.rs")
        };
        let declaration = format!("mod {module};");
        let declarations = fs::read_to_string(root().join(declared_in)).unwrap_or_default();
        if !declarations
            .lines()
            .any(|line| line.trim_start_matches("pub(crate) ") == declaration)
        {
            findings.push(format!("{} is in no test binary", source.path));
        }
    }
    check(&findings);
}

#[test]
fn no_file_names_the_machine_where_it_was_made() {
    let mut findings = Vec::new();
    for source in files(&["rs", "md", "toml", "sh", "java", "cc", "py"]) {
        if source.path.ends_with("tests/all/tidy.rs") {
            continue;
        }
        for (at, line) in source.text.lines().enumerate() {
            for word in [
                "/work/",
                "/tmp/wt",
                "/root/",
                "crates.io",
                "helper agent",
                "AI-generated",
            ] {
                if line.contains(word) {
                    findings.push(format!("{}:{}: {word}", source.path, at + 1));
                }
            }
        }
    }
    check(&findings);
}
