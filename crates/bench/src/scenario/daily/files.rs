//! The same database directory, closed, backed up by Stonekeep and by programs that back up files.

use std::path::Path;

use super::tool::{Commands, Tool};
use crate::data::Step;
use crate::data::tables::Tables;
use crate::scenario::{Contestant, Peer, Scenario, Set, Setting, Wanted};

const OF_FILE_TOOL: f64 = 0.25;
const RESTORE_OF_FILE_TOOL: f64 = 0.6;

/// A full backup, one of an unchanged database, a restore.
pub(super) fn whole(setting: &Setting, commands: &Commands, name: &str, tables: Tables) -> Set {
    let root = setting.directory.join("files");
    let database = root.join("db");
    let tools = Tool::all(commands, &root, tables.count);
    let make = backed_up(&tools, tables, &database);
    let of = |what: &str| {
        format!(
            "{what}, {} tables of {} KiB",
            tables.count,
            tables.bytes_each >> 10
        )
    };
    let full = tools.iter().map(|tool| {
        let contestant = tool.contestant(tool.backup(&database, &tool.used()));
        with(contestant, tool.init(&tool.used()))
    });
    let unchanged = tools.iter().map(|tool| {
        let contestant = tool.contestant(tool.backup(&database, &tool.used()));
        with(contestant, tool.reset())
    });
    let restore = tools.iter().map(|tool| {
        let contestant = tool.contestant(tool.restore(&tool.kept()));
        contestant.before(Step::Remove(tool.target()))
    });
    let scenarios = vec![
        scenario((name, "full"), of("full backup"), full.collect(), OF_FILE_TOOL),
        scenario(
            (name, "unchanged"),
            of("backup of an unchanged database"),
            unchanged.collect(),
            OF_FILE_TOOL,
        ),
        scenario(
            (name, "restore"),
            of("restore"),
            restore.collect(),
            RESTORE_OF_FILE_TOOL,
        ),
    ];
    Set { make, scenarios }
}

/// A backup after a hundredth of the tables was replaced.
pub(super) fn changed(setting: &Setting, commands: &Commands, name: &str, tables: Tables) -> Set {
    let root = setting.directory.join("changed");
    let database = root.join("db");
    let tools = Tool::all(commands, &root, tables.count);
    let mut make = backed_up(&tools, tables, &database);
    make.push(Step::ReplaceTables {
        tables,
        at: database.clone(),
        turn: 0,
    });
    let contestants = tools.iter().map(|tool| {
        let contestant = tool.contestant(tool.backup(&database, &tool.used()));
        with(contestant, tool.reset())
    });
    let title = format!("backup after 1 % was replaced, {} tables", tables.count);
    Set {
        make,
        scenarios: vec![scenario(
            (name, "changed"),
            title,
            contestants.collect(),
            OF_FILE_TOOL,
        )],
    }
}

/// Deleting most of many backups.
pub(super) fn aged(
    setting: &Setting,
    commands: &Commands,
    (tables, backups, keep): (Tables, u32, u32),
) -> Set {
    let root = setting.directory.join("aged");
    let database = root.join("db");
    let tools = Tool::all(commands, &root, backups.into());
    let mut make = vec![Step::Tables {
        tables,
        at: database.clone(),
    }];
    make.extend(tools.iter().flat_map(|tool| tool.init(&tool.kept())));
    for turn in 0..backups {
        make.extend(
            tools
                .iter()
                .map(|tool| tool.step(tool.backup(&database, &tool.kept()))),
        );
        make.push(Step::ReplaceTables {
            tables,
            at: database.clone(),
            turn: turn.into(),
        });
    }
    let contestants = tools.iter().map(|tool| {
        let contestant = tool.contestant(tool.prune(&tool.used(), keep));
        with(contestant, tool.reset())
    });
    let title = format!(
        "deleting all but {keep} of {backups} backups of {} tables",
        tables.count
    );
    Set {
        make,
        scenarios: vec![scenario(
            ("aged", "prune"),
            title,
            contestants.collect(),
            OF_FILE_TOOL,
        )],
    }
}

/// A database, and a repository of each program with a backup of it.
fn backed_up(tools: &[Tool], tables: Tables, database: &Path) -> Vec<Step> {
    let mut make = vec![Step::Tables {
        tables,
        at: database.into(),
    }];
    for tool in tools {
        make.extend(tool.init(&tool.kept()));
        make.push(tool.step(tool.backup(database, &tool.kept())));
    }
    make
}

fn scenario(
    (set, name): (&str, &str),
    title: String,
    contestants: Vec<Contestant>,
    at_most: f64,
) -> Scenario {
    Scenario {
        name: format!("files-{set}/{name}"),
        title,
        contestants,
        wanted: vec![Wanted::wall(Peer::FileTool, at_most)],
    }
}

fn with(mut contestant: Contestant, before: impl IntoIterator<Item = Step>) -> Contestant {
    contestant.before.extend(before);
    contestant
}
