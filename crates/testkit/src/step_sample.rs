//! Which steps of a protocol a crash test stops at: a sample that is the same in every run, or all of them.
//!
//! A test that kills a restore before each of its 200 steps takes a minute, and most steps are one more file of the same
//! kind. So by default it stops at the first and the last step, at the first of each kind, and at every
//! `EVERY`th of the others. Which of those is decided by the name of the test and by `ROTATION`, so that the
//! tests of one protocol together stop at nearly all of its steps. With [`ALL_STEPS`] each test stops at every step;
//! `cargo xtask crashes` does that.

use std::collections::{BTreeMap, BTreeSet};

/// Set to `1`, it makes every crash test stop at every step.
pub const ALL_STEPS: &str = "STONEKEEP_ALL_STEPS";

/// One of so many steps of a kind is tried, beside the first and the last.
const EVERY: usize = 16;

/// Moves the sample of every test. A commit that changes a protocol may change it, to try other steps.
const ROTATION: usize = 1;

/// The steps of one test that are to be tried, counted from 1, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepSample {
    steps: Vec<usize>,
    of: usize,
}

impl StepSample {
    /// From the names of all steps of an undisturbed run: what is done, and to which path. Steps are of one kind that do
    /// the same to files with a number in one directory.
    pub fn new(test: &str, names: &[String]) -> Self {
        let all = std::env::var_os(ALL_STEPS).is_some_and(|value| value == "1");
        let every = if all { 1 } else { EVERY };
        StepSample {
            steps: chosen(test, names, every),
            of: names.len(),
        }
    }

    /// The steps, counted from 1.
    pub fn steps(&self) -> &[usize] {
        &self.steps
    }

    /// The steps, counted from 0, with their names: those that the sample was made of.
    pub fn of<'n>(&self, names: &'n [String]) -> impl Iterator<Item = (usize, &'n String)> {
        let steps = self.steps.clone().into_iter();
        steps.filter_map(|step| Some((step - 1, names.get(step - 1)?)))
    }

    /// For the message of a failure: which steps were tried, and how to try all.
    pub fn describe(&self) -> String {
        format!(
            "{} of {} steps are tried, with {ALL_STEPS}=1 all",
            self.steps.len(),
            self.of
        )
    }
}

fn chosen(test: &str, names: &[String], every: usize) -> Vec<usize> {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for (at, name) in names.iter().enumerate() {
        kinds.entry(kind_of(name)).or_insert(at);
    }
    let mut steps: BTreeSet<usize> = kinds.into_values().collect();
    steps.extend([0, names.len().saturating_sub(1)]);
    let offset = test.bytes().map(usize::from).sum::<usize>() + ROTATION;
    steps.extend((0..names.len()).filter(|at| (at + offset).is_multiple_of(every)));
    steps
        .into_iter()
        .filter(|at| *at < names.len())
        .map(|at| at + 1)
        .collect()
}

fn kind_of(name: &str) -> String {
    let (directory, file) = name.rsplit_once(['/', ' ']).unwrap_or(("", name));
    // A sync of many files names them all.
    let directory = directory.split(' ').take(2).collect::<Vec<_>>().join(" ");
    if file.contains(|c: char| c.is_ascii_digit()) {
        format!("{directory}/#")
    } else {
        format!("{directory}/{file}")
    }
}
