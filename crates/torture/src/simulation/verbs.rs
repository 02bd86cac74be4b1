//! The commands of a client, each with what it may do and what it must have done.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use stonekeep::engine::collect::DeleteOptions;
use stonekeep::engine::hold::HoldOptions;
use stonekeep::{CollectReport, CreateBackupOptions, ErrorKind};

use super::client::{Client, Run};
use super::databases::StateSource;
use super::known::Watched;
use super::looks::{id, may_be_missing, some_id, there};
use super::readers;

/// Runs any command.
pub(super) fn any(client: &Client) {
    match client.draw(|rng| rng.u32(0..100)) {
        0..34 => create(client),
        34..44 => delete(client, false),
        44..49 => delete(client, true),
        49..54 => undelete(client),
        54..62 => purge(client),
        62..73 => collect(client),
        73..78 => hold(client),
        78..81 => release(client),
        81..87 => readers::verify(client),
        87..90 => readers::list(client),
        90..94 => readers::copy(client),
        94..98 => readers::restore(client),
        _ => readers::repair(client),
    }
}

/// Backs up a state of the client's database, mostly a later one than before.
fn create(client: &Client) {
    let run = client.start("backup");
    let states = client.history.databases.of(client.database);
    let hours = client.history.schedule.now().as_secs() / 600;
    let at = client.draw(|rng| (rng.usize(0..4) + usize::try_from(hours).unwrap_or(0)) % states.len());
    let state = Arc::clone(&states[at]);
    client.history.model(0).begin_making(run.number, &state);
    let options = CreateBackupOptions::default().with_allow_other_database(true);
    let made = run
        .engine(0)
        .and_then(|engine| engine.create_new_backup(&StateSource(Arc::clone(&state)), &options, &run));
    // Another one may have deleted it before the last look at its files.
    let expected = if client.history.model(0).has_gone_untold() {
        vec![ErrorKind::Refused]
    } else {
        Vec::new()
    };
    run.ends(&made, &expected);
    client.history.model(0).end_making(run.number);
    if let Ok(report) = made {
        let (id, mut model) = (report.backup_id.get(), client.history.model(0));
        if let Err(wrong) = model.created(run.number, id, &state) {
            run.fails(&wrong);
        }
    }
}

/// What it says that it deleted; `None` if it failed.
fn gone(ended: &stonekeep::Result<CollectReport>) -> Option<BTreeSet<u32>> {
    let deleted = ended.as_ref().ok()?.deleted_backups.iter();
    Some(deleted.map(|id| id.get()).collect())
}

/// Says what a verb that deletes has done: the ids that it says that it deleted are gone, and no others.
fn deleted(
    client: &Client,
    run: &Run,
    (ids, before): (&[u32], &[Watched]),
    ended: &stonekeep::Result<CollectReport>,
) {
    let changed_nothing =
        matches!(ended, Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Refused));
    let gone = gone(ended);
    let outcome = client.history.model(0).end(ids, before, |id| match &gone {
        Some(gone) if gone.contains(&id) => Some(Some(false)),
        Some(_) => Some(None),
        None if changed_nothing => Some(None),
        None => None,
    });
    if let Err(wrong) = outcome {
        run.fails(&wrong);
    }
}

fn delete(client: &Client, for_a_while: bool) {
    let run = client.start(if for_a_while {
        "delete for a while"
    } else {
        "delete"
    });
    let number = some_id(client);
    let watched = client.history.model(0).begin(&[number]);
    let options = client.draw(|rng| {
        let time = for_a_while.then(|| Duration::from_secs(rng.u64(60..200_000)));
        DeleteOptions::default().with_undelete_for(time)
    });
    run.process.say(|| format!("of backup {number}"));
    let ended = run
        .engine(0)
        .and_then(|engine| engine.delete_backups(&[id(number)?], &options, &run));
    let mut expected = Vec::new();
    {
        let model = client.history.model(0);
        if !model.was_certain(&watched, 1) {
            expected.push(ErrorKind::NotFound);
        }
        if model.ever_held.contains(&number) {
            expected.push(ErrorKind::Refused);
        }
    }
    run.ends(&ended, &expected);
    deleted(client, &run, (&[number], &watched), &ended);
}

