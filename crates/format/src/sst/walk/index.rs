//! The index, which leads to the data blocks.

use super::state::Walk;
use super::visitor::{BlockKind, KeyRange};
use crate::FormatError;
use crate::sst::index_entries::{IndexEntries, IndexForm};
use crate::sst::internal_key::user_part;
use crate::sst::{BlockHandle, ReadError, TableProperties};

impl Walk<'_> {
    /// Goes through the index, and through the data blocks that it names.
    pub(super) fn index(
        &mut self,
        handle: BlockHandle,
        properties: &TableProperties,
    ) -> Result<(), ReadError> {
        let form = IndexForm::of(properties);
        if !form.has_two_levels {
            self.index_block(handle, form, KeyRange::default())?;
            return Ok(());
        }
        let kind = BlockKind::TopLevelIndex;
        let everything = Some(KeyRange::default());
        let Some(content) = self.content(kind, handle, everything)? else {
            self.lose_index();
            return Ok(());
        };
        if let Err(error) = self.parts(handle, &content, form)? {
            self.lose_index();
            self.report(kind, handle, everything, &error);
        }
        Ok(())
    }

    /// Goes through the index blocks that a top-level index names.
    fn parts(
        &mut self,
        handle: BlockHandle,
        content: &[u8],
        form: IndexForm,
    ) -> Result<Result<(), FormatError>, ReadError> {
        let mut entries = match IndexEntries::new(handle.offset, content, form.without_first_keys()) {
            Ok(entries) => entries,
            Err(error) => return Ok(Err(error)),
        };
        let mut last: Option<Vec<u8>> = None;
        loop {
            let entry = match entries.next_entry() {
                Ok(Some(entry)) => entry,
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            };
            let to = form.user_key_of(entry.separator);
            let keys = KeyRange {
                from: last.as_deref(),
                to: Some(to),
            };
            if !self.index_block(entry.handle, form, keys)? {
                // What is lost ends there.
                self.data.last_separator = Some(entry.separator.to_vec());
            }
            last = Some(to.to_vec());
        }
    }

    /// Goes through an index block; returns whether all of it could be read.
    fn index_block(
        &mut self,
        handle: BlockHandle,
        form: IndexForm,
        keys: KeyRange<'_>,
    ) -> Result<bool, ReadError> {
        let kind = BlockKind::Index;
        let Some(content) = self.content(kind, handle, Some(keys))? else {
            self.lose_index();
            return Ok(false);
        };
        let mut entries = match IndexEntries::new(handle.offset, &content, form) {
            Ok(entries) => entries,
            Err(error) => {
                self.lose_index();
                self.report(kind, handle, Some(keys), &error);
                return Ok(false);
            }
        };
        loop {
            match entries.next_entry() {
                Ok(Some(entry)) => self.data_block(handle, form, &entry)?,
                Ok(None) => return Ok(true),
                Err(error) => {
                    self.lose_index();
                    let from = self.data.last_separator.take();
                    let rest = KeyRange {
                        from: from.as_deref().map(|it| form.user_key_of(it)).or(keys.from),
                        to: keys.to,
                    };
                    self.report(kind, handle, Some(rest), &error);
                    self.data.last_separator = from;
                    return Ok(false);
                }
            }
        }
    }

    /// Data blocks are not known, so neither counts nor places can be compared.
    fn lose_index(&mut self) {
        self.is_complete = false;
        self.has_whole_index = false;
    }
}

impl IndexForm {
    /// The user's key of a separator.
    pub(super) fn user_key_of(self, separator: &[u8]) -> &[u8] {
        if self.is_user_key {
            separator
        } else {
            user_part(separator)
        }
    }
}
