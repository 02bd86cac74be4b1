//! Files of the application that a backup takes along: copied right after the capture, published before the facts that
//! name them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use stonekeep_format::BackupId;

use super::context::Context;
use super::warnings::unknown_files;
use crate::engine::transfer::{Amount, Meter, Metered};
use crate::image::include::{self, Found, FoundFile};
use crate::image::{self, DatabaseImage};
use crate::repo::included::{self, IncludedFile};
use crate::repo::layout;
use crate::store::{Durability, Key, Persist, PutContent, PutMode, Store, Upload};
use crate::{Error, IoContext, Phase, Result, Warning, WarningName};

/// How often a file is read that becomes shorter meanwhile.
const READS: u32 = 3;

/// Files and directories beside the database.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// Files of the application that were asked for.
    pub(super) included: Vec<IncludedFile>,
    /// The others, see [`DatabaseImage::surplus`].
    pub(super) surplus: Vec<PathBuf>,
    /// What of that RocksDB does not know.
    pub(super) unknown: Vec<PathBuf>,
    /// What the user should know.
    pub(super) warnings: Vec<Warning>,
}

impl Beside {
    fn new(
        context: &Context<'_>,
        image: &DatabaseImage,
        included: Vec<IncludedFile>,
        mut warnings: Vec<Warning>,
    ) -> Self {
        let left = |paths: &[PathBuf]| not_taken(context, paths, &included, &image.directory);
        let (surplus, unknown) = (left(&image.surplus), left(&image.unknown));
        warnings.extend(unknown_files(&unknown, &image.directory));
        Beside {
            included,
            surplus,
            unknown,
            warnings,
        }
    }
}

/// Files of the application in the staging area.
#[derive(Debug)]
pub(super) struct Included {
    files: Vec<(Upload, IncludedFile)>,
    /// The id under which the files are visible already, or 0.
    published_as: AtomicU32,
}

/// Copies what the options ask for into the area, and makes it durable; where files have their names as soon as they are
/// copied, under this id.
///
/// # Errors
/// `Refused` for too many files, `Stopped`, I/O errors.
pub(super) fn stage(
    context: &Context<'_>,
    image: &DatabaseImage,
    area: &str,
    id: Option<BackupId>,
) -> Result<(Included, Beside)> {
    let mut staged = Included {
        files: Vec::new(),
        published_as: AtomicU32::new(id.map_or(0, BackupId::get)),
    };
    if context.options.include.is_empty() {
        return Ok((staged, Beside::new(context, image, Vec::new(), Vec::new())));
    }
    let meter = context.meter(Phase::Planning, Amount::default());
    let mut gone = Vec::new();
    let found = find(context, image, &mut |file| {
        meter.check()?;
        let path = file.path.clone();
        let key = match id {
            Some(id) => layout::included(id).join(&path)?,
            None => Key::new(format!("files/{path}"))?,
        };
        match copy(context, area, &key, file, &meter)? {
            Some((copied, crc32c)) => {
                let size_bytes = copied.size_bytes;
                staged.files.push((
                    copied,
                    IncludedFile {
                        path,
                        size_bytes,
                        crc32c,
                    },
                ));
            }
            None => gone.push(path),
        }
        Ok(())
    })?;
    let files: Vec<Upload> = staged.files.iter().map(|(staged, _)| staged.clone()).collect();
    context
        .store()
        .persist(Persist::Uploads(&files), context.engine.durability())?;
    let mut warnings = warnings(&found);
    let reason = "it became shorter each time that it was copied";
    let gone = gone.iter().map(|path| image.directory.join(path));
    warnings.extend(gone.map(|path| left_out(&path, reason)));
    let beside = Beside::new(context, image, staged.facts(), warnings);
    Ok((staged, beside))
}

/// What [`stage`] would take along now, without its checksums.
///
/// # Errors
/// As [`stage`].
pub(super) fn preview(context: &Context<'_>, image: &DatabaseImage) -> Result<Beside> {
    let mut files = Vec::new();
    if context.options.include.is_empty() {
        return Ok(Beside::new(context, image, files, Vec::new()));
    }
    let found = find(context, image, &mut |file| {
        files.push(IncludedFile {
            path: file.path,
            size_bytes: file.size_bytes,
            crc32c: 0,
        });
        Ok(())
    })?;
    Ok(Beside::new(context, image, files, warnings(&found)))
}

