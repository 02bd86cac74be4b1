//! Backups and restores on an S3 server that is far away.

use super::ROUND_TRIP;
use super::contest::S3;
use super::data::Data;
use crate::data::tables::Tables;
use crate::scenario::{Contestant, Peer, Set, WITHOUT_LATENCY, Wanted};

const SMALL_OF_EAT_ROCKS: f64 = 0.35;
/// 0.8 of the rate.
const ONE_OF_WITHOUT: f64 = 1.0 / 0.8;

/// Many small files: as many round trips at a time as possible.
pub(super) fn small(it: &S3<'_>, tables: Tables) -> Set {
    let data = Data::new("far-small", it.setting, tables, &it.far);
    let here = Data::new("far-small", it.setting, tables, &it.bucket);
    let tools = it.tools();
    let scenario = |what: &str, title: &str, contestants: Vec<Contestant>| {
        let wanted = vec![Wanted::wall(Peer::EatRocks, SMALL_OF_EAT_ROCKS)];
        data.scenario(what, &far(title), contestants, wanted)
    };
    Set {
        make: here.make(&it.stonekeep()),
        scenarios: vec![
            scenario(
                "push",
                "full backup",
                tools.iter().map(|tool| data.pushing(tool)).collect(),
            ),
            scenario(
                "restore",
                "restore",
                tools.iter().map(|tool| data.restoring(tool)).collect(),
            ),
        ],
    }
}

/// One large file: latency must not decide.
pub(super) fn one(it: &S3<'_>, tables: Tables) -> Set {
    let [data, near, here] =
        [&it.far, &it.near, &it.bucket].map(|bucket| Data::new("far-one", it.setting, tables, bucket));
    let tool = it.stonekeep();
    let both = |contestant: &dyn Fn(&Data) -> Contestant| {
        let mut without = contestant(&near);
        without.name = WITHOUT_LATENCY.to_owned();
        vec![contestant(&data), without]
    };
    let scenario = |what: &str, title: &str, contestants: Vec<Contestant>| {
        let wanted = vec![Wanted::wall(Peer::WithoutLatency, ONE_OF_WITHOUT)];
        data.scenario(what, &far(title), contestants, wanted)
    };
    Set {
        make: here.make(&tool),
        scenarios: vec![
            scenario("push", "full backup", both(&|data| data.pushing(&tool))),
            scenario("restore", "restore", both(&|data| data.restoring(&tool))),
        ],
    }
}

fn far(title: &str) -> String {
    format!("{title} with {} ms of latency", ROUND_TRIP.as_millis())
}
