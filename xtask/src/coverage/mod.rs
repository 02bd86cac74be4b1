//! `cargo xtask coverage`: which lines of each layer the tests run that need no C++, against a floor for each layer.
//!
//! The tests themselves are run by the command that the README names, in an environment in which the compiler counts:
//! `begin` prints that environment for a shell, `report` judges the counts. Without either word, all of it is done.

mod counts;
mod tools;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use counts::Lines;
use tools::Tools;

use crate::workspace;

const USAGE: &str = "usage: cargo xtask coverage [begin | report [--missed]]";

/// A layer, and the smallest allowed share of its lines, in percent.
struct Layer {
    path: &'static str,
    floor: u32,
    /// Whether much of it only runs where the tests have servers.
    needs_servers: bool,
}

const LAYERS: [Layer; 5] = [
    Layer::new("crates/format/src", 95),
    Layer::new("crates/stonekeep/src/image", 94),
    Layer {
        needs_servers: true,
        ..Layer::new("crates/stonekeep/src/store", 95)
    },
    Layer::new("crates/stonekeep/src/repo", 95),
    Layer::new("crates/stonekeep/src/engine", 94),
];

/// The variables that name the servers of the tests; `none` stands for none.
const SERVERS: [&str; 2] = ["STONEKEEP_TEST_S3", "STONEKEEP_TEST_HDFS"];

impl Layer {
    const fn new(path: &'static str, floor: u32) -> Self {
        Layer {
            path,
            floor,
            needs_servers: false,
        }
    }

    /// How many lines hold code, and how many of them ran.
    fn lines(&self, files: &BTreeMap<PathBuf, Lines>) -> (usize, usize) {
        let of_layer = files.iter().filter(|(file, _)| file.starts_with(self.path));
        of_layer.fold((0, 0), |(count, covered), (_, lines)| {
            (count + lines.count(), covered + lines.covered)
        })
    }
}

/// Counts, and fails if a layer is below its floor.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => {
            let tools = Tools::find()?;
            tools.begin()?;
            let mut tests = workspace::cargo();
            tests.args(["test", "--locked", "--no-fail-fast"]);
            workspace::run(tests.envs(tools.environment()))?;
            report(&tools, false)
        }
        ["begin"] => {
            let tools = Tools::find()?;
            tools.begin()?;
            for (name, value) in tools.environment() {
                println!("export {name}='{}'", value.replace('\'', r"'\''"));
            }
            Ok(())
        }
        ["report"] => report(&Tools::find()?, false),
        ["report", "--missed"] => report(&Tools::find()?, true),
        _ => Err(USAGE.to_owned()),
    }
}

/// Prints the share of each layer, and with `lists_missed` the lines that no test runs.
fn report(tools: &Tools, lists_missed: bool) -> Result<(), String> {
    let files = counts::of_lcov(&tools.lcov()?, workspace::root())?;
    if lists_missed {
        for (file, lines) in &files {
            if in_any_layer(file) && !lines.missed.is_empty() {
                println!("{} {}", file.display(), counts::ranges(&lines.missed));
            }
        }
    }
    println!(
        "{:30} {:>8} {:>8} {:>8} {:>6}",
        "layer", "lines", "covered", "share", "floor"
    );
    let (has_servers, mut below) = (has_servers(), Vec::new());
    for layer in &LAYERS {
        let ((count, covered), floor) = (layer.lines(&files), layer.floor);
        let (path, share) = (layer.path, percent(covered, count));
        let is_judged = has_servers || !layer.needs_servers;
        let remark = if is_judged {
            ""
        } else {
            "  not judged: the tests had no servers"
        };
        println!("{path:30} {count:>8} {covered:>8} {share:>6.2} % {floor:>4} %{remark}");
        if is_judged && share < f64::from(floor) {
            below.push(path);
        }
    }
    if below.is_empty() {
        return Ok(());
    }
    Err(format!(
        "too few lines are covered in {}; \"cargo xtask coverage report --missed\" lists those that are not",
        below.join(", ")
    ))
}

fn in_any_layer(file: &Path) -> bool {
    LAYERS.iter().any(|layer| file.starts_with(layer.path))
}

fn has_servers() -> bool {
    SERVERS
        .iter()
        .all(|name| std::env::var(name).is_ok_and(|server| server != "none"))
}

/// A layer of which nothing was counted has no share.
fn percent(covered: usize, count: usize) -> f64 {
    if count == 0 {
        return 0.0;
    }
    covered as f64 * 100.0 / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_that_was_not_counted_is_below_its_floor() {
        assert!(percent(0, 0) < 1.0);
        assert!(percent(94, 100) < 95.0);
        assert!(percent(95, 100) >= 95.0);
    }

    #[test]
    fn the_layers_exist() {
        for layer in &LAYERS {
            assert!(workspace::root().join(layer.path).is_dir(), "{}", layer.path);
        }
    }
}
