//! One backup in two repositories, beside one in one.

use super::tool::Commands;
use crate::data::Step;
use crate::data::tables::Tables;
use crate::scenario::{Contestant, ONE_REPOSITORY, Peer, Scenario, Set, Setting, Wanted};
use crate::task::{By, Task};

const OF_ONE_REPOSITORY: f64 = 1.15;

pub(super) fn backup(setting: &Setting, commands: &Commands, tables: Tables, rate_mib: u64) -> Set {
    let root = setting.directory.join("several");
    let (database, repositories) = (root.join("db"), root.join("repositories"));
    let contestant = |name: &str, count: usize, rate_mib: u64| {
        let mut arguments = vec!["backup".into(), database.clone().into()];
        for number in 0..count {
            arguments.extend(["--repo".into(), repositories.join(number.to_string()).into()]);
        }
        arguments.push(format!("--backup-rate-limit={rate_mib}MiB/s").into());
        let task = Task::Command {
            command: commands.stonekeep.clone(),
            arguments,
            items: tables.count,
        };
        Contestant::new(name, By::Stonekeep(None), task)
            .before(Step::Remove(repositories.clone()))
            .before(Step::Directory(repositories.clone()))
    };
    let scenario = |name: &str, title: String, rate_mib: u64, wanted: Vec<Wanted>| Scenario {
        name: format!("several/{name}"),
        title,
        contestants: vec![
            contestant("stonekeep", 2, rate_mib),
            contestant(ONE_REPOSITORY, 1, rate_mib),
        ],
        wanted,
    };
    Set {
        make: vec![Step::Tables {
            tables,
            at: database.clone(),
        }],
        scenarios: vec![
            scenario(
                "paced",
                format!("full backup to two repositories that take {rate_mib} MiB/s each"),
                rate_mib,
                vec![Wanted::wall(Peer::OneRepository, OF_ONE_REPOSITORY)],
            ),
            scenario(
                "unlimited",
                "full backup to two repositories in the same memory".to_owned(),
                0,
                Vec::new(),
            ),
        ],
    }
}
