//! Rewrites committed fixtures: those named in the arguments, or all.

use std::process::ExitCode;

use stonekeep_proof::{ProofError, fixtures};

#[expect(
    clippy::print_stderr,
    reason = "a command says what it does and what went wrong"
)]
fn main() -> ExitCode {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    if names.is_empty() {
        names.extend(stonekeep_testkit::fixtures::ALL.map(str::to_owned));
    }
    for name in names {
        eprintln!("making {name}");
        match fixtures::make(&name, fixtures::committed()) {
            Ok(true) => {}
            Ok(false) => {
                eprintln!("no fixture is named {name}");
                return ExitCode::from(2);
            }
            Err(error) => {
                eprintln!("{}", explained(&error));
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn explained(error: &ProofError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
