//! Which backups name which shared files, as far as sizes are concerned.
//!
//! What a backup shares is known when all meta files have been read. Its size is known before that. So it is enough to
//! know the files that one backup alone names: they are its own, and the rest of its size is what it shares.

use std::collections::HashMap;

use stonekeep_format::BackupId;

use crate::repo::names::{NameId, Names};

/// The files of all backups that have been read.
#[derive(Default)]
pub(super) struct Naming {
    by: Vec<NamedBy>,
    /// Sizes of files that are not plain, for the backups that alone name them.
    sizes: HashMap<NameId, Option<u64>>,
    private_bytes: u64,
}

#[derive(Clone, Copy)]
enum NamedBy {
    Nobody,
    One(BackupId),
    Several,
}

impl Naming {
    /// A further backup, whose private files take so many bytes, and whose shared ones are among these names.
    pub(super) fn begin(&mut self, names: &Names, private_bytes: u64) {
        self.by.resize(names.len(), NamedBy::Nobody);
        self.private_bytes += private_bytes;
    }

    /// A plain file of it.
    pub(super) fn add(&mut self, name: NameId, id: BackupId) {
        if let Some(by) = self.by.get_mut(name.index()) {
            *by = match by {
                NamedBy::Nobody => NamedBy::One(id),
                _ => NamedBy::Several,
            };
        }
    }

    /// Another file of it, with its size as this backup has it.
    pub(super) fn add_with_size(&mut self, name: NameId, id: BackupId, size_bytes: Option<u64>) {
        self.add(name, id);
        self.sizes.insert(name, size_bytes);
    }

    /// Of each backup the sizes of the files that it alone names.
    pub(super) fn own(&self, names: &Names) -> HashMap<BackupId, Sum> {
        let mut own: HashMap<BackupId, Sum> = HashMap::new();
        for (name, by) in names.ids().zip(&self.by) {
            if let NamedBy::One(id) = by {
                let size = self.sizes.get(&name).copied();
                let size = size.unwrap_or_else(|| size_there(names, name));
                own.entry(*id).or_default().add(size);
            }
        }
        own
    }

    /// Bytes of all files, each counted once, as they stand there.
    pub(super) fn total_bytes(&self, names: &Names) -> u64 {
        let named = names.ids().zip(&self.by);
        let named = named.filter(|(_, by)| !matches!(by, NamedBy::Nobody));
        let shared: u64 = named.filter_map(|(name, _)| size_there(names, name)).sum();
        shared + self.private_bytes
    }
}

fn size_there(names: &Names, name: NameId) -> Option<u64> {
    names.found(name)?.size_bytes
}

/// Sizes together, and how many of them are not known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    bytes: u128,
    unknown: u64,
}

impl Sum {
    /// One more.
    pub(super) fn add(&mut self, size_bytes: Option<u64>) {
        match size_bytes {
            Some(size) => self.bytes += u128::from(size),
            None => self.unknown += 1,
        }
    }

    /// All of these, too.
    pub(super) fn add_all(&mut self, others: Sum) {
        self.bytes += others.bytes;
        self.unknown += others.unknown;
    }

    /// What is left without this part of it.
    pub(super) fn without(self, part: Sum) -> Sum {
        Sum {
            bytes: self.bytes.saturating_sub(part.bytes),
            unknown: self.unknown.saturating_sub(part.unknown),
        }
    }

    /// `None` if it is not known, or too much to be told.
    pub(super) fn bytes(self) -> Option<u64> {
        match self.unknown {
            0 => u64::try_from(self.bytes).ok(),
            _ => None,
        }
    }
}
