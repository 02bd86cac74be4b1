//! The help of every verb, as it is kept in `tests/all/help/`. `STONEKEEP_BLESS=1` writes it anew.

use std::fs;
use std::path::PathBuf;

use crate::command::{line, stonekeep};

const VERBS: &[&str] = &[
    "backup",
    "follow",
    "list",
    "show",
    "verify",
    "restore",
    "timeline",
    "drill",
    "open",
    "close",
    "copy",
    "check",
    "check-store",
    "delete",
    "purge",
    "undelete",
    "repair",
    "hold",
    "release",
    "gc",
    "inspect",
    "diff",
    "config",
    "completions",
    "man",
    "demo",
    "version",
];

fn check(name: &str, help: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/all/help/{name}.txt"));
    if std::env::var_os("STONEKEEP_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, help).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        help, kept,
        "the help of {name} has changed; STONEKEEP_BLESS=1 takes it over"
    );
}

#[test]
fn each_verb_explains_itself() {
    check("stonekeep", &line("--help").ok().stdout);
    for verb in VERBS {
        check(verb, &line(&format!("{verb} --help")).ok().stdout);
    }
    for (name, words) in [("config-check", "config check"), ("config-show", "config show")] {
        check(name, &line(&format!("{words} --help")).ok().stdout);
    }
}

#[test]
fn no_verb_is_without_a_test() {
    let help = line("--help").ok().stdout;
    let commands = help
        .split("Commands:\n")
        .nth(1)
        .unwrap()
        .split("\n\n")
        .next()
        .unwrap();
    let listed: Vec<&str> = commands
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let listed: Vec<&str> = listed.into_iter().filter(|verb| *verb != "help").collect();
    assert_eq!(listed, VERBS);
}

#[test]
fn values_of_environment_variables_are_not_in_the_help() {
    let mut command = stonekeep();
    command
        .env("STONEKEEP_REPO", "/secret/place")
        .args(["list", "--help"]);
    let help = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(
        help.contains("STONEKEEP_REPO") && !help.contains("/secret/place"),
        "{help}"
    );
}

#[test]
fn the_version_is_printed() {
    line("--version").ok().says(env!("CARGO_PKG_VERSION"));
}
