//! Errors for a backup whose files are missing or wrong.

use stonekeep_format::file_name::DbFileName;
use stonekeep_format::{BackupId, Crc32c};

use super::file::BackupFile;
use crate::in_short::in_short;
use crate::repo::layout;
use crate::{Error, ErrorKind, Finding};

/// A file of the backup that is not what it should be.
pub(in crate::engine) fn damaged(id: BackupId, path: &str, reason: String) -> Error {
    let file = path.to_owned();
    damaged_files(id, vec![Finding { file, reason }])
}

pub(in crate::engine) fn wrong_checksum(id: BackupId, path: &str, expected: Crc32c, found: Crc32c) -> Error {
    damaged(
        id,
        path,
        format!("its checksum is {found:#010x} instead of {expected:#010x}"),
    )
}

pub(super) fn damaged_files(id: BackupId, findings: Vec<Finding>) -> Error {
    let first = findings.first().map(ToString::to_string).unwrap_or_default();
    let more = match findings.len() {
        0 | 1 => String::new(),
        count => format!(", and {} files more", count - 1),
    };
    Error::new(
        ErrorKind::Corrupt,
        format!("backup {id} is damaged: {first}{more}"),
    )
    .with_hint("restore another backup, or latest-valid; best_effort (--best-effort) restores what is whole of this one")
    .with_findings(findings)
}

/// A backup that excludes these files, which are stored nowhere else.
pub(super) fn incomplete(id: BackupId, mut nowhere: Vec<&BackupFile>) -> Error {
    nowhere.sort_by(|a, b| a.name.cmp(&b.name));
    // One is looked for by its path; of many the names in the database are enough.
    let (files, names) = match *nowhere {
        [only] => ("1 file".to_owned(), only.path_text()),
        _ => {
            let names: Vec<&DbFileName> = nowhere.iter().map(|file| &file.name).collect();
            (format!("{} files", names.len()), in_short(&names))
        }
    };
    let reason = format!("excludes {files} found in no other backup and no alternate directory: {names}");
    let finding = Finding {
        file: layout::meta(id).to_string(),
        reason: reason.clone(),
    };
    Error::new(ErrorKind::InvalidArgument, format!("backup {id} {reason}"))
        .with_hint("name the repositories that have them (--alternate-dir)")
        .with_findings(vec![finding])
        .about_a_backup()
}
