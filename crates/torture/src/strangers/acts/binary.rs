//! Other bytes in RocksDB's files, and edits of a MANIFEST that no RocksDB would write, with right checksums.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use stonekeep::format::manifest::{ColumnFamilyChange, DeletedFile, NewFile, VersionEdit};
use stonekeep::format::{ColumnFamilyId, FileNumber, SequenceNumber};
use stonekeep_format_testkit::log::repair_checksums;

use super::ground::{Ground, content, write};
use super::{listed, manifest, numbers};

/// Files whose name fits, anywhere.
fn file_named(ground: &mut Ground<'_>, fits: impl Fn(&str) -> bool) -> Result<PathBuf> {
    let root = ground.root();
    ground.file_below(&root, |path| {
        path.file_name().is_some_and(|name| fits(&name.to_string_lossy()))
    })
}

/// A few bytes of a file are others. Records get right checksums, and meta files list what is there.
pub(super) fn bytes(ground: &mut Ground<'_>) -> Result<String> {
    let kind = ground.one_of(&["MANIFEST", ".log", ".sst", ".blob", "OPTIONS", "CURRENT", ""]);
    let path = file_named(ground, |name| name.contains(kind))?;
    let mut content = content(&path)?;
    ensure!(!content.is_empty(), "an empty file");
    for _ in 0..ground.rng.u32(1..8) {
        let at = ground.rng.usize(0..content.len());
        // Lengths and counts are often at a power of two, and in varints.
        let byte = [0, 1, 0x7f, 0x80, 0xff, ground.rng.u8(..)][ground.rng.usize(0..6)];
        let end = (at + ground.rng.usize(1..12)).min(content.len());
        content[at..end].fill(byte);
    }
    if matches!(kind, "MANIFEST" | ".log") {
        repair_checksums(&mut content);
    }
    write(&path, &content)?;
    let repository = ground.site.repository();
    if let Ok(name) = path.strip_prefix(&repository) {
        let name = name.to_string_lossy();
        if ground.rng.bool() {
            listed::list_again(&repository, &name, &name, ground.rng.bool())?;
        }
    }
    Ok(format!("other bytes in {}", ground.shown(&path)))
}

/// How many files or families an edit adds at most.
const MANY: u32 = 3_000;

/// The edits of a MANIFEST say what no RocksDB would say.
pub(super) fn edits(ground: &mut Ground<'_>) -> Result<String> {
    let path = file_named(ground, |name| name.starts_with("MANIFEST"))?;
    let content = content(&path)?;
    let kind = ground.rng.u8(0..12);
    let number = numbers::number(ground.rng);
    let mut what = "";
    let mut left = ground.rng.u32(0..4);
    let changed = manifest::with_edits(&content, &mut |edit| {
        if left > 0 {
            left -= 1;
            return;
        }
        left = u32::MAX;
        what = change(edit, kind, number);
    })?;
    ensure!(!what.is_empty(), "too few edits");
    let repository = ground.site.repository();
    listed::replace(&repository, &path, &changed, ground.rng.bool())?;
    Ok(format!("{what} {number} in {}", ground.shown(&path)))
}

fn change(edit: &mut VersionEdit, kind: u8, number: u64) -> &'static str {
    match kind {
        0 => {
            edit.next_file_number = Some(FileNumber(number));
            "the next number"
        }
        1 => {
            edit.last_sequence = Some(SequenceNumber(number));
            "the last sequence"
        }
        2 => {
            edit.log_number = Some(FileNumber(number));
            "the log number"
        }
        3 => {
            edit.column_family = ColumnFamilyId(number as u32);
            "the column family"
        }
        4 => {
            let name = b"\x1b[31m../../outside\n".to_vec();
            edit.column_family_change = Some(ColumnFamilyChange::Add(name));
            edit.column_family = ColumnFamilyId(number as u32);
            "a column family"
        }
        5 => {
            edit.atomic_group_remaining = Some(number as u32);
            "an atomic group"
        }
        6 => {
            edit.comparator = Some(vec![b'c'; 1 << 20]);
            "a comparator"
        }
        7 => {
            edit.db_id = Some(b"\x1b]0;id\x07\xff".to_vec());
            "a database id"
        }
        _ => change_files(edit, kind, number),
    }
}

fn change_files(edit: &mut VersionEdit, kind: u8, number: u64) -> &'static str {
    let first = edit.new_files.first().cloned().unwrap_or_default();
    match kind {
        8 => {
            let new = |at| NewFile {
                number: FileNumber(1_000 + u64::from(at)),
                ..first.clone()
            };
            edit.new_files.extend((0..MANY).map(new));
            "thousands of tables"
        }
        9 => {
            let deleted = |at: u32| DeletedFile {
                level: at % 7,
                number: FileNumber(u64::from(at)),
            };
            edit.deleted_files.extend((0..MANY).map(deleted));
            "thousands of deletions"
        }
        10 => {
            edit.new_files
                .iter_mut()
                .for_each(|file| file.size_bytes = number);
            "sizes"
        }
        _ => {
            let file = NewFile {
                number: FileNumber(number),
                size_bytes: number,
                level: number as u32,
                path_id: 3,
                smallest: vec![0xff; 100_000],
                largest: Vec::new(),
                smallest_seqno: SequenceNumber(number),
                ..first
            };
            edit.new_files.push(file);
            "a table"
        }
    }
}
