//! The start of the command.

use std::path::Path;

use super::{Contestant, Figure, Scenario, Set, Wanted};
use crate::task::Task;

/// Milliseconds matter where a script calls the command often.
const START_S: f64 = 0.010;

pub(super) fn start(command: &Path) -> Set {
    let task = Task::Command {
        command: command.to_owned(),
        arguments: vec!["--version".into()],
        items: 1,
    };
    Set {
        make: Vec::new(),
        scenarios: vec![Scenario {
            name: "command/start".to_owned(),
            title: "start and end of the command".to_owned(),
            contestants: vec![Contestant::stonekeep(task)],
            wanted: vec![Wanted::Limit {
                figure: Figure::Wall,
                at_most: START_S,
            }],
        }],
    }
}
