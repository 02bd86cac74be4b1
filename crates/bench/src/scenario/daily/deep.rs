//! A look into every block and key of a database's tables, beside a full scan by RocksDB's own tool.

use std::path::Path;

use super::Commands;
use crate::data::Step;
use crate::data::compressed::Compression;
use crate::scenario::{
    CHECKSUMS, Contestant, Figure, MIB, Peer, SST_DUMP, STONEKEEP, Scenario, Set, Setting, Wanted,
};
use crate::task::{By, Job, Task};

const OF_SST_DUMP: f64 = 0.5;
/// Deep verification at 0.6 of the rate of checksums.
const OF_CHECKSUMS: f64 = 1.0 / 0.6;
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

/// A repository whose files are on the disk alone: every block and key, beside checksums of the same files.
pub(super) fn cold(setting: &Setting, commands: &Commands, bytes: u64) -> Set {
    let root = setting.directory.join("deep");
    let (database, repository) = (root.join("database"), root.join("repository"));
    let contestant = |name, level: &str| {
        let task = Task::Command {
            command: commands.stonekeep.clone(),
            arguments: vec![
                "verify".into(),
                format!("--level={level}").into(),
                "--max-background-operations=2".into(),
                "--repo".into(),
                repository.clone().into(),
            ],
            items: 1,
        };
        let contestant = Contestant::new(name, By::Stonekeep(None), task);
        contestant.before(Step::Forget(repository.clone()))
    };
    let scenario = Scenario {
        name: "deep/cold".to_owned(),
        title: format!(
            "deep verification from the disk, {} MiB before compression (lz4)",
            bytes >> 20
        ),
        contestants: vec![contestant(STONEKEEP, "deep"), contestant(CHECKSUMS, "checksum")],
        wanted: vec![Wanted::wall(Peer::Checksums, OF_CHECKSUMS)],
    };
    let backup = Task::Backup {
        database: database.clone(),
        repository,
    };
    let made = Step::Compressed {
        compression: Compression::Lz4,
        bytes,
        at: database,
    };
    let stored = Step::Run(Job {
        by: By::Stonekeep(None),
        task: backup,
    });
    Set {
        make: vec![made, stored],
        scenarios: vec![scenario],
    }
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
