//! The record of a restore that has begun to move files: `state`.
//!
//! A text of JSON lines that ends in its own length and checksum. Whoever reads it moves files by it, so that names in it
//! are checked like those in a meta file: a directory may come from an untrusted source.

use std::borrow::Cow;
use std::iter;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use stonekeep_format::{BackupId, SequenceNumber};

use super::moves::{Move, MovedFile};
use super::old_database::Sequences;
use super::point::PointReport;
use super::report::{RestoreAction, RestoreReport, RestoredFile};
use super::salvage::Salvage;
use crate::engine::contents::RewrittenOptions;
use crate::engine::transfer::Amount;
use crate::image::include::is_storable;
use crate::repo::checked_lines::{self, CheckedText, line_of};
use crate::target::TargetDirectories;
use crate::{Error, Result};

/// The version of the text that is written.
const VERSION: u32 = 1;
/// The version of a text with files of the application, which older programs must not take for one without.
const VERSION_WITH_INCLUDED: u32 = 2;

/// How it begins. The first line lists names of files, and may be long.
pub(super) const RECORD_BEGIN: &[u8] = b"{\"stonekeep_restore\":";

/// What is being restored, and what moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RestoreRecord {
    pub(super) head: RecordHead,
    pub(super) moves: Vec<Move>,
    pub(super) files: Vec<RestoredFile>,
    /// Directories that are made for files of the application, each after the one above it.
    pub(super) directories: Vec<String>,
}

/// What is being restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RecordHead {
    pub(super) stonekeep_restore: u32,
    /// Where the repository was.
    pub(super) repository: String,
    #[serde(with = "backup_id")]
    pub(super) backup_id: BackupId,
    pub(super) meta_crc32c: u32,
    pub(super) database_id: Option<String>,
    /// The directory of the WALs, if it is a separate one.
    pub(super) wal_dir: Option<String>,
    /// Whether there was a CURRENT.
    pub(super) had_current: bool,
    /// What CURRENT holds when all is done.
    pub(super) current: String,
    pub(super) wal_files_kept: Vec<String>,
    pub(super) unverifiable: Vec<String>,
    pub(super) left_alone: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) rewritten_options: Vec<RewrittenOptions>,
    /// The last sequence numbers of the old database and of the backup.
    #[serde(default, skip_serializing_if = "Sequences::is_unknown")]
    pub(super) sequences: Sequences,
    /// Where the old state's files go in the end, instead of being removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) keep_old: Option<String>,
    /// Whether that directory was made for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) keep_old_made: bool,
    /// What is left out of a damaged backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) salvage: Option<Salvage>,
    /// The point behind the backup that is restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) point: Option<PointReport>,
}

impl RecordHead {
    /// A record moves files in the directories that it was written for, and in no others.
    pub(super) fn require_same_wal_dir(&self, targets: &TargetDirectories) -> Result<()> {
        let given = wal_dir(targets);
        if self.wal_dir == given {
            return Ok(());
        }
        let words = |path: &Option<String>| match path {
            Some(path) => format!("its WALs in {path}"),
            None => "its WALs in the same directory".to_owned(),
        };
        let message = format!(
            "the unfinished restore in {} has {}, not {}",
            targets.db().path().display(),
            words(&self.wal_dir),
            words(&given)
        );
        Err(Error::refused(message).with_hint("name the wal_dir that it was begun with"))
    }
}

/// The directory of the WALs as the record has it, if it is a separate one.
pub(super) fn wal_dir(targets: &TargetDirectories) -> Option<String> {
    let wals = targets.separate_wals();
    wals.map(|target| target.path().to_string_lossy().into_owned())
}

