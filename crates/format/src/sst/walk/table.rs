//! The walk from the footer to the last check.

use super::coverage::Coverage;
use super::options::WalkOptions;
use super::state::{DataState, Walk};
use super::summary::TableSummary;
use super::visitor::{BlockKind, KeyRange, TableVisitor};
use super::window::{ReadAt, Window};
use crate::sst::footer::MAX_FOOTER_LEN;
use crate::sst::key_order::KeyOrder;
use crate::sst::{BlockHandle, Comparator, Decompressor, Footer, ReadError, TableKind};
use crate::{FileKind, FormatError};

/// Walks through the block-based table of `file_size` bytes that `source` reads.
///
/// # Errors
/// [`ReadError::Io`] if reading fails, [`ReadError::Format`] if there is no footer of a block-based table. Everything else is a
/// finding.
pub fn walk_table(
    file_size: u64,
    source: &mut dyn ReadAt,
    options: WalkOptions,
    visitor: &mut dyn TableVisitor,
) -> Result<TableSummary, ReadError> {
    let mut window = Window::new(source, file_size);
    let tail_len = file_size.min(MAX_FOOTER_LEN as u64);
    let tail = window.get(file_size - tail_len, tail_len as usize)?;
    let footer = Footer::decode(tail, file_size)?;
    if footer.kind != TableKind::BlockBased {
        let reason = format!("a {:?} table has no blocks to walk through", footer.kind);
        return Err(FormatError::unsupported(FileKind::Table, footer.offset, reason).into());
    }
    let padding = footer.check_padding(tail);
    let mut walk = Walk {
        window,
        options,
        footer,
        decompressor: Decompressor::new(footer.format_version, options.block_bytes()),
        coverage: Coverage::default(),
        data: DataState::default(),
        is_complete: true,
        has_whole_index: true,
        summary: TableSummary::new(&footer),
        visitor,
    };
    if let Err(error) = padding {
        walk.report(BlockKind::Footer, footer.own_handle(file_size), None, &error);
    }
    walk.all()?;
    Ok(walk.summary)
}

impl Walk<'_> {
    fn all(&mut self) -> Result<(), ReadError> {
        let Some(meta) = self.metaindex()? else {
            return Ok(());
        };
        let properties = self.properties(&meta)?;
        let Some(properties) = properties else {
            return Ok(());
        };
        let order = KeyOrder::internal(&properties);
        self.summary.comparator = order.comparator();
        if order.comparator() == Comparator::Unknown {
            let name = properties.comparator.as_deref().unwrap_or("none");
            let reason = format!("the order of keys under the comparator {name:?} is not known");
            let error = FormatError::unsupported(FileKind::Table, 0, reason);
            self.report(
                BlockKind::Data,
                BlockHandle::default(),
                Some(KeyRange::default()),
                &error,
            );
        }
        self.meta_blocks(&meta, &properties, order)?;
        let index = meta.index.unwrap_or(self.footer.index);
        self.index(index, &properties)?;
        self.end(&properties, order, meta.properties.unwrap_or_default())?;
        self.summary.is_complete = self.is_complete;
        self.summary.properties = Some(properties);
        Ok(())
    }
}
