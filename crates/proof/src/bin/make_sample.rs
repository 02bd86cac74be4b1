//! Writes the two states of the demo's database into a directory.

use std::path::Path;
use std::process::ExitCode;

#[expect(clippy::print_stderr, reason = "a command says what went wrong")]
fn main() -> ExitCode {
    let Some(target) = std::env::args_os().nth(1) else {
        eprintln!("usage: make_sample <directory>");
        return ExitCode::from(2);
    };
    match stonekeep_proof::sample::make(Path::new(&target)) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}: {:?}", std::error::Error::source(&error));
            ExitCode::FAILURE
        }
    }
}
