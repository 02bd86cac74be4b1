//! What runs leave beside their files: records, marks of completions, all below `stonekeep/runs/`.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt;
use object_store::path::Path;

use super::super::answer;
use super::super::attempts::{ANSWER_LIMIT, repeated};
use super::Writer;
use super::marks::{LIMIT_BYTES, Mark};
use super::run_keys::{MARKS, PROBES, probe_key};
use super::stamp::Token;
use crate::store::remote::fence::Fence;
use crate::store::remote::object::RemoteObject;
use crate::store::staging::{RUNS, record_key, run_key};
use crate::store::{Key, Leftover, NotDeleted, Object, ObjectReader, PutMode, Upload};
use crate::{Error, Result};

/// How old a mark is when its completion cannot be under way any more.
const COMPLETION_IS_OVER: Duration = Duration::from_secs(15 * 60);

/// What a run has there.
#[derive(Debug, Default)]
pub(super) struct Found {
    records: Vec<(Key, u64)>,
    pub(super) marks: Vec<Key>,
    probes: Vec<Key>,
}

impl Writer {
    /// Deletes files; those that are not there count as deleted.
    pub(in super::super) fn delete(&self, keys: &[Key], fence: Option<&Fence>) -> Vec<NotDeleted> {
        self.requests.delete(keys, fence)
    }

    /// Writes a record of the run.
    pub(in super::super) fn record(&self, run: &str, name: &Key, content: &mut dyn Read) -> Result<Upload> {
        let at = record_key(run, name)?;
        self.requests.touched().insert(run.to_owned());
        let written = self.upload(run, &at, content, 0, PutMode::Replace)?;
        Ok(Upload {
            key: name.clone(),
            ..written
        })
    }

    /// All runs that have left something.
    pub(in super::super) fn leftovers(&self) -> Result<Vec<Leftover>> {
        let runs = self.runs_below(&Key::new(RUNS)?)?;
        self.requests.touched().extend(runs.keys().cloned());
        let leftover = |(run, found): (String, Found)| {
            let uploads = found.records.into_iter().map(|(key, size_bytes)| Upload {
                run: run.clone(),
                key,
                size_bytes,
            });
            let mut uploads: Vec<Upload> = uploads.collect();
            let mut doubtful = Vec::new();
            for at in &found.marks {
                if let Some(mark) = self.read_mark(at)? {
                    doubtful.push(Key::new(mark.key)?);
                }
            }
            // A record that may not be whole is none.
            uploads.retain(|record| record_key(&run, &record.key).is_ok_and(|at| !doubtful.contains(&at)));
            Ok(Leftover {
                run,
                uploads,
                doubtful,
                last_written: None,
            })
        };
        runs.into_iter().map(leftover).collect()
    }

    /// Removes what a run has left beside its files, if it was listed or this process wrote for it. A mark stays while its
    /// completion may be under way.
    pub(in super::super) fn discard(&self, run: &str, fence: Option<&Fence>) -> Result<()> {
        self.uploaded.forget(run);
        let directory = run_key(run)?;
        if !self.requests.touched().contains(run) {
            return Ok(());
        }
        let Some((_, found)) = self.runs_below(&directory)?.pop_first() else {
            return Ok(());
        };
        let mut gone = found.probes;
        for (name, _) in found.records {
            gone.push(record_key(run, &name)?);
        }
        if !found.marks.is_empty() {
            let now = self.now(run)?;
            for at in found.marks {
                if self.settle(&at, now, fence)? {
                    gone.push(at);
                }
            }
        }
        // A request that arrives late does no harm: the names of a run are never used again.
        self.delete(&gone, None)
            .pop()
            .map_or(Ok(()), |left| Err(left.error))
    }

