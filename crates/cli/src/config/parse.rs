//! Parses the configuration file, and checks what does not depend on the machine.

use clap::Command;
use toml::de::DeTable;

use super::entry::check_places;
use super::place::Found;
use super::problem::Problems;
use super::read::Config;
use super::table::Reader;

/// Parses a file; `cli` describes the options that it may have. The configuration lacks what the problems are about.
pub(crate) fn parse(found: Found, cli: &Command) -> (Config, Problems) {
    let Found { path, text } = found;
    let mut config = Config::new(path.clone());
    let mut reader = Reader::new(&text);
    let (root, errors) = DeTable::parse_recoverable(&text);
    for error in &errors {
        reader.wrong(error.span().unwrap_or_default(), error.message());
    }
    // What follows a mistake of the notation is often read wrongly.
    if errors.is_empty() {
        config.fill(&mut reader, root.get_ref(), cli);
        config.check_names(&mut reader);
        check_places(&config, &mut reader.problems);
    }
    (config, Problems::new(&path, reader.problems))
}
