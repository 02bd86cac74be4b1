//! Files that are wrong in many ways, with what is said about them. `STONEKEEP_BLESS=1` takes the texts over.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{Ended, stonekeep};

/// Checks a file under the name `config.toml`, with these options.
fn check(text: &str, options: &[&str]) -> Ended {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("config.toml"), text).unwrap();
    let mut command = stonekeep();
    command.current_dir(directory.path()).args(["config", "check"]);
    Ended::from(
        command
            .args(["--config=config.toml"])
            .args(options)
            .output()
            .unwrap(),
    )
}

fn cases() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all/config_errors");
    let paths = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_case = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "toml");
    let mut paths: Vec<PathBuf> = paths.filter(is_case).collect();
    paths.sort();
    assert!(paths.len() >= 6, "{paths:?}");
    paths
}

#[test]
fn each_mistake_is_named_with_its_line() {
    for path in cases() {
        let ended = check(&fs::read_to_string(&path).unwrap(), &[]).code(1);
        assert_eq!(ended.stderr, "");
        let golden = path.with_extension("txt");
        if std::env::var_os("STONEKEEP_BLESS").is_some() {
            fs::write(&golden, &ended.stdout).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(ended.stdout, expected, "{}", path.display());
        for secret in ["not-shown", "secret-path", "password@"] {
            assert!(!ended.stdout.contains(secret), "{ended:#?}");
        }
    }
}

#[test]
fn json_has_each_mistake_too() {
    for path in cases() {
        let document = check(&fs::read_to_string(&path).unwrap(), &["--json"])
            .code(1)
            .json();
        assert_eq!(document["clean"], false);
        let problems = document["problems"].as_array().unwrap();
        let text = fs::read_to_string(path.with_extension("txt")).unwrap();
        assert_eq!(problems.len(), text.matches("error: ").count());
        for problem in problems {
            let place = format!("config.toml:{}:{}: ", problem["line"], problem["column"]);
            let message = problem["message"].as_str().unwrap();
            assert!(text.contains(&format!("{place}{message}")), "{problem}");
        }
    }
}

#[test]
fn files_that_are_meant_to_do_harm_are_refused_in_good_time() {
    let deep = format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let tables = format!("[{}]", vec!["a"; 100_000].join("."));
    let long = format!("[database.app]\npath = \"/{}\"\n", "x".repeat(900_000));
    let many: String = (0..20_000).map(|number| format!("[wrong.a{number}]\n")).collect();
    for text in [
        &*deep,
        &tables,
        &long,
        &many,
        "\0",
        "[database]\u{feff}",
        "\u{202e}= 1",
    ] {
        let ended = check(text, &[]).code(1);
        let line = ended.stdout.lines().next().unwrap();
        assert!(line.starts_with("error: config.toml:"), "{line:.200}");
        assert!(!ended.stdout.contains('\u{202e}'));
    }
}
