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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::option;

    const SAMPLE: &str = r#"
[hooks]
before = ["a", "b"]
ping-url = { env = "URL" }
time-limit = "5m"
[repository.nas]
url = "s3://bucket/x"
store-option = { aws_region = "r", token = { command = ["pass", "ä"] } }
[database.app]
path = "/var/lib/app"
repository = ["nas", "/b"]
prefix = "x/y"
backup = { tag = ["a"], sync = false, lock-wait = 7 }
[database.streams]
glob = "/var/*/[ab]/?"
repository = "nas"
prefix = "{1}/{2}/{3}"
[defaults.schedule]
backup-every = "1d"
"#;

    fn parsed(text: String, cli: &Command) -> (Config, Problems) {
        let path = "config.toml".into();
        parse(Found { path, text }, cli)
    }

    #[test]
    fn changed_files_have_problems_within_their_lines() {
        let cli = crate::cli::command();
        let (_, problems) = parsed(SAMPLE.to_owned(), &cli);
        assert_eq!(problems.list, []);
        let mut random = fastrand::Rng::with_seed(7);
        let pieces: Vec<char> = "[]{}=\"'\\,.#/ \n-ä0x\u{0}".chars().collect();
        for _ in 0..3000 {
            let mut letters: Vec<char> = SAMPLE.chars().collect();
            for _ in 0..random.usize(1..4) {
                let (at, last) = (random.usize(..letters.len()), letters.len() - 1);
                match random.u8(..3) {
                    0 => drop(letters.remove(at)),
                    1 => letters.insert(at, pieces[random.usize(..pieces.len())]),
                    _ => letters.swap(at, last),
                }
            }
            let text: String = letters.into_iter().collect();
            let lines = text.split('\n').count();
            let (_, problems) = parsed(text, &cli);
            for problem in problems.list {
                let at = problem.at;
                assert!(at.line >= 1 && at.line <= lines && at.column >= 1, "{problem:?}");
            }
        }
    }

    #[test]
    fn every_option_of_every_command_is_a_key_or_has_its_place() {
        let cli = crate::cli::command();
        let mut seen = 0;
        for verb in cli
            .get_subcommands()
            .filter(|verb| option::takes_a_repository(verb))
        {
            for (_, long) in option::options(verb) {
                seen += 1;
                let text = format!("[defaults.{}]\n{long} = {{}}\n", verb.get_name());
                let (_, problems) = parsed(text, &cli);
                let [problem] = &problems.list[..] else {
                    panic!("{long}: {problems:?}");
                };
                let is_elsewhere = problem.message.contains("cannot have the key") && problem.hint.is_some();
                assert!(
                    problem.message.contains(" must be ") || is_elsewhere,
                    "{problem:?}"
                );
            }
        }
        assert!(seen > 100, "{seen}");
    }
}
