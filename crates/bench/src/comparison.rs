//! Runs all contestants of a scenario in turn, round after round.

use std::fs::File;

use anyhow::{Context, Result, ensure};

use crate::data::cached::{self, Cached};
use crate::data::{self, Step};
use crate::machine;
use crate::result::{Comparison, Row};
use crate::scenario::{Contestant, Place, Scenario, Set, Setting, sets};
use crate::task::{self, Counting};

/// How it is done.
pub(crate) struct Runner<'a> {
    pub(crate) rounds: usize,
    /// Parts of names, of which a scenario must have one; none: all scenarios.
    pub(crate) only: &'a [String],
    pub(crate) counting: &'a Counting,
    /// Called with a line about each step.
    pub(crate) progress: &'a dyn Fn(&str),
    /// Called with each comparison as soon as it is done.
    pub(crate) finished: &'a dyn Fn(&Comparison) -> Result<()>,
}

/// Engines count a few more or less of the small files.
const ITEMS_MAY_DIFFER_BY: u64 = 8;

impl Runner<'_> {
    /// Compares everything in a place, and clears up after each set.
    ///
    /// # Errors
    /// Those of the contestants: nothing is measured that does not work.
    pub(crate) fn compare(
        &self,
        setting: &Setting,
        sets: Vec<Set>,
        clear: impl Fn() -> Result<()>,
    ) -> Result<()> {
        for set in sets {
            let set = self.wanted_of(set, setting.place);
            if !set.scenarios.is_empty() {
                let done = self.set(setting, set);
                clear()?;
                done?;
            }
        }
        Ok(())
    }

    /// Compares what shares its data, which goes afterwards.
    ///
    /// # Errors
    /// As [`Self::compare`].
    pub(crate) fn set(&self, setting: &Setting, set: Set) -> Result<Vec<Comparison>> {
        run_all(&set.make)?;
        let scenarios = set.scenarios.into_iter();
        let done: Result<Vec<_>> = scenarios
            .map(|scenario| {
                let comparison = self.scenario(setting, scenario)?;
                (self.finished)(&comparison)?;
                Ok(comparison)
            })
            .collect();
        for entry in std::fs::read_dir(&setting.directory)? {
            data::remove(&entry?.path())?;
        }
        done
    }

    /// Makes the data of everything in a place and leaves it there; what is done before each run is not done. Gives the
    /// contestants with the names of their scenarios.
    ///
    /// # Errors
    /// Those of making it.
    pub(crate) fn prepare(&self, setting: &Setting) -> Result<Vec<(String, Contestant)>> {
        let mut contestants = Vec::new();
        for set in sets::of(setting) {
            let set = self.wanted_of(set, setting.place);
            if !set.scenarios.is_empty() {
                run_all(&set.make)?;
            }
            for scenario in set.scenarios {
                let name = full_name(setting.place, &scenario.name);
                let all = scenario.contestants.into_iter();
                contestants.extend(all.map(|contestant| (name.clone(), contestant)));
            }
        }
        Ok(contestants)
    }

    fn wanted_of(&self, mut set: Set, place: Place) -> Set {
        let is_wanted = |scenario: &Scenario| {
            let name = full_name(place, &scenario.name);
            self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
        };
        set.scenarios.retain(is_wanted);
        set
    }

    fn scenario(&self, setting: &Setting, scenario: Scenario) -> Result<Comparison> {
        let name = full_name(setting.place, &scenario.name);
        let mut rows: Vec<Row> = scenario.contestants.iter().map(blank).collect();
        for round in 1..=self.rounds {
            for (contestant, row) in scenario.contestants.iter().zip(&mut rows) {
                (self.progress)(&format!("{name}: round {round}, {}", contestant.name));
                self.round(setting, contestant, row)
                    .with_context(|| format!("{name}: {}", contestant.name))?;
            }
        }
        if *self.counting == Counting::Possible {
            for (contestant, row) in scenario.contestants.iter().zip(&mut rows) {
                (self.progress)(&format!("{name}: counting the calls of {}", contestant.name));
                run_all(&contestant.before)?;
                row.counts = Some(task::count(contestant.program.as_deref(), &contestant.job)?);
                run_all(&contestant.after)?;
            }
        }
        let items = || rows.iter().map(|row| row.items);
        let (least, most) = (items().min().unwrap_or(0), items().max().unwrap_or(0));
        ensure!(
            most - least <= ITEMS_MAY_DIFFER_BY && least > 0,
            "{name}: not everybody did the same: {rows:?}"
        );
        let mut comparison = Comparison {
            place: setting.place,
            name,
            title: scenario.title,
            rows,
            judgements: Vec::new(),
            load: machine::load(),
        };
        comparison.judge(scenario.wanted);
        Ok(comparison)
    }

    fn round(&self, setting: &Setting, contestant: &Contestant, row: &mut Row) -> Result<()> {
        run_all(&contestant.before)?;
        // What others have written must not be written out on this one's time.
        match setting.place {
            Place::Memory | Place::Disk => rustix::fs::syncfs(File::open(&setting.directory)?)?,
            // Nor what a server on this machine has written.
            Place::S3 | Place::Hdfs => rustix::fs::sync(),
        }
        let done = task::run_by(contestant.program.as_deref(), &contestant.job)?;
        row.runs.push(done.figures);
        row.items = done.items;
        let watched: Result<Vec<Cached>> = contestant
            .watched
            .iter()
            .map(|directory| cached::of_tables(directory))
            .collect();
        row.cached = watched?;
        run_all(&contestant.after)
    }
}

/// As in `memory/small/backup`.
fn full_name(place: Place, name: &str) -> String {
    let place = match place {
        Place::Memory => "memory",
        Place::Disk => "disk",
        Place::S3 => "s3",
        Place::Hdfs => "hdfs",
    };
    format!("{place}/{name}")
}

fn blank(contestant: &Contestant) -> Row {
    Row {
        who: contestant.name.clone(),
        items: 0,
        runs: Vec::new(),
        counts: None,
        cached: Vec::new(),
    }
}

fn run_all(steps: &[Step]) -> Result<()> {
    steps.iter().try_for_each(Step::run)
}
