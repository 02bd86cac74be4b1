//! Captures of databases that another process writes, up to the closed image. Nothing is copied.

use std::path::PathBuf;

use super::{Contestant, Figure, Scenario, Set, Setting, Wanted};
use crate::data::Step;
use crate::data::tables::Tables;
use crate::task::Task;

/// How often each job captures: the time is the median.
const TIMES: usize = 21;
/// Tables do not matter to a capture but by their number.
const TABLE_BYTES: u64 = 16 << 10;

/// Few tables.
pub(super) fn few(setting: &Setting, count: u64) -> Set {
    let it = Data::new("few", setting, count);
    it.set(vec![it.scenario("few", false, 0.002)])
}

/// Many tables, and all of them stored already.
pub(super) fn many(setting: &Setting, count: u64) -> Set {
    let it = Data::new("many", setting, count);
    it.set(vec![
        it.scenario("many", false, 0.100),
        it.scenario("many-stored", true, 0.030),
    ])
}

struct Data {
    tables: Tables,
    database: PathBuf,
    /// What is written: a database changes by being opened.
    twin: PathBuf,
}

impl Data {
    fn new(name: &str, setting: &Setting, count: u64) -> Self {
        let directory = setting.directory.join(format!("hot-{name}"));
        let tables = Tables {
            count,
            bytes_each: TABLE_BYTES,
        };
        Data {
            tables,
            database: directory.join("db"),
            twin: directory.join("twin"),
        }
    }

    fn set(&self, scenarios: Vec<Scenario>) -> Set {
        let make = Step::Tables {
            tables: self.tables,
            at: self.database.clone(),
        };
        Set {
            make: vec![make],
            scenarios,
        }
    }

    fn scenario(&self, name: &str, stored: bool, at_most_s: f64) -> Scenario {
        let task = Task::Capture {
            database: self.twin.clone(),
            stored,
            times: TIMES,
        };
        let twin = Step::Twin {
            of: self.database.clone(),
            at: self.twin.clone(),
        };
        let contestant = Contestant::stonekeep(task)
            .before(twin)
            .after(Step::Remove(self.twin.clone()));
        let stored = if stored { ", all of them stored" } else { "" };
        let count = self.tables.count;
        Scenario {
            name: format!("hot/{name}"),
            title: format!("capture of a database that is being written, {count} tables{stored}"),
            contestants: vec![contestant],
            wanted: vec![Wanted::Limit {
                figure: Figure::Wall,
                at_most: at_most_s,
            }],
        }
    }
}
