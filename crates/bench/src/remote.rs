//! Measures Stonekeep on servers that the environment names, beside other programs.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::arguments::Remote;
use crate::comparison::Runner;
use crate::machine::Machine;
use crate::report::live::{Live, write};
use crate::report::{Report, chart};
use crate::room::{found, now, room};
use crate::scenario::remote::contest::S3;
use crate::scenario::remote::{self, ROUND_TRIP, hdfs, s3};
use crate::scenario::{Place, Programs, Scale, Setting};
use crate::server::bucket::Bucket;
use crate::server::hadoop::Hadoop;
use crate::server::proxy::Proxy;
use crate::task::{self, Counting};

/// Rounds of `--quick`.
const QUICK_ROUNDS: usize = 3;

/// Measures each server that is there, and says why another one is skipped.
///
/// # Errors
/// Those of what is measured.
pub(crate) fn run(arguments: &Remote) -> Result<()> {
    let (rounds, scale) = match (arguments.quick, arguments.tiny) {
        (true, _) => (QUICK_ROUNDS, remote::Scale::QUICK),
        (false, true) => (arguments.rounds.into(), remote::Scale::TINY),
        (false, false) => (arguments.rounds.into(), remote::Scale::FULL),
    };
    let memory = room(&arguments.mem)?;
    let stonekeep = found(&arguments.command)?;
    let counting = Counting::Skipped("a server makes most of them".to_owned());
    let live = Live::begin(
        Report {
            time: now(),
            machine: Machine::look(memory.path(), memory.path())?,
            rounds,
            not_counted: Some("a server makes most of them".to_owned()),
            command_bytes: Some(fs::metadata(&stonekeep)?.len()),
            comparisons: Vec::new(),
        },
        arguments.json.as_deref(),
    );
    let runner = Runner {
        rounds,
        only: &arguments.only,
        counting: &counting,
        progress: &|what| eprintln!("{what}"),
        finished: &|comparison| live.add(comparison),
    };
    let setting = |place| -> Result<Setting> {
        Ok(Setting {
            place,
            directory: memory.path().to_owned(),
            scale: Scale::FULL,
            programs: Programs {
                eat_rocks: arguments.eat_rocks.as_deref().map(found).transpose()?,
                ..Programs::default()
            },
        })
    };
    on_s3(&runner, &setting(Place::S3)?, scale, &stonekeep)?;
    in_hdfs(&runner, &setting(Place::Hdfs)?, scale, &stonekeep)?;
    let report = live.end()?;
    write(arguments.svg.as_deref(), || Ok(chart::svg(&report)))
}

fn on_s3(runner: &Runner<'_>, setting: &Setting, scale: remote::Scale, stonekeep: &Path) -> Result<()> {
    let bucket = match Bucket::of_environment() {
        Ok(bucket) => bucket.join(&name_of_run()),
        Err(reason) => {
            println!("\ns3: skipped: {reason:#}");
            return Ok(());
        }
    };
    bucket.try_out()?;
    if setting.programs.eat_rocks.is_none() {
        println!("\neat-rocks: skipped: there is no --eat-rocks FILE");
    }
    let near = Proxy::start(&bucket.endpoint, std::time::Duration::ZERO)?;
    let far = Proxy::start(&bucket.endpoint, ROUND_TRIP)?;
    let it = S3 {
        setting,
        scale,
        near: bucket.through(&near.endpoint()),
        far: bucket.through(&far.endpoint()),
        stonekeep: stonekeep.to_owned(),
        bucket,
    };
    runner.compare(setting, s3::sets(&it), || it.bucket.remove(0))
}

fn in_hdfs(runner: &Runner<'_>, setting: &Setting, scale: remote::Scale, stonekeep: &Path) -> Result<()> {
    let hadoop = match Hadoop::of_environment() {
        Ok(hadoop) => hadoop.join(&name_of_run()),
        Err(reason) => {
            println!("\nhdfs: skipped: {reason:#}");
            return Ok(());
        }
    };
    let sets = hdfs::sets(setting, scale, &hadoop, stonekeep);
    runner.compare(setting, sets, || task::run(&hdfs::remove(&hadoop)).map(|_| ()))
}

/// Under which nothing else is.
fn name_of_run() -> String {
    format!("stonekeep-bench-{}-{}", now(), std::process::id())
}
