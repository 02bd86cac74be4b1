//! The documents agree with the sources: links, examples, flags, names of tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use stonekeep::WarningName;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The documents at the root and in `docs/`, by their path from the root.
fn documents() -> Vec<(String, String)> {
    let root = root();
    let mut documents = Vec::new();
    for directory in ["", "docs"] {
        for entry in fs::read_dir(root.join(directory)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                documents.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(documents.iter().any(|(name, _)| name == "README.md"));
    documents.sort();
    documents
}

/// Every Rust source of the workspace.
fn sources(directory: &Path, texts: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_build_output = name == "target" && directory.join("Cargo.toml").exists();
        if path.is_dir() && !is_build_output && !name.starts_with('.') {
            sources(&path, texts);
        } else if name.ends_with(".rs") {
            texts.push(fs::read_to_string(&path).unwrap());
        }
    }
}

/// Each text between `open` and the next `close`.
fn between<'a>(text: &'a str, open: &str, close: char) -> Vec<&'a str> {
    text.match_indices(open)
        .filter_map(|(at, _)| text.get(at + open.len()..)?.split(close).next())
        .collect()
}

/// The anchor that a heading gets: lower case, spaces to hyphens, nothing else but letters, digits, hyphens.
fn anchor(heading: &str) -> String {
    let kept = heading
        .trim_start_matches('#')
        .trim()
        .chars()
        .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() })
        .collect()
}

fn has_heading(text: &str, wanted: &str) -> bool {
    text.lines()
        .any(|line| line.starts_with('#') && anchor(line) == wanted)
}

fn check(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn each_link_leads_somewhere() {
    let root = root();
    let mut findings = Vec::new();
    for (name, text) in documents() {
        let links = between(&text, "](", ')').into_iter();
        for link in links.filter(|link| !link.contains("://")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let document = root.join(&name);
            let path = if file.is_empty() {
                document
            } else {
                document.with_file_name(file)
            };
            let there = match heading {
                "" => path.exists(),
                _ => fs::read_to_string(&path).is_ok_and(|text| has_heading(&text, heading)),
            };
            if !there {
                findings.push(format!("{name}: {link} leads nowhere"));
            }
        }
    }
    check(&findings);
}

#[test]
fn each_invariant_has_tests_that_exist() {
    let mut texts = Vec::new();
    sources(&root(), &mut texts);
    let invariants = fs::read_to_string(root().join("docs/invariants.md")).unwrap();
    let rows = invariants
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| invariant"));
    let mut findings = Vec::new();
    let mut count = 0;
    for row in rows {
        let tests: Vec<&str> = row
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|word| word.contains('_'))
            .collect();
        if tests.is_empty() {
            findings.push(format!("no test: {row}"));
        }
        for test in tests {
            count += 1;
            let function = format!("fn {test}(");
            if !texts.iter().any(|text| text.contains(&function)) {
                findings.push(format!("there is no test {test}"));
            }
        }
    }
    assert!(count > 10, "{count} tests are named");
    check(&findings);
}

/// The lines of a crate's first example that are shown.
fn example_of(library: &str) -> Vec<String> {
    let library = fs::read_to_string(root().join(library)).unwrap();
    let (_, rest) = library.split_once("//! ```\n").unwrap();
    let (compiled, _) = rest.split_once("//! ```").unwrap();
    let lines = compiled.lines().map(|line| line.trim_start_matches("//!"));
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line));
    let shown = lines.filter(|line| !line.starts_with("# "));
    shown.map(str::to_owned).collect()
}

#[test]
fn the_examples_of_the_documents_are_those_that_are_compiled() {
    for (document, fence, library) in [
        ("README.md", "```rust\n", "crates/stonekeep/src/lib.rs"),
        ("docs/library.md", "```rust,ignore\n", "crates/rocksdb/src/lib.rs"),
    ] {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let (_, rest) = text.split_once(fence).unwrap();
        let (shown, _) = rest.split_once("```").unwrap();
        let shown: Vec<&str> = shown.lines().collect();
        assert_eq!(shown, example_of(library), "{document}");
    }
}

