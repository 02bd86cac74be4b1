//! The commands of a client that read the repository: verify, list, copy, restore, repair.

use std::sync::Arc;

use stonekeep::engine::copy::{CopyOptions, CopyWhat};
use stonekeep::engine::repair::RepairSource;
use stonekeep::{RestoreOptions, VerifyWhat, WhichBackup};

use super::client::Client;
use super::databases::DatabaseState;
use super::looks::{id, list_of, may_be_missing, some_id, there, verified};
use crate::tree;

/// Nothing is ever damaged here.
pub(super) fn verify(client: &Client) {
    let run = client.start("verify");
    let site = client.draw(|rng| usize::from(rng.u8(0..4) == 0));
    let there = there(client, site);
    let ended = verified(&run, site);
    run.ends(&ended, &may_be_missing(client, site, &there, 0));
    if let Ok(report) = ended {
        let is_read = report.unchecked.is_empty() || run.process.was_disturbed();
        if !report.findings.is_empty() || !is_read {
            run.fails(&format!(
                "it finds damage: {:?} {:?}",
                report.findings, report.unchecked
            ));
        }
    }
}

/// What was there all the time is listed, what was gone all the time is not.
pub(super) fn list(client: &Client) {
    let run = client.start("list");
    let (certain, gone) = {
        let model = client.history.model(0);
        let ids = model.ids();
        (model.watch(&ids), model.watch_gone())
    };
    let there = there(client, 0);
    let ended = list_of(&run);
    run.ends(&ended, &may_be_missing(client, 0, &there, 0));
    let Ok(listed) = ended else { return };
    let model = client.history.model(0);
    let missing = certain
        .iter()
        .find(|it| model.was_certain(&[**it], 0) && !listed.contains(&it.id));
    let ghost = gone
        .iter()
        .find(|it| model.was_gone(**it) && listed.contains(&it.id));
    drop(model);
    if missing.is_some() || ghost.is_some() {
        run.fails(&format!(
            "it lists {listed:?}: {missing:?} is missing, {ghost:?} was deleted"
        ));
    }
}

/// Copies all backups.
pub(super) fn copy(client: &Client) {
    let run = client.start("copy");
    let databases = &client.history.databases;
    let states = databases.of(0).iter().chain(databases.of(1));
    states.for_each(|state| client.history.model(1).begin_unknown(state));
    let there = there(client, 0);
    let how = CopyOptions::default()
        .with_allow_other_database(true)
        .with_new_ids(true);
    let ended = run
        .reader(0)
        .and_then(|from| run.engine(1)?.copy_backups_from(&from, CopyWhat::All, &how, &run));
    run.ends(&ended, &may_be_missing(client, 0, &there, 0));
    let Ok(report) = ended else { return };
    for copied in report.backups {
        if !copied.findings.is_empty() {
            run.fails(&format!("backup {} is damaged: {:?}", copied.id, copied.findings));
        }
        let (Some(new), None) = (copied.new_id, &copied.reason) else {
            continue;
        };
        let known = client
            .history
            .model(0)
            .backups
            .get(&copied.id.get())
            .map(|known| Arc::clone(&known.state));
        if let Some(state) = known {
            client.history.model(1).copied(new.get(), &state);
        }
    }
}

/// What comes back is what was backed up.
pub(super) fn restore(client: &Client) {
    let run = client.start("restore");
    let number = some_id(client);
    run.process.say(|| format!("of backup {number}"));
    let before = client.history.model(0).watch(&[number]);
    let Ok(directory) = tempfile::tempdir() else {
        return run.fails("no temporary directory");
    };
    let target = directory.path().join("restored");
    let ended = run.reader(0).and_then(|reader| {
        let which = WhichBackup::Id(id(number)?);
        reader.restore_db_from_backup(which, &target, &RestoreOptions::default(), &run)
    });
    run.ends(&ended, &may_be_missing(client, 0, &before, 0));
    if ended.is_err() {
        return;
    }
    let found = match tree::read(&target) {
        Ok(found) => found,
        Err(error) => return run.fails(&format!("what was restored cannot be read: {error:#}")),
    };
    let is_state = |state: &Arc<DatabaseState>| {
        let mut files = state.files.iter();
        files.all(|(name, bytes)| name.starts_with("OPTIONS") || found.get(name) == Some(bytes))
    };
    let model = client.history.model(0);
    let is_known = model
        .backups
        .get(&number)
        .is_none_or(|known| known.states().any(is_state));
    let is_right = is_known || model.unknown.iter().any(is_state);
    drop(model);
    if !is_right {
        run.fails(&format!("backup {number} restores to another database"));
    }
}

/// Nothing is ever damaged here.
pub(super) fn repair(client: &Client) {
    let run = client.start("repair");
    let there = there(client, 0);
    let ended = run.engine(0).and_then(|engine| {
        let other: Vec<_> = run
            .reader(1)
            .ok()
            .map(RepairSource::Repository)
            .into_iter()
            .collect();
        engine.repair(VerifyWhat::All, &other, &run)
    });
    run.ends(&ended, &may_be_missing(client, 0, &there, 0));
    if let Ok(report) = ended
        && !(report.repaired.is_empty() && report.not_repaired.is_empty())
    {
        run.fails(&format!("it finds damage: {report:?}"));
    }
}
