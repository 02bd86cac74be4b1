//! Other programs that take part in the bench, each built in a directory of its own if it is not there yet.

use std::path::PathBuf;
use std::process::Command;

use crate::workspace;

/// Of which each is a crate with its version, and what `cargo install` is told besides.
const EAT_ROCKS: ([&str; 2], &[&str]) = (["eat-rocks", "0.4.0"], &["--features", "cli"]);
const RUSTIC: ([&str; 2], &[&str]) = (["rustic-rs", "0.11.4"], &[]);

/// A Go module.
const RESTIC: &str = "github.com/restic/restic/cmd/restic@v0.18.1";

pub(crate) fn eat_rocks() -> Option<PathBuf> {
    of_cargo("eat-rocks", EAT_ROCKS)
}

pub(crate) fn rustic() -> Option<PathBuf> {
    of_cargo("rustic", RUSTIC)
}

/// That of the system's package, as rocksdb-tools of Debian.
pub(crate) fn sst_dump() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|directory| directory.join("sst_dump"));
    found.into_iter().find(|program| program.exists())
}

/// Built by `go install`.
pub(crate) fn restic() -> Option<PathBuf> {
    let root = workspace::target().join("restic-0.18.1");
    let program = root.join("restic");
    let mut install = Command::new("go");
    install.args(["install", RESTIC]).env("GOBIN", &root);
    installed("restic", program, install)
}

/// The program of a crate.
fn of_cargo(program: &str, ([name, version], more): ([&str; 2], &[&str])) -> Option<PathBuf> {
    let root = workspace::target().join(format!("{name}-{version}"));
    let mut install = workspace::cargo();
    install
        .args([
            "install",
            name,
            "--version",
            version,
            "--locked",
            "--quiet",
            "--root",
        ])
        .arg(&root)
        .args(more)
        // Else its build stays there.
        .env_remove("CARGO_TARGET_DIR");
    installed(program, root.join("bin").join(program), install)
}

/// `None`, after a note, if it cannot be built.
fn installed(name: &str, program: PathBuf, mut install: Command) -> Option<PathBuf> {
    if program.exists() {
        return Some(program);
    }
    eprintln!("building {name}, which takes some minutes");
    match workspace::run(&mut install) {
        Ok(()) => Some(program),
        Err(reason) => {
            eprintln!("{name} takes no part: {reason}");
            None
        }
    }
}
