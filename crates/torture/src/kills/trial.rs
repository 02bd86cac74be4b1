//! One trial: a command is killed, perhaps the next one, too, and then everything is as promised.

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;

use super::calls::{self, Calls};
use super::words::{Manner, Site};
use crate::binary::{Binary, Ended};
use crate::budget::Report;
use crate::case::Case;
use crate::leaks;
use crate::verbs::Verb;
use crate::world::World;

/// How often a collection is tried that waits for the pin of a dead reader to be old.
const PATIENCE: u32 = 120;
const BETWEEN_COLLECTIONS: Duration = Duration::from_secs(1);

/// A verb that is ready to run as a command.
pub(super) struct Trial<'a> {
    pub(super) binary: &'a Binary,
    pub(super) world: &'a World,
    pub(super) case: Case<'a>,
    pub(super) site: Site,
    /// What a copy copies.
    pub(super) source: &'a Path,
    pub(super) manner: Manner,
}

impl Trial<'_> {
    fn line(&self) -> Vec<String> {
        self.site.line(&self.case, self.world, self.source, self.manner)
    }

    /// Runs the command undisturbed, and counts its calls.
    pub(super) fn count(self) -> Result<Calls> {
        let (calls, ended) = Calls::of(&self.binary.command(self.line()))?;
        ensure!(ended.code == Some(0), "undisturbed: {}", ended.told());
        self.case.require_done().context("undisturbed")?;
        self.check_end().context("undisturbed")?;
        Ok(calls)
    }

    /// Kills the command once or twice, and checks what comes of it.
    pub(super) fn run(mut self, calls: &Calls, rng: &mut Rng, report: &mut Report) -> Result<()> {
        let kills = if rng.u8(0..3) == 0 { 2 } else { 1 };
        let mut what = String::new();
        for kill in 1..=kills {
            let call = calls.draw(rng);
            let ended = calls::kill_before(&call, &self.binary.command(self.line()))?;
            let was_killed = ended.code.is_none();
            what = format!(
                "{what}kill {kill} before {} {} ({}); ",
                call.name,
                call.number,
                if was_killed { "killed" } else { "it ended before" }
            );
            report.count(match (was_killed, ended.reported_done()) {
                (true, false) => "kills".to_owned(),
                (true, true) => "kills of a command that had reported success".to_owned(),
                (false, _) => "commands that ended before their kill".to_owned(),
            });
            self.check_killed(&ended).with_context(|| what.clone())?;
        }
        report.count(format!("{:?} {:?}", self.case.verb, self.manner));
        self.finish(rng).context(what)
    }

    fn check_killed(&mut self, ended: &Ended) -> Result<()> {
        self.case.place.reopen()?;
        if ended.code.is_some() {
            self.check_ended(ended)?;
        }
        if ended.reported_done() {
            self.case.require_done().context("it was reported as done")?;
        }
        self.case.check()
    }

    /// A command that was not killed has done what it was asked for, or there was nothing left to do.
    fn check_ended(&self, ended: &Ended) -> Result<()> {
        let is_done = ended.error_kind().is_some_and(|kind| self.case.is_done(kind));
        ensure!(ended.code == Some(0) || is_done, "it fails: {}", ended.told());
        Ok(())
    }

    fn finish(&self, rng: &mut Rng) -> Result<()> {
        if self.case.verb == Verb::Restore && rng.bool() {
            let target = self.case.target();
            let words = [
                "restore".as_ref(),
                "--abort".as_ref(),
                "--to".as_ref(),
                target.as_os_str(),
            ];
            let ended = Ended::of(&mut self.binary.command(words))?;
            let is_none = ended.error_kind().is_some();
            ensure!(
                ended.code == Some(0) || is_none,
                "the abort fails: {}",
                ended.told()
            );
            self.case.check().context("aborted")?;
        }
        let ended = Ended::of(&mut self.binary.command(self.line()))?;
        self.check_ended(&ended).context("the next run")?;
        self.case.require_done().context("after the next run")?;
        if rng.bool() || self.case.verb.is_of_target() {
            self.collect()?;
        }
        self.check_end().context("in the end")
    }

    /// Collects by the command. What a dead reader has pinned goes when it is old, where there are no locks.
    fn collect(&self) -> Result<()> {
        for tries in 1.. {
            let ended = Ended::of(&mut self.binary.command(self.site.collection()))?;
            ensure!(ended.code == Some(0), "the collection fails: {}", ended.told());
            let pins = self.case.place.files()?.into_keys();
            let pins: Vec<String> = pins.filter(|name| name.starts_with("stonekeep/pins/")).collect();
            if pins.is_empty() {
                break;
            }
            let may_wait = self.site.wait.is_some() && tries < PATIENCE;
            ensure!(may_wait, "a collection leaves the pins of dead readers: {pins:?}");
            thread::sleep(BETWEEN_COLLECTIONS);
        }
        Ok(())
    }

    fn check_end(&self) -> Result<()> {
        self.case.check_end()?;
        if self.case.verb.is_of_target() {
            self.collect()?;
            leaks::require_none(&self.case.place)?;
        }
        Ok(())
    }
}
