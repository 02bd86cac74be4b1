//! Captures databases while they are written, image after image, and judges each.

use std::path::PathBuf;
use std::process::ExitCode;

use stonekeep_proof::hot::settings;
use stonekeep_proof::hot::writer::Writer;

#[expect(clippy::print_stderr, reason = "a command says what went wrong")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("writer") => match writer(&arguments[1..]) {
            Ok(()) => ExitCode::SUCCESS,
            Err(reason) => {
                eprintln!("{reason}");
                ExitCode::FAILURE
            }
        },
        _ => {
            eprintln!("usage: soak");
            ExitCode::from(2)
        }
    }
}

/// What [`stonekeep_proof::hot::process::Launcher`] starts.
fn writer(arguments: &[String]) -> Result<(), String> {
    let [setting, root, seed] = arguments else {
        return Err("usage: soak writer <setting> <root> <seed>".to_owned());
    };
    let setting = settings::by_name(setting).ok_or_else(|| format!("there is no setting {setting}"))?;
    let seed = seed.parse().map_err(|_| format!("{seed} is no seed"))?;
    Writer::new(setting, PathBuf::from(root), seed)
        .and_then(|writer| writer.run())
        .map_err(|error| error.to_string())
}
