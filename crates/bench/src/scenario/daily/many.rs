//! Many databases in one file, beside one database with as many tables.

use super::tool::Commands;
use crate::data::Step;
use crate::data::tables::Tables;
use crate::scenario::{Contestant, ONE_DATABASE, Peer, Scenario, Set, Setting, Wanted};
use crate::task::{By, Job, Task};

const OF_ONE_DATABASE: f64 = 2.0;
const TABLE_BYTES: u64 = 16 << 10;

pub(super) fn unchanged(setting: &Setting, commands: &Commands, (databases, tables): (u64, u64)) -> Set {
    let root = setting.directory.join("many");
    let (file, one) = (root.join("config.toml"), root.join("one"));
    let glob = root.join("databases").join("db-*");
    let text = format!(
        "[repository.memory]\npath = {:?}\n[database.some]\nglob = {glob:?}\nrepository = \"memory\"\n",
        root.join("repositories")
    );
    let run = |arguments: Vec<std::ffi::OsString>| Task::Command {
        command: commands.stonekeep.clone(),
        arguments,
        items: databases * tables,
    };
    let all = run(vec![
        "backup".into(),
        "--all".into(),
        "--config".into(),
        file.clone().into(),
    ]);
    let whole = run(vec![
        "backup".into(),
        one.clone().into(),
        "--repo".into(),
        root.join("one-repository").into(),
    ]);
    let of = |count| Tables {
        count,
        bytes_each: TABLE_BYTES,
    };
    let mut make: Vec<Step> = (0..databases)
        .map(|number| Step::Tables {
            tables: of(tables),
            at: root.join("databases").join(format!("db-{number}")),
        })
        .collect();
    make.push(Step::Directory(root.join("repositories")));
    make.push(Step::Tables {
        tables: of(databases * tables),
        at: one,
    });
    make.push(Step::Write { at: file, text });
    make.extend([&all, &whole].map(|task| {
        Step::Run(Job {
            by: By::Stonekeep(None),
            task: task.clone(),
        })
    }));
    let scenario = Scenario {
        name: "many/unchanged".to_owned(),
        title: format!("backup of {databases} unchanged databases of {tables} tables from one file"),
        contestants: vec![
            Contestant::stonekeep(all),
            Contestant::new(ONE_DATABASE, By::Stonekeep(None), whole),
        ],
        wanted: vec![Wanted::wall(Peer::OneDatabase, OF_ONE_DATABASE)],
    };
    Set {
        make,
        scenarios: vec![scenario],
    }
}
