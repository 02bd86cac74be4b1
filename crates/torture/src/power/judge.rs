//! What must be on a disk after the power has failed, and what the next commands make of it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use fastrand::Rng;
use stonekeep::engine::BackupEngineReadOnly;
use stonekeep::store::Store;
use stonekeep::store::local::LocalStore;

use super::sequence::Layout;
use super::stages::{STAGES, Stages};
use super::steps::{State, Step};
use crate::binary::{Binary, Ended};
use crate::leaks;
use crate::place::Place;
use crate::tree::{self, Tree};
use crate::world::{id, options, restored};

/// A disk that is mounted after a power failure.
pub(super) struct Judge<'a> {
    pub(super) binary: &'a Binary,
    pub(super) stages: &'a Stages,
    pub(super) layout: Layout,
    /// The state that was reported as done.
    pub(super) before: &'a State,
    /// The command that was under way, and the state that it would have left.
    pub(super) under_way: Option<(Step, &'a State)>,
}

/// The backups of a repository, by the stages that they have.
type Backups = BTreeMap<u32, usize>;

impl Judge<'_> {
    /// Checks what is there, lets the next commands go on, and checks again.
    pub(super) fn check(&self, rng: &mut Rng) -> Result<()> {
        let after = self.under_way.map_or(self.before, |(_, after)| after);
        let (repository, copy) = (self.layout.repository(), self.layout.copy());
        self.check_backups(&repository, &self.before.repository, &after.repository)?;
        let copies = self.check_backups(&copy, &self.before.copy, &after.copy);
        copies.context("the copy")?;
        self.check_target()?;
        self.check_old(self.before)?;
        self.go_on(rng).context("the next commands")
    }

    fn run<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Result<Ended> {
        Ended::of(&mut self.binary.command(words))
    }

    /// Those that must be there are; those that may be there are whole. Gives those that are there.
    fn check_backups(&self, repository: &Path, before: &Backups, after: &Backups) -> Result<Vec<u32>> {
        let is_kept = |id: &&u32| before.contains_key(*id) && after.contains_key(*id);
        let listed = self.run(["list".as_ref(), "--repo".as_ref(), repository.as_os_str()])?;
        if listed.error_kind().is_some() && before.is_empty() {
            return Ok(Vec::new());
        }
        ensure!(listed.code == Some(0), "list: {}", listed.told());
        let backups = listed
            .document
            .as_ref()
            .and_then(|document| document["backups"].as_array());
        let ids = backups.context("a list of backups")?.iter();
        let ids = ids.map(|backup| Ok(u32::try_from(backup["id"].as_u64().context("an id")?)?));
        let ids = ids.collect::<Result<Vec<u32>>>()?;
        for id in before.keys().filter(is_kept) {
            ensure!(ids.contains(id), "backup {id} is lost, there are {ids:?}");
        }
        if ids.is_empty() {
            return Ok(ids);
        }
        let words = ["verify", "--level=checksum", "--repo"].map(OsStr::new);
        let verified = self.run(words.into_iter().chain([repository.as_os_str()]))?;
        ensure!(verified.code == Some(0), "verify: {}", verified.told());
        let reader = BackupEngineReadOnly::open(options(), LocalStore::new(repository))?;
        for id in &ids {
            let stage = before.get(id).or(after.get(id));
            let stage = stage.with_context(|| format!("backup {id} was never asked for"))?;
            self.check_restore(&reader, *id, *stage)?;
        }
        Ok(ids)
    }

    fn check_restore(&self, reader: &BackupEngineReadOnly, backup: u32, stage: usize) -> Result<()> {
        let found = restored(reader, id(backup)?).with_context(|| format!("restoring {backup}"))?;
        match tree::difference(&found, &self.stages.restored[stage]) {
            Some(difference) => bail!("backup {backup} restores to something else: {difference}"),
            None => Ok(()),
        }
    }

    fn found_at_target(&self) -> Result<Tree> {
        let target = self.layout.target();
        if !target.exists() {
            return Ok(Tree::new());
        }
        let mut found = tree::read(&target)?;
        let wals = self.layout.wals();
        if wals.exists() {
            found.extend(tree::read(&wals)?);
        }
        found.retain(|name, _| !name.starts_with(".stonekeep-restore/"));
        Ok(found)
    }

    /// How these files differ from what a restore of this stage gives.
    fn difference(&self, mut found: Tree, stage: usize) -> Option<String> {
        let mut wanted = self.stages.restored[stage].clone();
        if self.layout.separate_wals {
            // The OPTIONS file says where the WALs are.
            let is_same = |name: &String| !name.starts_with("OPTIONS-");
            found.retain(|name, _| is_same(name));
            wanted.retain(|name, _| is_same(name));
        }
        tree::difference(&found, &wanted)
    }

    /// A restore that is done has kept the old state.
    fn check_old(&self, state: &State) -> Result<()> {
        let Some((number, stage)) = state.old else {
            return Ok(());
        };
        let found = tree::read(&self.layout.old(number))?;
        let in_one_directory = |(name, bytes): (String, _)| match name.strip_prefix("wals/") {
            Some(name) => (name.to_owned(), bytes),
            None => (name, bytes),
        };
        let mut found: Tree = found.into_iter().map(in_one_directory).collect();
        // It stays where it is, locked.
        found.insert("LOCK".to_owned(), Arc::default());
        let difference = self.difference(found, stage);
        ensure!(
            difference.is_none(),
            "the old state that was kept: {difference:?}"
        );
        Ok(())
    }

    /// The target has what was there, or what was being restored, or RocksDB does not open it.
    fn check_target(&self) -> Result<()> {
        let found = self.found_at_target()?;
        let mut allowed = vec![self.before.target];
        let mut may_be_closed = self.before.target.is_none();
        if let Some((Step::Restore { .. }, after)) = self.under_way {
            allowed.push(after.target);
            may_be_closed = true;
        }
        let opens = found
            .get("CURRENT")
            .is_some_and(|current| current.starts_with(b"MANIFEST-"));
        if !opens {
            ensure!(
                may_be_closed,
                "what was restored is not there: {:?}",
                found.keys()
            );
            return Ok(());
        }
        let stages = allowed.into_iter().flatten();
        let mut differences = Vec::new();
        for stage in stages {
            match self.difference(found.clone(), stage) {
                None => return Ok(()),
                Some(difference) => differences.push(difference),
            }
        }
        bail!("RocksDB opens something else at the target: {differences:?}")
    }

    /// The command that was under way is run again, a backup is made, and what nobody needs is collected.
    fn go_on(&self, rng: &mut Rng) -> Result<()> {
        if let Some((step, after)) = self.under_way {
            if matches!(step, Step::Restore { .. }) {
                self.end_restore(step, after, rng)?;
            } else if step != Step::Backup {
                self.again(step)?;
            }
        }
        self.again(Step::Backup)?;
        // Perhaps the backup that was under way had been committed.
        let repository = self.layout.repository();
        let reader = BackupEngineReadOnly::open(options(), LocalStore::new(&repository))?;
        let newest = reader.backup_ids()?.last().copied();
        let newest = newest.context("no backup is there after the next one")?;
        self.check_restore(&reader, newest.get(), STAGES - 1)?;
        let after = self.under_way.map_or(self.before, |(_, after)| after);
        let mut last = after.repository.clone();
        last.insert(newest.get(), STAGES - 1);
        let mut first = self.before.repository.clone();
        first.insert(newest.get(), STAGES - 1);
        self.collect(&repository)?;
        self.check_backups(&repository, &first, &last)?;
        if self.layout.copy().exists() && !after.copy.is_empty() {
            self.collect(&self.layout.copy()).context("the copy")?;
            let copy = self.layout.copy();
            self.check_backups(&copy, &after.copy, &after.copy)
                .context("the copy")?;
        }
        Ok(())
    }

    fn again(&self, step: Step) -> Result<()> {
        let ended = self.run(self.layout.words(step, self.stages.last()))?;
        let is_gone = matches!(step, Step::Delete(_)) && ended.error_kind().is_some();
        ensure!(ended.code == Some(0) || is_gone, "{step:?}: {}", ended.told());
        Ok(())
    }

    /// A restore is finished by the same command, or taken back before that.
    fn end_restore(&self, step: Step, after: &State, rng: &mut Rng) -> Result<()> {
        let target: PathBuf = self.layout.target();
        if rng.bool() && target.exists() {
            let words = ["restore", "--abort", "--to"].map(OsStr::new);
            let ended = self.run(words.into_iter().chain([target.as_os_str()]))?;
            let is_none = ended.error_kind().is_some();
            ensure!(ended.code == Some(0) || is_none, "the abort: {}", ended.told());
            self.check_target().context("after an abort")?;
            let opens = self.found_at_target()?.contains_key("CURRENT");
            ensure!(
                opens || self.before.target.is_none(),
                "after an abort nothing is there"
            );
        }
        self.again(step)?;
        let stage = after.target.context("a stage")?;
        let difference = self.difference(self.found_at_target()?, stage);
        ensure!(difference.is_none(), "the restore is not whole: {difference:?}");
        let left = fs::exists(target.join(".stonekeep-restore"))?;
        ensure!(!left, "the restore leaves its staging directory");
        self.check_old(after)
    }

    /// Collects, and nothing is left that no backup needs.
    fn collect(&self, repository: &Path) -> Result<()> {
        let words = ["gc", "--min-age=0s", "--repo"].map(OsStr::new);
        let ended = self.run(words.into_iter().chain([repository.as_os_str()]))?;
        ensure!(ended.code == Some(0), "the collection: {}", ended.told());
        leaks::require_none(&Place::of_store(Store::from(LocalStore::new(repository))))
    }
}