#[test]
fn each_path_of_a_source_exists() {
    let root = root();
    let mut findings = BTreeSet::new();
    for (name, text) in documents() {
        let code = text.split('`').skip(1).step_by(2);
        for path in code.filter(|code| code.starts_with("crates/") && !code.contains(char::is_whitespace)) {
            if !root.join(path).exists() {
                findings.insert(format!("{name}: {path} is not there"));
            }
        }
    }
    check(&findings.into_iter().collect::<Vec<_>>());
}

/// The verbs of the command, by the names of their variants in `Verb`.
fn verbs() -> BTreeSet<String> {
    let args = fs::read_to_string(root().join("crates/cli/src/cli.rs")).unwrap();
    let arms = args.lines().filter(|line| line.contains("=>"));
    let variants = arms.filter_map(|line| line.trim_start().strip_prefix("Verb::"));
    let verbs: BTreeSet<String> = variants
        .filter_map(|line| line.split([' ', '(']).next())
        .map(kebab_case)
        .collect();
    assert!(verbs.contains("backup"));
    verbs
}

/// The name of a command, of its variant.
fn kebab_case(variant: &str) -> String {
    let mut name = String::new();
    for letter in variant.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[test]
fn each_command_that_is_named_exists() {
    let verbs = verbs();
    let mut findings = BTreeSet::new();
    for (name, text) in documents() {
        for rest in text.split("stonekeep ").skip(1) {
            let end = rest
                .find(|c: char| !c.is_ascii_lowercase() && c != '-')
                .unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let is_word = after.starts_with([' ', '`', '\n', ':']);
            let is_option = word.starts_with('-');
            if is_word && !is_option && !word.is_empty() && !verbs.contains(word) {
                findings.insert(format!("{name}: there is no stonekeep {word}"));
            }
        }
    }
    check(&findings.into_iter().collect::<Vec<_>>());
}

#[test]
fn the_readme_names_every_command() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("All commands: ").unwrap();
    let (list, _) = rest.split_once(". ").unwrap();
    let named: BTreeSet<String> = list.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(named, verbs());
}

#[test]
fn each_flag_that_is_named_exists() {
    // Flags of cargo, of systemctl, of Docker, of eat-rocks, of MariaDB, of Ceph, of the AWS CLI.
    const OTHERS: [&str; 18] = [
        "--root",
        "--user",
        "--example",
        "--lib",
        "--locked",
        "--no-fail-fast",
        "--release",
        "--skip",
        "--path",
        "--target",
        "--all-targets",
        "--now",
        "--replace",
        "--tc-heuristic-recover",
        "--out-dir",
        "--mkfs",
        "--format",
        "--profile",
    ];
    let help = root().join("crates/cli/tests/all/help");
    let help: String = fs::read_dir(help)
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .chain(
            [
                "crates/bench/tests/all/help.txt",
                "crates/torture/src/main.rs",
                "xtask/src/bench.rs",
                "xtask/src/main.rs",
            ]
            .map(|path| fs::read_to_string(root().join(path)).unwrap()),
        )
        .collect();
    let known: BTreeSet<&str> = flags(&help).collect();
    let mut findings = BTreeSet::new();
    for (name, text) in documents() {
        let unknown = flags(&text).filter(|flag| !known.contains(flag) && !OTHERS.contains(flag));
        findings.extend(unknown.map(|flag| format!("{name}: there is no flag {flag}")));
    }
    check(&findings.into_iter().collect::<Vec<_>>());
}

fn flags(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && c != '-');
    words.filter(|word| word.len() > 3 && word.starts_with("--") && !word.starts_with("---"))
}

#[test]
fn the_table_of_warnings_is_complete() {
    let documents = documents();
    let (_, text) = documents.iter().find(|(name, _)| name == "docs/cli.md").unwrap();
    let section = text
        .split("\n## Warnings\n")
        .nth(1)
        .expect("a section about warnings");
    let section = section.split("\n## ").next().unwrap();
    let rows = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let listed: BTreeSet<&str> = rows.collect();
    let known: BTreeSet<&str> = WarningName::ALL.iter().map(|name| name.as_str()).collect();
    assert_eq!(listed, known);
}