/// What is beside the database and not included: without the repository and directories that lead to it.
fn not_taken(
    context: &Context<'_>,
    unknown: &[PathBuf],
    files: &[IncludedFile],
    root: &Path,
) -> Vec<PathBuf> {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let repository = context.store().directory().and_then(real);
    let tops: BTreeSet<&str> = files
        .iter()
        .filter_map(|file| file.path.split('/').next())
        .collect();
    let is_taken = |path: &Path| {
        let name = path.strip_prefix(root).ok().and_then(Path::to_str);
        name.is_some_and(|name| tops.contains(name))
    };
    let leads_to_repository = |path: &Path| match (&repository, real(path)) {
        (Some(repository), Some(path)) => repository.starts_with(path),
        _ => false,
    };
    let rest = unknown
        .iter()
        .filter(|path| !is_taken(path) && !leads_to_repository(path));
    rest.cloned().collect()
}

fn find(
    context: &Context<'_>,
    image: &DatabaseImage,
    take: &mut dyn FnMut(FoundFile) -> Result<()>,
) -> Result<Found> {
    let mut own = image.own_directories.clone();
    own.extend(context.store().directory().map(Path::to_owned));
    include::find(&image.directory, &context.options.include, &own, take)
}

fn warnings(found: &Found) -> Vec<Warning> {
    let left_out = found.left_out.iter().map(|(path, reason)| left_out(path, reason));
    let unmatched = found.unmatched.iter().map(|pattern| {
        let message = "nothing beside the database matches this pattern for files to include; files of RocksDB's own are \
                       never included";
        Warning::about(WarningName::NotIncluded, pattern.as_str(), message)
    });
    left_out.chain(unmatched).collect()
}

fn left_out(path: &Path, reason: &str) -> Warning {
    let message = format!("it is not included: {reason}");
    Warning::about(WarningName::NotIncluded, path.display().to_string(), message)
}

/// Copies a file as long as it is now; `None` if it becomes shorter each time.
fn copy(
    context: &Context<'_>,
    area: &str,
    key: &Key,
    found: FoundFile,
    meter: &Meter<'_>,
) -> Result<Option<(Upload, u32)>> {
    let directory = context.source.directories().into_iter().next();
    let path = directory.unwrap_or_default().join(&found.path);
    let (file, name) = (Arc::new(found.file), path.display());
    let mut size_bytes = found.size_bytes;
    for _ in 0..READS {
        let reader = image::read_from_start(Arc::clone(&file));
        let mut source = Metered::new(reader, &name, size_bytes, meter);
        match context
            .store()
            .upload(area, key, &mut source, size_bytes, PutMode::Replace)
        {
            Ok(staged) => return Ok(Some((staged, source.crc32c().0))),
            Err(error) if error.io_kind() == Some(io::ErrorKind::UnexpectedEof) => {
                size_bytes = length(&file, key)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn length(file: &File, key: &Key) -> Result<u64> {
    let metadata = file.metadata().context("looking at", Path::new(key.as_str()))?;
    Ok(metadata.len())
}

impl Included {
    /// What the facts are to say.
    pub(super) fn facts(&self) -> Vec<IncludedFile> {
        self.files.iter().map(|(_, file)| file.clone()).collect()
    }

    /// Gives the files their names under this id. What an earlier run has left there belongs to no backup.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub(super) fn publish(
        &self,
        store: &Store,
        run: &str,
        id: BackupId,
        durability: Durability,
    ) -> Result<()> {
        let before = BackupId::new(self.published_as.load(Ordering::Relaxed));
        if self.files.is_empty() || before == Some(id) {
            return Ok(());
        }
        included::remove_all(store, id)?;
        match before {
            None => self.publish_staged(store, id, durability)?,
            Some(before) => {
                for (_, file) in &self.files {
                    let from = file.key(before)?;
                    let content = PutContent::CopyOf(&from);
                    store.put(run, &file.key(id)?, content, PutMode::IfAbsent, durability)?;
                }
                included::remove_all(store, before)?;
            }
        }
        self.published_as.store(id.get(), Ordering::Relaxed);
        Ok(())
    }

    fn publish_staged(&self, store: &Store, id: BackupId, durability: Durability) -> Result<()> {
        let mut batch = Vec::with_capacity(self.files.len());
        for (staged, file) in &self.files {
            batch.push((staged.clone(), file.key(id)?));
        }
        match store.finish(batch, PutMode::IfAbsent, durability)?.first() {
            None => Ok(()),
            Some((_, key)) => Err(Error::refused(format!(
                "{key} appeared while the backup was made, below {}",
                layout::included(id)
            ))),
        }
    }
}
