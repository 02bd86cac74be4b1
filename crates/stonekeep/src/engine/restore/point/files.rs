//! P3: the files of the point, in the place of those of the base.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use stonekeep_format::Crc32c;
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::log::LogWriter;
use stonekeep_format::manifest::{ColumnFamilyChange, VersionEdit};

use super::choose::ResolvedPoint;
use super::report::PointReport;
use super::wals::{BaseWal, Sources, Wals};
use crate::engine::contents::assembly::{AssembledPart, Assembly, PartSource};
use crate::engine::contents::{BackupContents, BackupFile};
use crate::repo::stream::content::SegmentContent;
use crate::repo::stream::content_item::ContentItem;
use crate::repo::stream::segment_header::{Edit, OptionsFile, Part};
use crate::store::Store;
use crate::{Error, Result};

/// Makes the contents of a base those of a point behind it.
///
/// # Errors
/// `Corrupt` if base and stream are not of the same history, or a segment is damaged; I/O errors.
pub(in crate::engine::restore) fn complete(
    store: &Store,
    point: &ResolvedPoint,
    contents: &mut BackupContents,
) -> Result<PointReport> {
    let base_wals = base_wals(contents)?;
    let sources = Sources {
        base: &point.base,
        base_wals: &base_wals,
        segments: &point.segments,
    };
    sources.compare(store)?;
    let mut wals = sources.wals(point.position.end, point.position.ordinal);
    sources.complete(store, &mut wals)?;
    let (of_stream, of_base): (Wals, Wals) = wals
        .into_iter()
        .partition(|(_, parts)| parts.iter().any(AssembledPart::is_piece));
    contents.files.retain(|file| match file.name {
        DbFileName::Wal(number) => of_base.contains_key(&number),
        _ => true,
    });
    let mut wal_bytes = 0;
    for (number, parts) in of_stream {
        let pieces = parts.iter().filter(|part| part.is_piece());
        wal_bytes += pieces.map(|part| part.size_bytes).sum::<u64>();
        let segments = Arc::clone(&point.segments);
        let wal = Assembly { segments, parts };
        contents
            .files
            .push(BackupFile::assembled(DbFileName::Wal(number), wal));
    }
    let edits = point.edits()?;
    add_edits(point, contents, &edits)?;
    add_options(store, point, contents)?;
    let last = point.position.last_sequence;
    contents.sequence_number = Some(last.lowest);
    Ok(PointReport {
        stream: point.stream,
        sequence_number: last.lowest.0,
        sequence_number_highest: last.highest.0,
        wal_number: point.position.end.number.0,
        wal_offset: point.position.end.offset,
        measured_ms: point.position.measured_ms,
        measured_before_ms: point.part_before().map(|part| part.measured.after.wall_ms),
        wal_bytes,
        column_family_changes: edits.len() as u64,
        prepared_transactions: point.prepared_transactions,
    })
}

fn base_wals(contents: &BackupContents) -> Result<Vec<BaseWal>> {
    let wals = contents.files.iter().filter_map(|file| match file.name {
        DbFileName::Wal(number) => Some((number, file)),
        _ => None,
    });
    wals.map(|(number, file)| {
        Ok(BaseWal {
            number,
            key: file.key()?,
            size_bytes: file.size_bytes,
            crc32c: file.crc32c,
        })
    })
    .collect()
}

impl ResolvedPoint {
    /// The parts up to the point.
    fn parts(&self) -> impl DoubleEndedIterator<Item = &Part> {
        let parts = self.segments.iter().flat_map(|segment| &segment.header.parts);
        parts.filter(|part| part.ordinal <= self.position.ordinal)
    }

    /// The one before that of the point.
    fn part_before(&self) -> Option<&Part> {
        self.parts().rfind(|part| part.ordinal < self.position.ordinal)
    }

    /// Whether all records of the last part are before the point.
    fn is_end_of_part(&self) -> bool {
        let last = self.parts().next_back().and_then(|part| part.pieces.last());
        let end = self.position.end;
        last.is_none_or(|piece| (piece.wal, piece.to) <= (end.number, end.offset))
    }

