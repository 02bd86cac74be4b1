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

/// Walks through the table of `file_size` bytes that `source` reads. Of a plain or cuckoo table only footer, metaindex and
/// properties are read, which have no checksums; that the rest was not looked into is a finding.
///
/// # Errors
/// [`ReadError::Io`] if reading fails, [`ReadError::Format`] if there is no footer of a table. Everything else is a finding.
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
    match footer.kind {
        TableKind::BlockBased => walk.all()?,
        TableKind::Plain => walk.properties_alone("plain")?,
        TableKind::Cuckoo => walk.properties_alone("cuckoo")?,
    }
    Ok(walk.summary)
}

impl Walk<'_> {
    /// What can be said of a table without blocks.
    fn properties_alone(&mut self, name: &str) -> Result<(), ReadError> {
        let everything = Some(KeyRange::default());
        let reason = format!("not looked into: {name} table");
        let error = FormatError::unsupported(FileKind::Table, self.footer.offset, reason);
        self.report(BlockKind::Other, BlockHandle::default(), everything, &error);
        let Some(meta) = self.metaindex()? else {
            return Ok(());
        };
        let Some(properties) = self.properties(&meta)? else {
            return Ok(());
        };
        let at = meta.properties.unwrap_or_default();
        if let Some(size) = properties.data_size.filter(|size| *size > self.footer.offset) {
            let reason = format!(
                "rocksdb.data.size is {size}, but the footer begins at {}",
                self.footer.offset
            );
            let error = FormatError::corrupt(FileKind::Table, at.offset, reason);
            self.report(BlockKind::Properties, at, everything, &error);
        }
        self.summary.properties = Some(properties);
        Ok(())
    }

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
