//! P1: a point inside a piece.

use std::sync::Arc;

use stonekeep_format::BackupId;
use stonekeep_format::file_name::DbFileName;

use super::wals::{BaseWal, Sources};
use crate::Result;
use crate::engine::BackupEngineReadOnly;
use crate::repo::layout;
use crate::repo::loaded_meta::LoadedMeta;
use crate::repo::stream::segment_header::WalPosition;
use crate::repo::stream::sequence_cut::{CutPoint, SequenceCut};
use crate::repo::stream::stored_segment::StoredSegment;
use crate::repo::stream::target::{Base, InsidePiece};

/// Where the record is looked for.
pub(super) struct Cutting<'a> {
    pub(super) engine: &'a BackupEngineReadOnly,
    pub(super) base_id: BackupId,
    pub(super) base: &'a Base,
    pub(super) segments: &'a [StoredSegment],
}

impl Cutting<'_> {
    /// Reads the WALs from where the segment before was on; without that, from the first one of the base on.
    ///
    /// # Errors
    /// `Refused` if the record cannot be told; `Corrupt` for damage; I/O errors.
    pub(super) fn find(&self, inside: &InsidePiece) -> Result<Option<CutPoint>> {
        let store = self.engine.store();
        let before = self.segments.iter().rev();
        let mut before = before.filter(|segment| segment.name().last() < inside.ordinal);
        let resume = before.find_map(|segment| segment.header.resume.as_ref());
        let mut cut = match resume.filter(|resume| resume.wal >= self.base.end) {
            Some(resume) => SequenceCut::resuming(inside.wanted, resume),
            None => SequenceCut::new(inside.wanted),
        };
        let (base_wals, segments) = (self.base_wals()?, Arc::from(self.segments));
        let sources = Sources {
            base: self.base,
            base_wals: &base_wals,
            segments: &segments,
        };
        let end = WalPosition {
            number: inside.piece.wal,
            offset: inside.piece.to,
        };
        let first = cut.first_wal();
        for (wal, parts) in sources.wals(end, inside.ordinal) {
            if first.is_some_and(|first| wal < first) {
                continue;
            }
            sources.read(store, parts, &mut |bytes| {
                cut.push(wal, bytes)?;
                Ok(!cut.is_over())
            })?;
        }
        cut.finish()
    }

    fn base_wals(&self) -> Result<Vec<BaseWal>> {
        let store = self.engine.store();
        let meta = LoadedMeta::read(store, self.base_id, &layout::meta(self.base_id))?;
        let mut wals = Vec::new();
        for file in &meta.meta.files {
            if let DbFileName::Wal(number) = file.path.restored_name() {
                let key = layout::file(&file.path)?;
                wals.push(BaseWal {
                    number,
                    size_bytes: store.open(&key)?.size_bytes(),
                    crc32c: file.recorded_crc32c(),
                    key,
                });
            }
        }
        Ok(wals)
    }
}
