//! A history from its beginning to what is checked in its end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use fastrand::Rng;
use stonekeep::store::LockWait;
use stonekeep::{BackupEngine, Components, InfoDetail, Quiet, VerifyLevel, VerifyWhat};

use super::client::Client;
use super::clock::SimulatedClock;
use super::engine_options::options;
use super::foreign::Foreign;
use super::history::History;
use super::process::Process;
use super::site::Site;
use super::verbs;
use super::weather::Weather;
use crate::leaks;

/// Longer than any age that a collection asks for.
const LATER: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// Runs it.
pub(super) fn run(history: &Arc<History>, seed: u64) -> Result<()> {
    let mut rng = Rng::with_seed(seed ^ 0x5eed);
    let clients = rng.usize(2..=3);
    for _ in 0..rng.usize(1..=2) {
        for number in 0..clients {
            let client = Client::new(history, number, &mut rng);
            let begins = Duration::from_millis(rng.u64(0..5_000));
            history.schedule.spawn(number, begins, move || work(&client));
        }
        history.schedule.run();
        result(history)?;
        let_others_work(history, &mut rng)?;
    }
    let last = Arc::clone(history);
    history.schedule.spawn(clients, LATER, move || {
        if let Err(error) = end(&last) {
            last.schedule.fail(format!("in the end: {error:#}"));
        }
    });
    history.schedule.run();
    result(history)
}

/// RocksDB's engine works in a directory, in some histories.
fn let_others_work(history: &History, rng: &mut Rng) -> Result<()> {
    let Site::Directory(memory) = &history.sites[0] else {
        return Ok(());
    };
    let model = &mut *history.model(0);
    model.settle(memory).map_err(anyhow::Error::msg)?;
    for _ in 0..rng.usize(0..4) {
        model.has_others = true;
        let states = history.databases.of(rng.usize(0..2));
        let state = &states[rng.usize(0..states.len())];
        let mut foreign = Foreign {
            memory,
            model: &mut *model,
            now: history.schedule.now(),
            said: Vec::new(),
        };
        foreign.act(state, rng).context("RocksDB's engine")?;
        for said in &foreign.said {
            history
                .trace
                .add(&history.schedule, "RocksDB's engine", || said.clone());
        }
        model.check(memory).map_err(anyhow::Error::msg)?;
        history.count("foreign verbs".to_owned());
    }
    Ok(())
}

fn result(history: &History) -> Result<()> {
    history
        .schedule
        .failure()
        .map_or(Ok(()), |failure| bail!(failure))
}

/// Nothing is under way any more, and it is days later.
fn end(history: &History) -> Result<()> {
    for (index, site) in history.sites.iter().enumerate() {
        history
            .model(index)
            .settle(site.peek())
            .map_err(anyhow::Error::msg)?;
        let clock = Arc::new(SimulatedClock::new(&history.schedule, 0));
        let name = format!("last look at {index}");
        let process = Process::new(
            &history.schedule,
            &clock,
            usize::MAX,
            name,
            Weather::calm(),
            &history.trace,
        );
        let store = site.store(&Arc::new(process), Arc::new(|_: &str| {}))?;
        if store.list(None)?.is_empty() {
            continue;
        }
        let engine = BackupEngine::open(options().with_lock_wait(LockWait::AtMost(LATER)), store.clone())?
            .with_components(Components::default().with_clock(clock));
        let collected = engine.garbage_collect(Duration::from_secs(3_600), &Quiet);
        let collected = collected.context("the last collection")?;
        ensure!(
            collected.not_removed.is_empty(),
            "not removed: {:?}",
            collected.not_removed
        );
        let model = history.model(index);
        let there = model.certain();
        drop(model);
        let listed = engine.as_read_only().get_all_backup_info(InfoDetail::Sizes)?;
        let listed = listed.backups.iter().map(|backup| backup.id.get()).collect();
        ensure!(there == listed, "{there:?} must be there, {listed:?} are");
        if !there.is_empty() {
            let verified =
                engine
                    .as_read_only()
                    .verify_backups(VerifyWhat::All, VerifyLevel::Checksum, &Quiet)?;
            ensure!(
                verified.is_clean(),
                "{:?} {:?}",
                verified.findings,
                verified.unchecked
            );
        }
        history
            .model(index)
            .check(site.peek())
            .map_err(anyhow::Error::msg)?;
        leaks::require_none_in(&store, &crate::place::listed(&store)?)?;
    }
    Ok(())
}

/// Runs the commands of a client.
fn work(client: &Client) {
    let history = &client.history;
    for _ in 0..client.commands() {
        if history.schedule.has_failed() {
            return;
        }
        verbs::any(client);
        history.check();
        history.schedule.wait(client.idle());
    }
}
