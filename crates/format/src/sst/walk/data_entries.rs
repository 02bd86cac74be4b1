//! The entries of one data block, against what the index says about it.

use std::cmp::Ordering;

use super::summary::TableSummary;
use super::visitor::TableVisitor;
use crate::sst::entries::{Entries, WithLength};
use crate::sst::index_entries::IndexForm;
use crate::sst::internal_key::user_part;
use crate::sst::{EntryType, InternalKey};
use crate::{FileKind, FormatError};

/// What is known about a block before its entries are read.
pub(super) struct EntryChecks<'a> {
    pub(super) form: IndexForm,
    /// The last key of the block before it.
    pub(super) last_key: Option<&'a [u8]>,
    /// The separator before it.
    pub(super) last_separator: Option<&'a [u8]>,
    pub(super) separator: &'a [u8],
    /// The first key, if the index has first keys.
    pub(super) first_key: Option<&'a [u8]>,
}

/// What is wrong with a block.
pub(super) struct Problem {
    pub(super) error: FormatError,
    /// Whether its entries were read and counted all the same.
    pub(super) is_all_read: bool,
}

impl Problem {
    pub(super) fn unread(error: FormatError) -> Self {
        Problem {
            error,
            is_all_read: false,
        }
    }
}

/// What reading a block gave.
pub(super) struct Read {
    /// The first problem.
    pub(super) problem: Option<Problem>,
    /// The last key, if all entries could be read.
    pub(super) last_key: Option<Vec<u8>>,
    pub(super) buffer: Vec<u8>,
}

/// Reads the decompressed data block at `offset`.
pub(super) fn read_entries(
    offset: u64,
    content: &[u8],
    checks: &EntryChecks<'_>,
    buffer: Vec<u8>,
    summary: &mut TableSummary,
    visitor: &mut dyn TableVisitor,
) -> Read {
    let order = checks.form.internal;
    let mut entries = match Entries::with_buffer(offset, content, order, WithLength, buffer) {
        Ok(entries) => entries,
        Err(error) => {
            return Read {
                problem: Some(Problem::unread(error)),
                last_key: None,
                buffer: Vec::new(),
            };
        }
    };
    let mut wrong: Option<FormatError> = None;
    let mut is_first = true;
    loop {
        let entry = match entries.next_entry() {
            Ok(Some(entry)) => entry,
            Ok(None) => break,
            Err(error) => return unread(error, entries),
        };
        let key = match InternalKey::parse(entry.key) {
            Ok(key) if key.entry_type != EntryType::RangeDeletion => key,
            Ok(_) => {
                let error = FormatError::corrupt(FileKind::Table, offset, "a range deletion in a data block");
                return unread(error, entries);
            }
            Err(error) => return unread(error.at(offset), entries),
        };
        if is_first {
            is_first = false;
            wrong = checks
                .first(entry.key)
                .map(|reason| FormatError::corrupt(FileKind::Table, offset, reason));
            if summary.bounds.is_none() {
                summary.bounds = Some((entry.key.to_vec(), Vec::new()));
            }
        } else if wrong.is_none() && entry.order.is_some_and(|it| !order.may_follow(it)) {
            let error =
                FormatError::corrupt(FileKind::Table, offset, "the keys of a data block do not ascend");
            wrong = Some(error);
        }
        summary.count(entry.key.len(), &key, entry.value.len());
        visitor.entry(&key, entry.value);
    }
    let last_key = (!is_first).then(|| entries.key().to_vec());
    if let Some(last_key) = &last_key {
        let reason = checks.last(last_key);
        wrong = wrong.or(reason.map(|reason| FormatError::corrupt(FileKind::Table, offset, reason)));
        if let Some((_, last)) = &mut summary.bounds {
            last.clone_from(last_key);
        }
    }
    Read {
        problem: wrong.map(|error| Problem {
            error,
            is_all_read: true,
        }),
        last_key,
        buffer: entries.into_buffer(),
    }
}

fn unread(error: FormatError, entries: Entries<'_, WithLength>) -> Read {
    Read {
        problem: Some(Problem::unread(error)),
        last_key: None,
        buffer: entries.into_buffer(),
    }
}

impl EntryChecks<'_> {
    /// What is wrong with the block's first key.
    fn first(&self, key: &[u8]) -> Option<&'static str> {
        if self.first_key.is_some_and(|first_key| first_key != key) {
            return Some("the first key is not the one that the index has");
        }
        if !self.form.order.is_known() {
            return None;
        }
        let order = self.form.internal;
        if self
            .last_key
            .is_some_and(|last| !order.may_follow(order.compare(key, last)))
        {
            return Some("the first key does not follow the last one of the block before");
        }
        let is_behind = |separator| order.may_follow(self.against(key, separator));
        if self.last_separator.is_some_and(|separator| !is_behind(separator)) {
            return Some("the first key is not greater than the separator before the block");
        }
        None
    }

    /// What is wrong with the block's last key.
    fn last(&self, key: &[u8]) -> Option<&'static str> {
        let is_beyond = self.form.order.is_known() && self.against(key, self.separator).is_gt();
        is_beyond.then_some("the last key is greater than the separator behind the block")
    }

    /// How an internal key compares with a separator.
    fn against(&self, key: &[u8], separator: &[u8]) -> Ordering {
        let form = self.form;
        let key = if form.is_user_key { user_part(key) } else { key };
        form.order.compare(key, separator)
    }
}
