//! Scenarios on servers: databases in memory, repositories in an object store or in HDFS.
//!
//! What is compared are programs, each started anew, with its defaults unless a scenario says otherwise.

pub(crate) mod contest;
mod data;
pub(crate) mod hdfs;
mod latency;
pub(crate) mod s3;
mod tools;

use std::time::Duration;

use crate::data::tables::Tables;

/// A round trip to a server that is far away.
pub(crate) const ROUND_TRIP: Duration = Duration::from_millis(20);

/// How much data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) large: Tables,
    pub(crate) small: Tables,
    /// One table alone.
    pub(crate) one: Tables,
    /// Tables in each backup of a synthetic repository, and its backups.
    pub(crate) listed: (u64, u32),
    /// Small files in HDFS.
    pub(crate) small_in_hdfs: Tables,
}

impl Scale {
    /// What the wanted figures are about.
    pub(crate) const FULL: Scale = Scale {
        large: tables(32, 64 << 20),
        small: tables(5000, 64 << 10),
        one: tables(1, 2 << 30),
        listed: (1000, 100),
        small_in_hdfs: tables(1200, 64 << 10),
    };

    /// A quarter of it.
    pub(crate) const QUICK: Scale = Scale {
        large: tables(8, 64 << 20),
        small: tables(1250, 64 << 10),
        one: tables(1, 512 << 20),
        listed: (250, 100),
        small_in_hdfs: tables(300, 64 << 10),
    };

    /// Enough to see that everything runs; the figures mean nothing.
    pub(crate) const TINY: Scale = Scale {
        large: tables(3, 9 << 20),
        small: tables(40, 64 << 10),
        one: tables(1, 20 << 20),
        listed: (20, 4),
        small_in_hdfs: tables(20, 64 << 10),
    };
}

const fn tables(count: u64, bytes_each: u64) -> Tables {
    Tables { count, bytes_each }
}