/// A backup id as the number that it is.
mod backup_id {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};
    use stonekeep_format::BackupId;

    pub(super) fn serialize<S: Serializer>(id: &BackupId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(id.get())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BackupId, D::Error> {
        let number = u32::deserialize(deserializer)?;
        BackupId::new(number).ok_or_else(|| D::Error::custom("it is not a backup id"))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line<'a> {
    Move(Cow<'a, Move>),
    File(Cow<'a, RestoredFile>),
    Directory(Cow<'a, str>),
}

impl RestoreRecord {
    /// What a restore by this record does, without the list of its files.
    pub(super) fn report(&self) -> RestoreReport {
        let total = |action: RestoreAction| {
            let matching = self.files.iter().filter(|file| file.action == action);
            matching.map(|file| file.size_bytes).collect::<Amount>()
        };
        let (written, kept) = (total(RestoreAction::Write), total(RestoreAction::Keep));
        let head = &self.head;
        RestoreReport {
            restored: false,
            backup_id: head.backup_id,
            files_written: written.files,
            bytes_written: written.bytes,
            files_kept: kept.files,
            bytes_kept: kept.bytes,
            files_moved_away: self.old_files().count() as u64 + u64::from(head.had_current),
            resumed: false,
            wal_files_kept: head.wal_files_kept.clone(),
            unverifiable: head.unverifiable.clone(),
            passed_over: Vec::new(),
            left_alone: head.left_alone.clone(),
            rewritten_options: head.rewritten_options.clone(),
            target_sequence_number: head.sequences.target.map(SequenceNumber),
            backup_sequence_number: head.sequences.backup.map(SequenceNumber),
            kept_old: head.keep_old.as_ref().map(PathBuf::from),
            salvage: head.salvage.clone(),
            point: head.point.clone(),
            files: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The old database's files that go.
    pub(super) fn old_files(&self) -> impl Iterator<Item = &MovedFile> {
        self.moves.iter().filter_map(|step| match step {
            Move::Away(place) => Some(place),
            _ => None,
        })
    }

    /// The moves of R4: those of the old database's files.
    pub(super) fn old_moves(&self) -> impl DoubleEndedIterator<Item = &Move> {
        self.moves.iter().filter(|step| !matches!(step, Move::In(_)))
    }

    /// The moves of R5: those of the new files.
    pub(super) fn new_moves(&self) -> impl DoubleEndedIterator<Item = &Move> {
        self.moves.iter().filter(|step| matches!(step, Move::In(_)))
    }

    /// Whether anything of an old database goes.
    pub(super) fn replaces(&self) -> bool {
        self.head.had_current || self.old_files().next().is_some()
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let has_included = self.moves.iter().any(|step| step.place().included.is_some());
        let head = RecordHead {
            stonekeep_restore: if has_included {
                VERSION_WITH_INCLUDED
            } else {
                VERSION
            },
            ..self.head.clone()
        };
        let moves = self.moves.iter().map(|step| Line::Move(Cow::Borrowed(step)));
        let files = self.files.iter().map(|file| Line::File(Cow::Borrowed(file)));
        let directories = self.directories.iter();
        let directories = directories.map(|path| Line::Directory(Cow::Borrowed(path)));
        let lines = moves.chain(files).chain(directories).map(|line| line_of(&line));
        CheckedText::new(iter::once(line_of(&head)).chain(lines)).complete()
    }

    /// `Corrupt` for anything that was not written so.
    pub(super) fn decode(name: &str, text: &[u8]) -> Result<Self> {
        let mut lines = checked_lines::lines(name, text)?;
        let head = lines.next().ok_or_else(|| Error::corrupt(name, "it is empty"))?;
        let head: RecordHead = checked_lines::parse(name, head)?;
        if ![VERSION, VERSION_WITH_INCLUDED].contains(&head.stonekeep_restore) {
            let message = format!("{name} is of another version of this program");
            return Err(Error::new(crate::ErrorKind::Unsupported, message));
        }
        let (mut moves, mut files, mut directories) = (Vec::new(), Vec::new(), Vec::new());
        for line in lines {
            match checked_lines::parse(name, line)? {
                Line::Move(step) if step.is_legal() => moves.push(step.into_owned()),
                Line::Move(step) => {
                    let reason = format!("{:?} is no name of a file that moves", step.place().name);
                    return Err(Error::corrupt(name, reason));
                }
                Line::File(file) => files.push(file.into_owned()),
                Line::Directory(path) if is_storable(&path) => directories.push(path.into_owned()),
                Line::Directory(path) => {
                    let reason = format!("{path:?} is no directory of the application's");
                    return Err(Error::corrupt(name, reason));
                }
            }
        }
        Ok(RestoreRecord {
            head: RecordHead {
                stonekeep_restore: VERSION,
                ..head
            },
            moves,
            files,
            directories,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Area;
    use std::path::Path;

    fn record(moves: Vec<Move>) -> RestoreRecord {
        let targets = TargetDirectories::locate(Path::new("/db"), Some(Path::new("/wals"))).unwrap();
        let file = RestoredFile {
            name: "000012.sst".into(),
            size_bytes: 9,
            action: RestoreAction::Keep,
        };
        RestoreRecord {
            head: RecordHead {
                stonekeep_restore: VERSION,
                repository: "/repository".into(),
                backup_id: BackupId::new(7).unwrap(),
                meta_crc32c: 8,
                database_id: Some("id".into()),
                wal_dir: wal_dir(&targets),
                had_current: true,
                current: "MANIFEST-000005\n".into(),
                wal_files_kept: Vec::new(),
                unverifiable: Vec::new(),
                left_alone: Vec::new(),
                rewritten_options: Vec::new(),
                sequences: Sequences::default(),
                keep_old: None,
                keep_old_made: false,
                salvage: None,
                point: None,
            },
            moves,
            files: vec![file],
            directories: Vec::new(),
        }
    }

    #[test]
    fn a_restore_record_parses_to_what_was_written() {
        let complete = record(vec![
            Move::Away(MovedFile::new(Area::Db, "LOG.old.17")),
            Move::Away(MovedFile::archived(Area::Wal, "000003.log")),
            Move::Back(MovedFile::archived(Area::Wal, "000004.log")),
            Move::In(MovedFile::new(Area::Db, "000012.sst")),
            Move::Away(MovedFile::included(0, "conf/app.json")),
            Move::In(MovedFile::included(0, "conf/app.json")),
        ]);
        let complete = RestoreRecord {
            directories: vec!["conf".to_owned()],
            ..complete
        };
        let text = complete.encode().unwrap();
        assert!(text.starts_with(RECORD_BEGIN));
        assert_eq!(RestoreRecord::decode("state", &text).unwrap(), complete);
        for end in 0..text.len() {
            assert!(
                RestoreRecord::decode("state", &text[..end]).is_err(),
                "cut at {end}"
            );
        }
    }

    #[test]
    fn a_record_moves_nothing_but_files_of_a_database() {
        let mut illegal = vec![
            Move::Away(MovedFile::archived(Area::Db, "000003.sst")),
            Move::Back(MovedFile::new(Area::Db, "000003.log")),
            Move::Back(MovedFile::archived(Area::Db, "000003.sst")),
            Move::In(MovedFile::archived(Area::Db, "000003.log")),
        ];
        for name in [
            "../000003.sst",
            "/etc/passwd",
            "x/000003.sst",
            "",
            ".",
            "README",
            "LOCK",
            "CURRENT",
        ] {
            illegal.push(Move::Away(MovedFile::new(Area::Db, name)));
            illegal.push(Move::In(MovedFile::new(Area::Wal, name)));
        }
        for path in [
            "../x",
            "/etc/passwd",
            "CURRENT",
            "archive/x",
            ".stonekeep-restore/state",
            "x//y",
        ] {
            illegal.push(Move::In(MovedFile::included(0, path)));
            illegal.push(Move::Away(MovedFile::included(0, path)));
            let mut text = record(Vec::new());
            text.directories.push(path.to_owned());
            assert!(
                RestoreRecord::decode("state", &text.encode().unwrap()).is_err(),
                "{path}"
            );
        }
        illegal.push(Move::Back(MovedFile::included(0, "x")));
        for step in illegal {
            let text = record(vec![step.clone()]).encode().unwrap();
            let error = RestoreRecord::decode("state", &text).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Corrupt, "{step:?}");
        }
    }
}
