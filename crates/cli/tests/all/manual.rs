//! `completions` and `man`.

use crate::command::{line, run, word};
use crate::shape;

#[test]
fn each_shell_gets_its_script() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        line(&format!("completions {shell}"))
            .ok()
            .says("stonekeep")
            .says("inspect");
    }
    let document = line("completions bash --json").ok().json();
    shape::check(&document, "completions", "shell: string, script: string");
}

#[test]
fn manual_pages_are_printed_or_written() {
    line("man").ok().says(".TH stonekeep 1");
    let document = line("man --json").ok().json();
    shape::check(&document, "man", "pages: [{name: string, text: string}]");

    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("man1");
    run(["man", "--out", word(&out)]).ok().says("pages written to");
    for page in ["stonekeep.1", "stonekeep-inspect.1"] {
        let text = std::fs::read_to_string(out.join(page)).unwrap();
        for section in ["SYNOPSIS", "\"EXIT STATUS\"", "ENVIRONMENT", "EXAMPLES"] {
            assert!(
                text.contains(&format!(".SH {section}")),
                "{page}: {section}\n{text}"
            );
        }
    }
    let document = run(["man", "--json", "--out", word(&out)]).ok().json();
    shape::check(&document, "man", "pages: [{name: string, file: string}]");
}
