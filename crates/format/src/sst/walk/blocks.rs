//! Blocks of any kind: their place, their checksum, their content.

use super::state::Walk;
use super::visitor::{BlockKind, KeyRange, WalkedBlock};
use super::window::WINDOW_BYTES;
use crate::sst::trailer::TrailerCheck;
use crate::sst::{BlockHandle, Decompressor, ReadError, StoredBlock};
use crate::{FileKind, FormatError};

impl Walk<'_> {
    /// Whether a block can be there and has its bytes for itself; if not, that is reported.
    pub(super) fn has_place(
        &mut self,
        kind: BlockKind,
        handle: BlockHandle,
        keys: Option<KeyRange<'_>>,
    ) -> bool {
        let end = handle.end(self.footer.block_trailer_len());
        let end = end.filter(|end| *end <= self.footer.offset);
        let reason = match end {
            None => format!("the block, {handle}, is not before the footer"),
            Some(end) if self.coverage.add(handle.offset..end) => {
                format!("the block, {handle}, is in another one")
            }
            Some(_) => return true,
        };
        self.report(
            kind,
            handle,
            keys,
            &FormatError::corrupt(FileKind::Table, handle.offset, reason),
        );
        false
    }

    /// Reads a block and tells the visitor of it.
    pub(super) fn stored(
        &mut self,
        kind: BlockKind,
        handle: BlockHandle,
    ) -> Result<crate::Result<StoredBlock<'_>>, ReadError> {
        let len = handle.size as usize + self.footer.block_trailer_len();
        let bytes = self.window.get(handle.offset, len)?;
        let block = match StoredBlock::split(&self.footer, handle.offset, bytes) {
            Ok(block) => block,
            Err(error) => return Ok(Err(error)),
        };
        self.summary.counts.blocks += 1;
        self.visitor.block(&WalkedBlock {
            kind,
            handle,
            compression: block.compression,
            checksum: block.checksum,
        });
        Ok(block.checksum.check(handle.offset).map(|()| block))
    }

    /// The content of a block that is no data block; `None` if there is none to be had, which is reported then.
    pub(super) fn content(
        &mut self,
        kind: BlockKind,
        handle: BlockHandle,
        keys: Option<KeyRange<'_>>,
    ) -> Result<Option<Vec<u8>>, ReadError> {
        if !self.has_place(kind, handle, keys) {
            return Ok(None);
        }
        let limit = match kind {
            BlockKind::CompressionDictionary => self.options.dictionary_bytes(),
            BlockKind::Metaindex => self.options.properties_bytes(),
            _ => self.options.index_bytes(),
        };
        if handle.size > limit as u64 {
            self.checksum(kind, handle, keys)?;
            self.too_large(kind, handle, keys, limit);
            return Ok(None);
        }
        let version = self.footer.format_version;
        let content = self
            .stored(kind, handle)?
            .and_then(|block| Decompressor::new(version, limit).decompress_once(&block));
        Ok(content
            .map_err(|error| self.report(kind, handle, keys, &error))
            .ok())
    }

    pub(super) fn too_large(
        &mut self,
        kind: BlockKind,
        handle: BlockHandle,
        keys: Option<KeyRange<'_>>,
        limit: usize,
    ) {
        let reason = format!("only the checksum was checked of a {kind} of more than {limit} bytes");
        let error = FormatError::unsupported(FileKind::Table, handle.offset, reason);
        self.report(kind, handle, keys, &error);
    }

    /// Checks nothing but the checksum of a block of any size, which has its place.
    pub(super) fn checksum(
        &mut self,
        kind: BlockKind,
        handle: BlockHandle,
        keys: Option<KeyRange<'_>>,
    ) -> Result<(), ReadError> {
        let mut check = TrailerCheck::new(&self.footer);
        let (mut at, end) = (handle.offset, handle.offset + handle.size);
        while at < end {
            let len = (end - at).min(WINDOW_BYTES as u64) as usize;
            check.update(self.window.get(at, len)?);
            at += len as u64;
        }
        let trailer = self.window.get(end, self.footer.block_trailer_len())?;
        let checked = check
            .finish(handle.offset, trailer)
            .and_then(|(compression, checksum)| {
                self.summary.counts.blocks += 1;
                self.visitor.block(&WalkedBlock {
                    kind,
                    handle,
                    compression,
                    checksum,
                });
                checksum.check(handle.offset)
            });
        if let Err(error) = checked {
            self.report(kind, handle, keys, &error);
        }
        Ok(())
    }
}
