//! Backups, restores and lists on an S3 server, beside a bare client and eat-rocks.

use super::contest::S3;
use super::data::{Data, name_of};
use super::latency;
use super::tools::{Tool, Verb};
use crate::data::Step;
use crate::data::synthetic::Shape;
use crate::data::tables::Tables;
use crate::scenario::{Contestant, EAT_ROCKS, Figure, MIB, Peer, Scenario, Set, Wanted, command};
use crate::task::{By, Task};

/// Of large files the server decides: a ninth more time is nine tenths of the rate.
const PUSH_OF_CLIENT: f64 = 1.0 / 0.9;
/// 1.8 times the rate.
const PUSH_OF_EAT_ROCKS: f64 = 1.0 / 1.8;
/// 1.1 times the rate.
const RESTORE_OF_EAT_ROCKS: f64 = 1.0 / 1.1;
const SMALL_OF_EAT_ROCKS: f64 = 0.7;
const UNCHANGED_OF_EAT_ROCKS: f64 = 0.1;
const LIST_OF_EAT_ROCKS: f64 = 0.3;
/// Transfers at a time where memory is looked at, and what it may be then.
const TRANSFERS: u32 = 32;
const PEAK_MIB: f64 = 160.0;

/// All of them.
pub(crate) fn sets(it: &S3<'_>) -> Vec<Set> {
    vec![
        start(it),
        large(it, it.scale.large),
        small(it, it.scale.small),
        listed(it),
        latency::small(it, it.scale.small),
        latency::one(it, it.scale.one),
    ]
}

fn start(it: &S3<'_>) -> Set {
    let mut set = command::start(&it.stonekeep);
    let eat_rocks = it.setting.programs.eat_rocks.iter().map(|command| {
        let task = Task::Command {
            command: command.clone(),
            arguments: vec!["--version".into()],
            items: 1,
        };
        Contestant::new(EAT_ROCKS, By::Stonekeep(None), task)
    });
    for scenario in &mut set.scenarios {
        scenario.contestants.extend(eat_rocks.clone());
    }
    set
}

fn large(it: &S3<'_>, tables: Tables) -> Set {
    let data = Data::new("large", it.setting, tables, &it.bucket);
    let tools = it.tools();
    let each = |contestant: &dyn Fn(&Tool) -> Contestant| tools.iter().map(contestant).collect::<Vec<_>>();
    let many = |contestant: &dyn Fn(&Tool) -> Contestant| {
        let tools = tools.iter().map(|tool| tool.clone().with_transfers(TRANSFERS));
        tools.map(|tool| contestant(&tool)).collect::<Vec<_>>()
    };
    let mut pushing = each(&|tool| data.pushing(tool));
    pushing.push(data.putting());
    let of_eat_rocks = Wanted::RatioIf {
        figure: Figure::Wall,
        of: Peer::EatRocks,
        at_most: PUSH_OF_EAT_ROCKS,
        reached_by: Peer::Client,
    };
    let peak = || {
        vec![Wanted::Limit {
            figure: Figure::Peak,
            at_most: PEAK_MIB * MIB,
        }]
    };
    let scenarios = vec![
        data.scenario(
            "push",
            "full backup",
            pushing,
            vec![Wanted::wall(Peer::Client, PUSH_OF_CLIENT), of_eat_rocks],
        ),
        data.scenario(
            "restore",
            "restore",
            each(&|tool| data.restoring(tool)),
            vec![Wanted::wall(Peer::EatRocks, RESTORE_OF_EAT_ROCKS)],
        ),
        data.scenario(
            "push-32",
            "full backup with 32 transfers",
            many(&|tool| data.pushing(tool)),
            peak(),
        ),
        data.scenario(
            "restore-32",
            "restore with 32 transfers",
            many(&|tool| data.restoring(tool)),
            peak(),
        ),
    ];
    Set {
        make: data.make(&it.stonekeep()),
        scenarios,
    }
}

fn small(it: &S3<'_>, tables: Tables) -> Set {
    let data = Data::new("small", it.setting, tables, &it.bucket);
    let tools = it.tools();
    let each = |contestant: &dyn Fn(&Tool) -> Contestant| tools.iter().map(contestant).collect::<Vec<_>>();
    let mut pushing = each(&|tool| data.pushing(tool));
    pushing.push(data.putting());
    let of_eat_rocks = |ratio: f64| vec![Wanted::wall(Peer::EatRocks, ratio)];
    let scenarios = vec![
        data.scenario("push", "full backup", pushing, of_eat_rocks(SMALL_OF_EAT_ROCKS)),
        data.scenario(
            "restore",
            "restore",
            each(&|tool| data.restoring(tool)),
            of_eat_rocks(SMALL_OF_EAT_ROCKS),
        ),
        data.scenario(
            "unchanged",
            "second backup of an unchanged database",
            each(&|tool| data.repeating(tool)),
            of_eat_rocks(UNCHANGED_OF_EAT_ROCKS),
        ),
    ];
    let mut make = data.make(&it.stonekeep());
    let others = tools.iter().filter(|tool| matches!(tool, Tool::EatRocks { .. }));
    make.extend(others.map(|tool| data.run(tool, &data.push(tool), &data.theirs)));
    Set { make, scenarios }
}

/// A list of many backups, of a repository that was made in memory and uploaded.
fn listed(it: &S3<'_>) -> Set {
    let (files, backups) = it.scale.listed;
    let shape = Shape::new(files, backups);
    let at = it.setting.directory.join("listed");
    let bucket = it.bucket.join("listed");
    let contestants = it.tools().into_iter().map(|tool| {
        let job = tool.job(&Verb::List, &bucket, backups.into());
        Contestant::new(name_of(&tool), job.by, job.task)
    });
    let scenario = Scenario {
        name: "listed/list".to_owned(),
        title: format!("list of {backups} backups of {files} files"),
        contestants: contestants.collect(),
        wanted: vec![Wanted::wall(Peer::EatRocks, LIST_OF_EAT_ROCKS)],
    };
    Set {
        make: vec![
            Step::Repository {
                shape,
                at: at.clone(),
            },
            Step::Upload {
                of: at,
                to: bucket.clone(),
            },
        ],
        scenarios: vec![scenario],
    }
}
