//! A look into every block and key of a database's tables, beside a full scan by RocksDB's own tool.

use std::path::Path;

use super::Commands;
use crate::data::Step;
use crate::data::compressed::Compression;
use crate::scenario::{Contestant, Figure, MIB, Peer, SST_DUMP, STONEKEEP, Scenario, Set, Setting, Wanted};
use crate::task::{By, Task};

const OF_SST_DUMP: f64 = 0.5;
const PEAK_MIB: f64 = 64.0;

/// For tables of each compression. The tool has one thread, Stonekeep two.
pub(super) fn scan(setting: &Setting, commands: &Commands, bytes: u64) -> Set {
    let root = setting.directory.join("deep");
    let (mut make, mut scenarios) = (Vec::new(), Vec::new());
    for compression in Compression::ALL {
        let database = root.join(compression.name());
        scenarios.push(Scenario {
            name: format!("deep/{}", compression.name()),
            title: format!(
                "deep verification, {} MiB before compression ({})",
                bytes >> 20,
                compression.name()
            ),
            contestants: contestants(commands, &database),
            wanted: vec![
                Wanted::wall(Peer::SstDump, OF_SST_DUMP),
                Wanted::Limit {
                    figure: Figure::Peak,
                    at_most: PEAK_MIB * MIB,
                },
            ],
        });
        make.push(Step::Compressed {
            compression,
            bytes,
            at: database,
        });
    }
    Set { make, scenarios }
}

fn contestants(commands: &Commands, database: &Path) -> Vec<Contestant> {
    let by = By::Stonekeep(None);
    let stonekeep = Task::Command {
        command: commands.stonekeep.clone(),
        arguments: vec![
            "verify".into(),
            "--max-background-operations=2".into(),
            "--database".into(),
            database.into(),
        ],
        items: 1,
    };
    let mut contestants = vec![Contestant::new(STONEKEEP, by, stonekeep)];
    if let Some(sst_dump) = &commands.sst_dump {
        let mut files = std::ffi::OsString::from("--file=");
        files.push(database);
        let scan = Task::Command {
            command: sst_dump.clone(),
            arguments: vec![files, "--command=scan".into()],
            items: 1,
        };
        contestants.push(Contestant::new(SST_DUMP, by, scan));
    }
    contestants
}
