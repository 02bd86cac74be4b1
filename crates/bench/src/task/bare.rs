//! The measured work, done by a bare client of object stores, without an engine: it puts the files and nothing else.

use anyhow::{Result, bail};

use super::{Done, Task};
use crate::data::directory::database_files;
use crate::measure::measure;

/// Does it.
pub(super) fn work(requests: usize, task: &Task) -> Result<Done> {
    let Task::Put { database, bucket } = task else {
        bail!("a bare client has nothing for {task:?}");
    };
    let (items, figures) = measure(|| {
        let files = database_files(database)?;
        let items = files.len() as u64;
        bucket.put(files, requests)?;
        Ok(items)
    })?;
    Ok(Done { items, figures })
}