    /// Deals with the upload of a mark; `false` if it is too early.
    fn settle(&self, at: &Key, now: SystemTime, fence: Option<&Fence>) -> Result<bool> {
        let Some(mark) = self.read_mark(at)? else {
            return Ok(true);
        };
        let path = self.requests.paths.of(Some(&Key::new(mark.key)?))?;
        let mark_path = self.requests.paths.of(Some(at))?;
        let requests = &self.requests;
        let doing = format!("aborting an upload to {path}");
        if requests.wait(&doing, requests.look(&path))?.is_some() {
            // It may be what the upload became: aborting it has destroyed such objects.
            return Ok(true);
        }
        let Some(written) = requests.wait(&doing, requests.look(&mark_path))? else {
            return Ok(true);
        };
        let age = now.duration_since(written.modified).unwrap_or_default();
        if age < COMPLETION_IS_OVER {
            return Ok(false);
        }
        if !mark.upload_id.is_empty() {
            requests.abort(fence, &path, &mark.upload_id, &doing)?;
        }
        Ok(true)
    }

    /// The store's time, which it gives to an object with a fresh name.
    fn now(&self, run: &str) -> Result<SystemTime> {
        let path = self.requests.paths.of(Some(&probe_key(run, &Token::new())?))?;
        self.requests.put_once(&path, Vec::new().into(), None, false)?;
        let there = self.requests.wait(&format!("asking for {path}"), async {
            let there = self.requests.look(&path).await?;
            self.requests.remove_own(&path).await;
            Ok(there)
        })?;
        let there =
            there.ok_or_else(|| Error::not_found(format!("{path} is not there after it was written")))?;
        Ok(there.modified)
    }

    /// `None` if it is gone.
    pub(super) fn read_mark(&self, at: &Key) -> Result<Option<Mark>> {
        let object = match RemoteObject::open(self.requests.client.clone(), self.requests.paths.of(Some(at))?)
        {
            Err(error) if error.kind() == crate::ErrorKind::NotFound => return Ok(None),
            object => object?,
        };
        if object.size_bytes() > LIMIT_BYTES {
            return Err(Error::corrupt(
                at.as_str(),
                "it is too long for a mark of an upload",
            ));
        }
        let mut bytes = Vec::new();
        let mut reader = ObjectReader::new(&object);
        reader
            .read_to_end(&mut bytes)
            .map_err(|error| Error::of_reading(error, || format!("reading {at}")))?;
        Mark::parse(at, &bytes).map(Some)
    }

    /// What is below the directory of all runs or of one.
    pub(super) fn runs_below(&self, directory: &Key) -> Result<BTreeMap<String, Found>> {
        let prefix = self.requests.paths.of(Some(directory))?;
        let objects = self
            .requests
            .wait(&format!("listing {prefix}"), self.objects_below(&prefix))?;
        let mut runs = BTreeMap::<String, Found>::new();
        for (path, size_bytes) in objects {
            let Some(key) = self.requests.paths.key_of(&path) else {
                continue;
            };
            let below = key
                .as_str()
                .strip_prefix(RUNS)
                .and_then(|below| below.strip_prefix('/'));
            let Some((run, name)) = below.and_then(|below| below.split_once('/')) else {
                continue;
            };
            let found = runs.entry(run.to_owned()).or_default();
            match name.split_once('/') {
                Some((MARKS, _)) => found.marks.push(key),
                Some((PROBES, _)) => found.probes.push(key),
                // The markers of these directories, made by another tool.
                None if matches!(name, MARKS | PROBES) => {}
                _ => found.records.push((Key::new(name)?, size_bytes)),
            }
        }
        Ok(runs)
    }

    async fn objects_below(&self, prefix: &Path) -> object_store::Result<Vec<(Path, u64)>> {
        let list = || async {
            let objects = self.requests.objects.list(Some(prefix));
            let named = objects.map_ok(|object| (object.location, object.size));
            answer::unless_absent(named.try_collect().await).map(Option::unwrap_or_default)
        };
        repeated(ANSWER_LIMIT, list).await
    }
}
