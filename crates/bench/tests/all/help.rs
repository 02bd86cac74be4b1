//! The text of `--help` is the committed one, which the documents are checked against. `STONEKEEP_BLESS=1` rewrites it.

use std::fs;
use std::path::Path;
use std::process::Command;

fn help(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stonekeep-bench"));
    let output = command.args(arguments).arg("--help").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_help_is_as_it_was_written_down() {
    let said = [&[][..], &["growth"], &["remote"], &["prepare"]]
        .map(help)
        .join("\n");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all/help.txt");
    if std::env::var_os("STONEKEEP_BLESS").is_some() {
        fs::write(&path, &said).unwrap();
    }
    assert_eq!(said, fs::read_to_string(path).unwrap());
}