fn purge(client: &Client) {
    let run = client.start("purge");
    let keep = client.draw(|rng| rng.usize(1..4));
    let ids = client.history.model(0).candidates();
    let there = there(client, 0);
    let mut before = {
        let mut model = client.history.model(0);
        model.purges += 1;
        model.begin(&ids)
    };
    let ended = run
        .engine(0)
        .and_then(|engine| engine.purge_old_backups(keep, &run));
    run.ends(&ended, &may_be_missing(client, 0, &there, 1));
    if let Ok(report) = &ended {
        let model = client.history.model(0);
        // So many newer ones there may have been at most.
        let newer = |id: u32| model.untold + model.backups.range(id + 1..).count();
        let wrong = report
            .deleted_backups
            .iter()
            .find(|id| newer(id.get()) < keep)
            .copied();
        drop(model);
        if let Some(wrong) = wrong {
            run.fails(&format!("it deleted {wrong}, one of the newest {keep}"));
        }
    }
    // What was made meanwhile may be gone, too.
    let after = client.history.model(0).ids();
    let new: Vec<u32> = after.into_iter().filter(|id| !ids.contains(id)).collect();
    {
        let mut model = client.history.model(0);
        before.extend(model.begin(&new));
        model.purges -= 1;
        model.purged(gone(&ended));
    }
    let all: Vec<u32> = ids.into_iter().chain(new).collect();
    deleted(client, &run, (&all, &before), &ended);
}

fn collect(client: &Client) {
    let mut run = client.start("gc");
    let there = there(client, 0);
    let min_age = client.draw(|rng| [0, 3_600, 86_400][rng.usize(0..3)]);
    run.process.say(|| format!("with a min-age of {min_age} s"));
    run.min_age = Duration::from_secs(min_age);
    let ended = run
        .engine(0)
        .and_then(|engine| engine.garbage_collect(run.min_age, &run));
    run.ends(&ended, &may_be_missing(client, 0, &there, 0));
}

fn undelete(client: &Client) {
    let run = client.start("undelete");
    let all = client.history.model(0).ids();
    if all.is_empty() {
        return;
    }
    let number = client.draw(|rng| all[rng.usize(0..all.len())]);
    run.process.say(|| format!("of backup {number}"));
    let before = client.history.model(0).begin(&[number]);
    let ended = run
        .engine(0)
        .and_then(|engine| engine.undelete_backup(id(number)?, &run));
    let mut expected = vec![ErrorKind::NotFound, ErrorKind::Refused];
    if client.history.model(0).has_others {
        expected.push(ErrorKind::Corrupt);
    }
    run.ends(&ended, &expected);
    let outcome = client.history.model(0).end(&[number], &before, |_| match &ended {
        Ok(_) => Some(Some(true)),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::Refused | ErrorKind::Corrupt
            ) =>
        {
            Some(None)
        }
        Err(_) => None,
    });
    if let Err(wrong) = outcome {
        run.fails(&wrong);
    }
}

fn hold(client: &Client) {
    let run = client.start("hold");
    let number = some_id(client);
    run.process.say(|| format!("of backup {number}"));
    let (watched, releases) = {
        let mut model = client.history.model(0);
        model.ever_held.insert(number);
        // One that is under way, or whose end nobody knows, may end this hold, too.
        let releases = if model.releasing == 0 {
            model.releases
        } else {
            u32::MAX
        };
        (model.watch(&[number]), releases)
    };
    let options = HoldOptions::default().with_reason("audit");
    let ended = run
        .engine(0)
        .and_then(|engine| engine.hold_backup(id(number)?, &options, &run));
    let mut model = client.history.model(0);
    let expected = if model.was_certain(&watched, 0) {
        Vec::new()
    } else {
        vec![ErrorKind::NotFound]
    };
    if ended.is_ok()
        && let Err(wrong) = model.held(number, releases)
    {
        run.fails(&wrong);
    }
    drop(model);
    run.ends(&ended, &expected);
}

fn release(client: &Client) {
    let run = client.start("release");
    let number = some_id(client);
    run.process.say(|| format!("of backup {number}"));
    let (was_held, releases) = {
        let mut model = client.history.model(0);
        let was_alone = model.releasing == 0;
        let was_held = model.release(number) && was_alone;
        model.releasing += 1;
        (was_held, model.releases)
    };
    let ended = run
        .engine(0)
        .and_then(|engine| engine.release_backup(id(number)?, &run));
    if ended.is_ok() || !run.process.was_disturbed() {
        client.history.model(0).releasing -= 1;
    }
    // Another one may have ended the hold meanwhile.
    let expected = if was_held && client.history.model(0).releases == releases {
        Vec::new()
    } else {
        vec![ErrorKind::NotFound]
    };
    run.ends(&ended, &expected);
}
