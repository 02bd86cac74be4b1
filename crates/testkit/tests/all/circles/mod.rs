//! No file of a crate depends on itself through other files.
//!
//! A file depends on another file if it names an item that the other file defines, in a private `use`, in an expression,
//! in a type or in a macro. Re-exports are followed to the definition, and are no dependency themselves. What a method
//! call needs is not seen.

mod crate_modules;
mod dependencies;
mod named_paths;
mod on_made_up_crates;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate_modules::CrateModules;
use dependencies::Dependencies;

/// How many files of a folder are still parts of circles: a folder and a number in each line. No folder is added and no
/// number rises; who undoes a circle lowers the number or removes the line.
const LEFT: &str = include_str!("left.txt");

#[test]
fn no_circle_of_files_in_any_crate() {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    let mut descriptions = Vec::new();
    for crate_path in crates() {
        let dependencies = dependencies_of(&source_files(&crate_path));
        for circle in dependencies.circles() {
            descriptions.push(dependencies.describe(&circle));
            for file in circle {
                let folder = file.rsplit_once('/').unwrap().0;
                *found.entry(folder.to_owned()).or_default() += 1;
            }
        }
    }
    let mut differences = Vec::new();
    let left = left();
    let folders: BTreeSet<&String> = found.keys().chain(left.keys()).collect();
    for folder in folders {
        let [found, left] = [&found, &left].map(|files| files.get(folder).copied().unwrap_or(0));
        if found != left {
            differences.push(format!(
                "{folder}: {found} files are in circles, circles/left.txt says {left}"
            ));
        }
    }
    assert!(
        differences.is_empty(),
        "\n{}\n{}\n",
        descriptions.join("\n"),
        differences.join("\n")
    );
}

fn left() -> BTreeMap<String, usize> {
    let lines = LEFT.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (folder, files) = line.split_once(' ').unwrap();
            (folder.to_owned(), files.parse().unwrap())
        })
        .collect()
}

fn dependencies_of(files: &BTreeMap<String, String>) -> Dependencies {
    let mut dependencies = Dependencies::default();
    for root in files.keys().filter(|path| is_root(path)) {
        dependencies.add(&CrateModules::parse(files, root));
    }
    dependencies
}

fn is_root(path: &str) -> bool {
    path.ends_with("src/lib.rs") || path.ends_with("src/main.rs") || path.contains("src/bin/")
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn crates() -> Vec<String> {
    let mut crates = vec!["xtask".to_owned()];
    for entry in fs::read_dir(workspace().join("crates")).unwrap() {
        crates.push(format!("crates/{}", entry.unwrap().file_name().to_string_lossy()));
    }
    crates.sort();
    crates
}

/// The sources of a crate, by their path from the root of the workspace.
fn source_files(crate_path: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut folders = BTreeSet::from([format!("{crate_path}/src")]);
    while let Some(folder) = folders.pop_first() {
        for entry in fs::read_dir(workspace().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().unwrap().is_dir() {
                folders.insert(path);
            } else if path.ends_with(".rs") {
                files.insert(path, fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    assert!(!files.is_empty(), "{crate_path} has no sources");
    files
}