    /// The column families that came or went since the base. A change lies behind the part before: within the last part, a column family is
    /// made as soon as a record may need it, and dropped at the end. One whose edit has a later sequence number is not needed.
    ///
    /// # Errors
    /// `Refused` if one was dropped and made again within the last part, so that both have the name.
    fn edits(&self) -> Result<Vec<&Edit>> {
        let (mut edits, mut names, mut kept) = (Vec::new(), BTreeMap::new(), Vec::new());
        let is_end = self.is_end_of_part();
        let last = self.position.last_sequence.highest;
        for part in self.parts() {
            let is_before = is_end || part.ordinal < self.position.ordinal;
            for edit in part.edits.iter().filter(|edit| edit.end > self.base.manifest) {
                let read = VersionEdit::decode(&edit.record.0, edit.end.offset)
                    .map_err(|error| Error::format(format!("MANIFEST {}", edit.end.number), error))?;
                if read.last_sequence.is_some_and(|later| later > last) {
                    return Ok(edits);
                }
                match read.column_family_change {
                    Some(ColumnFamilyChange::Drop) if !is_before => {
                        kept.push(names.get(&read.column_family).cloned());
                        continue;
                    }
                    Some(ColumnFamilyChange::Add(name)) => {
                        // The name of one that is older than the base is not known.
                        if kept
                            .iter()
                            .any(|kept| kept.as_ref().is_none_or(|kept| *kept == name))
                        {
                            return Err(made_again(part, &name));
                        }
                        names.insert(read.column_family, name);
                    }
                    _ => {}
                }
                edits.push(edit);
            }
        }
        Ok(edits)
    }
}

fn made_again(part: &Part, name: &[u8]) -> Error {
    let name = String::from_utf8_lossy(name);
    Error::refused(format!(
        "within segment {} a column family was dropped, and column family \"{name}\" was made, which may have had the same name: it is not known \
         which of them the point has",
        part.ordinal
    ))
    .with_hint("choose a point in another segment, or the end of this one, as by its time")
}

/// Appends the records to the MANIFEST of the base.
fn add_edits(point: &ResolvedPoint, contents: &mut BackupContents, edits: &[&Edit]) -> Result<()> {
    let name = DbFileName::Manifest(point.base.manifest.number);
    if edits.is_empty() {
        return Ok(());
    }
    let Some(file) = contents.files.iter_mut().find(|file| file.name == name) else {
        return Err(Error::corrupt(
            format!("backup {}", contents.id),
            format!("it has no {name}"),
        ));
    };
    let mut writer = LogWriter::behind(file.size_bytes);
    for edit in edits {
        writer.write(&edit.record.0);
    }
    let bytes = writer.take_bytes();
    let stored = AssembledPart {
        size_bytes: file.size_bytes,
        crc32c: file.crc32c,
        source: PartSource::Stored(file.key()?, 0),
    };
    let added = AssembledPart {
        size_bytes: bytes.len() as u64,
        crc32c: Some(Crc32c(crc32c::crc32c(&bytes))),
        source: PartSource::Bytes(bytes.into()),
    };
    let (segments, parts) = (Arc::clone(&point.segments), vec![stored, added]);
    *file = BackupFile::assembled(name, Assembly { segments, parts });
    Ok(())
}

/// The newest OPTIONS file up to the point takes the place of older ones.
fn add_options(store: &Store, point: &ResolvedPoint, contents: &mut BackupContents) -> Result<()> {
    let newest = point.parts().rev().find_map(|part| Some((part, part.options?)));
    let of_base = contents.files.iter().filter_map(|file| match file.name {
        DbFileName::Options(number) => Some(number),
        _ => None,
    });
    let of_base = of_base.max();
    let Some((part, options)) = newest.filter(|(_, options)| Some(options.number) > of_base) else {
        return Ok(());
    };
    let bytes = read_options(store, point, part, options)?;
    contents
        .files
        .retain(|file| !matches!(file.name, DbFileName::Options(_)));
    let name = DbFileName::Options(options.number);
    contents.files.push(BackupFile::generated(name, bytes));
    Ok(())
}

fn read_options(store: &Store, point: &ResolvedPoint, part: &Part, options: OptionsFile) -> Result<Vec<u8>> {
    let mut segments = point.segments.iter();
    let mut bytes = Vec::new();
    if let Some(segment) = segments.find(|segment| segment.name().last() >= part.ordinal) {
        let mut content = SegmentContent::open_at(store, segment, part.ordinal)?;
        while let Some(item) = content.next_item()? {
            if matches!(item, ContentItem::Options(ordinal, found) if ordinal == part.ordinal && *found == options)
            {
                let read = content.read_to_end(&mut bytes);
                read.map_err(|error| Error::of_content(&segment.key, error))?;
                return Ok(bytes);
            }
        }
    }
    Err(Error::corrupt(
        format!("OPTIONS {}", options.number),
        format!("segment {} does not have it", part.ordinal),
    ))
}
