//! What the user should know of a plan before it is carried out.

use std::mem::{Discriminant, discriminant};
use std::path::{Path, PathBuf};

use stonekeep_format::backup_name::{NameSuffix, RepoPath};
use stonekeep_format::file_name::DbFileName;

use super::decision::{Action, PlannedFile, Target, shareable};
use super::inputs::PlanInputs;
use crate::engine::BackupEngineOptions;
use crate::image::DatabaseImage;
use crate::{Warning, WarningName};

/// The warnings about this plan.
pub(super) fn of_plan(
    image: &DatabaseImage,
    files: &[PlannedFile<'_>],
    options: &BackupEngineOptions,
    inputs: &PlanInputs<'_>,
) -> Vec<Warning> {
    let all = [
        (WarningName::Options, unchecked_sharing(options)),
        (WarningName::StoredAgain, stored_again(files, inputs)),
        (WarningName::WalsLeftOut, writes_left_out(image, options)),
    ];
    let given = all
        .into_iter()
        .filter_map(|(name, message)| Some((name, message?)));
    given
        .map(|(name, message)| Warning::general(name, message))
        .chain(files.iter().filter_map(|file| damaged_inside(file, inputs)))
        .collect()
}

/// A file of the database with the bytes of a stored file that is known to be damaged inside.
fn damaged_inside(file: &PlannedFile<'_>, inputs: &PlanInputs<'_>) -> Option<Warning> {
    let Action::Reuse { path, crc32c, .. } = &file.decision.action else {
        return None;
    };
    let reason = inputs
        .doubts
        .damage_inside(path, file.size_bytes(), Some(*crc32c))?;
    let message = format!(
        "the database's own file is damaged: a deep verification of {path}, which has the same bytes, found: {reason}; this backup \
         has the damage as well. A verification of the database (verify --database) names the keys that are affected, and latest-valid \
         the newest backup without known damage"
    );
    Some(Warning::about(
        WarningName::KnownDamage,
        file.image.to_string(),
        message,
    ))
}

/// How many of the unknown files and directories a warning names.
const NAMED: usize = 3;

/// What is beside the database, unknown to RocksDB, and in no backup.
pub(super) fn unknown_files(unknown: &[PathBuf], directory: &Path) -> Option<Warning> {
    let (first, rest) = (
        unknown.get(..NAMED).unwrap_or(unknown),
        unknown.get(NAMED..).unwrap_or_default(),
    );
    let names: Vec<String> = first.iter().map(|path| name_of(path, directory)).collect();
    let names = match (names.is_empty(), rest.len()) {
        (true, _) => return None,
        (_, 0) => names.join(", "),
        (_, more) => format!("{} and {more} more", names.join(", ")),
    };
    let message = format!(
        "RocksDB does not know {names}: not backed up, but the application may need it; `include` (--include) takes files \
         along"
    );
    Some(Warning::about(
        WarningName::UnknownFiles,
        directory.display().to_string(),
        message,
    ))
}

/// With a slash behind the name of a directory.
fn name_of(path: &Path, directory: &Path) -> String {
    let name = path.strip_prefix(directory).unwrap_or(path).display();
    if path.is_dir() {
        format!("{name}/")
    } else {
        name.to_string()
    }
}

fn unchecked_sharing(options: &BackupEngineOptions) -> Option<String> {
    let unchecked = options.share_table_files && !options.share_files_with_checksum;
    unchecked.then(|| {
        "share_files_with_checksum is off: files of one number have one name, so that backups of a restored or copied \
         database fail where it has another file of the same number"
            .to_owned()
    })
}

/// Another naming or sharing option stores everything again, which is reported before it is done.
fn stored_again(files: &[PlannedFile<'_>], inputs: &PlanInputs<'_>) -> Option<String> {
    let again = files.iter().filter(|file| has_another_name(file, inputs));
    let (count, bytes) = again.fold((0u64, 0u64), |(count, bytes), file| {
        (count + 1, bytes.saturating_add(file.size_bytes()))
    });
    (count > 0).then(|| {
        format!(
            "{count} files ({bytes} bytes) are in the newest backup under names of another kind, and are stored again: \
             the options for sharing and naming differ from those that it was made with"
        )
    })
}

fn has_another_name(file: &PlannedFile<'_>, inputs: &PlanInputs<'_>) -> bool {
    let Some((number, kind)) = shareable(&file.image.name) else {
        return false;
    };
    let Some(stored) = inputs.path_in_newest(number, kind) else {
        return false;
    };
    // The database's file has other bytes, and got another name for that.
    if inputs.doubts.is_any_damaged_inside(stored) {
        return false;
    }
    let same_size = stored.size_bytes().is_none_or(|size| size == file.size_bytes());
    same_size
        && match &file.decision.action {
            Action::Copy(Target::Shared(path)) => form(path) != form(stored),
            Action::Publish(staged) if !staged.by_killed_run => staged
                .path
                .as_ref()
                .is_some_and(|path| form(path) != form(stored)),
            Action::Copy(Target::SharedByChecksum(..)) => !is_legacy(stored),
            Action::Copy(Target::Private) => {
                matches!(stored, RepoPath::Shared(_) | RepoPath::SharedChecksum(_))
            }
            Action::Reuse { .. } | Action::Publish(_) | Action::Exclude(_) => false,
        }
}

fn is_legacy(path: &RepoPath) -> bool {
    let name = path.shared_name();
    name.is_some_and(|name| matches!(name.suffix(), NameSuffix::LegacyCrcSize { .. }))
}

/// What the options decide of a path.
fn form(path: &RepoPath) -> (Discriminant<RepoPath>, Option<Discriminant<NameSuffix>>, bool) {
    let suffix = path.shared_name().map(|name| discriminant(name.suffix()));
    (discriminant(path), suffix, path.size_bytes().is_some())
}

/// A directory at rest cannot be flushed first, as RocksDB's engine does for `backup_log_files = false`.
fn writes_left_out(image: &DatabaseImage, options: &BackupEngineOptions) -> Option<String> {
    let wals = image
        .files
        .iter()
        .filter(|file| matches!(file.name, DbFileName::Wal(_)));
    let bytes: u64 = wals.map(|file| file.size_bytes).sum();
    (!options.backup_log_files && bytes > 0).then(|| {
        format!(
            "backup_log_files is off: {bytes} bytes of WALs are left out, so the backup lacks the writes in them"
        )
    })
}
