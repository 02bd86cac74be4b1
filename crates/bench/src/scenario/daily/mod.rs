//! What runs every day: many databases from one file, several repositories, a deep verification, and the same work as backup programs for
//! files do.

mod deep;
mod files;
mod many;
mod several;
mod tool;

pub(crate) use self::tool::Commands;
use super::{Scale, Set, Setting};
use crate::data::tables::Tables;

/// How much data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amount {
    /// Databases in one file, and tables in each.
    many: (u64, u64),
    large: Tables,
    small: Tables,
    /// A database that is backed up so often, with a hundredth of its tables replaced each time; how many backups stay.
    aged: (Tables, u32, u32),
    /// The content of a database that is looked into.
    deep_bytes: u64,
    /// What each repository may take in a second.
    rate_mib: u64,
}

impl Amount {
    /// The full one, or the tiny one.
    pub(crate) fn of(tiny: bool) -> Self {
        let scale = Scale::of(tiny);
        let (many, aged, rate_mib) = if tiny {
            ((3, 5), 5, 16)
        } else {
            ((200, 100), 100, 256)
        };
        let aged_tables = Tables {
            count: if tiny { 100 } else { 1000 },
            ..scale.small
        };
        Amount {
            many,
            large: scale.large,
            small: scale.small,
            aged: (aged_tables, aged, aged.div_ceil(10)),
            deep_bytes: if tiny { 2 << 20 } else { 1 << 30 },
            rate_mib,
        }
    }
}

/// All of them that are in memory.
pub(crate) fn sets(setting: &Setting, commands: &Commands, amount: Amount) -> Vec<Set> {
    let mut sets = vec![many::unchanged(setting, commands, amount.many)];
    sets.push(several::backup(setting, commands, amount.large, amount.rate_mib));
    for (name, tables) in [("large", amount.large), ("small", amount.small)] {
        sets.push(files::whole(setting, commands, name, tables));
        sets.push(files::changed(setting, commands, name, tables));
    }
    sets.push(files::aged(setting, commands, amount.aged));
    sets.push(deep::scan(setting, commands, amount.deep_bytes));
    sets
}

/// Those that are on a disk.
pub(crate) fn disk_sets(setting: &Setting, commands: &Commands, amount: Amount) -> Vec<Set> {
    vec![deep::cold(setting, commands, amount.deep_bytes)]
}
