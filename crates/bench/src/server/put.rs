//! Puts files into an object store as fast as a client without an engine can.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Larger files are uploaded in parts of this size.
const PART_BYTES: u64 = 8 << 20;

/// Puts all of them, with at most so many requests under way that carry content.
///
/// # Errors
/// Those of the store and of reading the files.
pub(super) async fn files(
    store: Arc<dyn ObjectStore>,
    files: Vec<(PathBuf, ObjectPath)>,
    requests: usize,
) -> Result<()> {
    let permits = Arc::new(Semaphore::new(requests));
    let mut tasks = JoinSet::new();
    for (path, key) in files {
        let file = File::open(&path).with_context(|| path.display().to_string())?;
        let size = file.metadata()?.len();
        if size > PART_BYTES {
            in_parts(&store, (&path, file, size), &key, &permits, &mut tasks).await?;
        } else {
            let permit = permits.clone().acquire_owned().await?;
            let store = store.clone();
            tasks.spawn(async move {
                let content = read(&file, &path, 0, size)?;
                store.put(&key, PutPayload::from(content)).await?;
                drop(permit);
                Ok(())
            });
        }
        collect_finished(&mut tasks)?;
    }
    finish(tasks).await
}

/// Starts all parts of a file. They are completed while the next file is read.
async fn in_parts(
    store: &Arc<dyn ObjectStore>,
    (path, file, size): (&Path, File, u64),
    key: &ObjectPath,
    permits: &Arc<Semaphore>,
    tasks: &mut JoinSet<Result<()>>,
) -> Result<()> {
    let mut upload = store.put_multipart(key).await?;
    let mut parts: JoinSet<Result<()>> = JoinSet::new();
    let mut offset = 0;
    while offset < size {
        let length = PART_BYTES.min(size - offset);
        let permit = permits.clone().acquire_owned().await?;
        let content = read(&file, path, offset, length)?;
        let part = upload.put_part(PutPayload::from(content));
        parts.spawn(async move {
            part.await?;
            drop(permit);
            Ok(())
        });
        offset += length;
    }
    tasks.spawn(async move {
        finish(parts).await?;
        upload.complete().await?;
        Ok(())
    });
    Ok(())
}

fn read(file: &File, path: &Path, offset: u64, length: u64) -> Result<Bytes> {
    let mut content = vec![0; usize::try_from(length)?];
    file.read_exact_at(&mut content, offset)
        .with_context(|| path.display().to_string())?;
    Ok(content.into())
}

fn collect_finished(tasks: &mut JoinSet<Result<()>>) -> Result<()> {
    while let Some(done) = tasks.try_join_next() {
        done??;
    }
    Ok(())
}

async fn finish(mut tasks: JoinSet<Result<()>>) -> Result<()> {
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;
    use crate::server::runtime;

    #[test]
    fn files_arrive_whole_in_one_piece_or_in_parts() {
        let directory = tempfile::tempdir().unwrap();
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let sizes = [0, 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES];
        let content = |size: u64| -> Vec<u8> { (0..size).map(|n| ((n * size) >> 7) as u8).collect() };
        let made = sizes.map(|size| {
            let path = directory.path().join(size.to_string());
            std::fs::write(&path, content(size)).unwrap();
            (path, ObjectPath::from(format!("to/{size}")))
        });
        let runtime = runtime().unwrap();
        runtime
            .block_on(files(store.clone(), made.clone().into(), 2))
            .unwrap();
        for (size, (_, key)) in sizes.into_iter().zip(made) {
            let stored = runtime.block_on(async { store.get(&key).await.unwrap().bytes().await.unwrap() });
            assert!(stored == content(size), "{size}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let missing = vec![(PathBuf::from("/nowhere/at/all"), ObjectPath::from("a"))];
        assert!(runtime().unwrap().block_on(files(store, missing, 2)).is_err());
    }
}
