//! Walks through tables that real engines wrote, against what those engines read from them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use stonekeep_format::FormatError;
use stonekeep_format::sst::walk::{
    Finding, TableCounts, TableSummary, TableVisitor, WalkOptions, WalkedBlock, walk_table,
};
use stonekeep_format::sst::{EntryType, Footer, InternalKey, ReadError};

use crate::sst_fixtures::tables;

/// What a walk told.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) findings: Vec<String>,
    pub(crate) errors: Vec<FormatError>,
    pub(crate) blocks: Vec<WalkedBlock>,
    /// The entries of data blocks, as `sst_dump --command=scan --output_hex` prints them.
    pub(crate) entries: Vec<String>,
    /// What the engine adds to keys without timestamps.
    timestamp: Vec<u8>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02X}").unwrap();
        text
    })
}

impl TableVisitor for Seen {
    fn block(&mut self, block: &WalkedBlock) {
        self.blocks.push(*block);
    }

    fn entry(&mut self, key: &InternalKey<'_>, value: &[u8]) {
        if key.entry_type == EntryType::RangeDeletion {
            return;
        }
        let user = hex(&[key.user_key, &self.timestamp].concat());
        let (sequence, number) = (key.sequence.0, key.entry_type as u8);
        self.entries.push(format!(
            "'{user}' seq:{sequence}, type:{number} => {}",
            hex(value)
        ));
    }

    fn finding(&mut self, finding: &Finding<'_>) {
        let keys = finding.keys.map_or(String::new(), |keys| {
            let text = |key: Option<&[u8]>| key.map_or("-".to_owned(), |key| key.escape_ascii().to_string());
            format!(", keys {} to {}", text(keys.from), text(keys.to))
        });
        self.findings.push(format!(
            "{}, {}{keys}: {}",
            finding.kind, finding.handle, finding.error
        ));
        self.errors.push(finding.error.clone());
    }
}

/// Walks through these bytes, never asked for one outside of them.
pub(crate) fn walk(file: &[u8]) -> (Result<TableSummary, ReadError>, Seen) {
    walk_with(file, WalkOptions::default(), Seen::default())
}

pub(crate) fn walk_with(
    file: &[u8],
    options: WalkOptions,
    mut seen: Seen,
) -> (Result<TableSummary, ReadError>, Seen) {
    let mut read = |offset: u64, buffer: &mut [u8]| {
        buffer.copy_from_slice(&file[offset as usize..offset as usize + buffer.len()]);
        Ok(())
    };
    let summary = walk_table(file.len() as u64, &mut read, options, &mut seen);
    (summary, seen)
}

/// A table and what the engine that wrote it says about it.
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) file: Vec<u8>,
    pub(crate) text: String,
}

/// Those of `tests/fixtures/sst_blocks`.
pub(crate) fn fixtures() -> Vec<Fixture> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sst_blocks");
    let mut fixtures = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "sst") {
            fixtures.push(Fixture {
                name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
                file: fs::read(&path).unwrap(),
                text: fs::read_to_string(path.with_extension("txt")).unwrap(),
            });
        }
    }
    fixtures.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(fixtures.len(), 177, "all fixtures are there");
    fixtures
}

/// As `make-blocks.sh` computes it, over lines.
fn fnv1a64(lines: &[String]) -> u64 {
    let bytes = lines.iter().flat_map(|line| line.bytes().chain([b'\n']));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Engines count differently; a walk accepts it.
fn as_its_engine_counts(name: &str, mut counts: TableCounts) -> TableCounts {
    if name.starts_with("dictionary") && name.ends_with("11.8.1") {
        // It does not count blocks that waited for the dictionary.
        counts.data_blocks = 0;
    }
    if name == "timestamps-7.8.3" {
        counts.deletions -= counts.deletions_with_timestamp;
    }
    if name.ends_with("5.18.4") {
        counts.entries -= counts.range_deletions;
        counts.deletions -= counts.range_deletions;
    }
    counts
}

#[test]
fn tables_are_whole_and_have_what_their_engines_read() {
    for Fixture { name, file, text } in fixtures() {
        let mut seen = Seen::default();
        if name.contains("stripped") {
            // The engine shows the least timestamp instead.
            seen.timestamp = vec![0; 8];
        }
        let (summary, seen) = walk_with(&file, WalkOptions::default(), seen);
        let summary = summary.expect("a table");
        assert_eq!(seen.findings, Vec::<String>::new(), "{name}");
        assert_eq!((summary.damaged, summary.unchecked), (0, 0), "{name}");
        let expected: Vec<&str> = text.lines().skip(2).collect();
        let sequences = match summary.sequences.expect("entries") {
            _ if expected[0].contains('-') => expected[0].to_owned(),
            (smallest, largest) => format!("smallest_seqno: {}, largest_seqno: {}", smallest.0, largest.0),
        };
        let counts = as_its_engine_counts(&name, summary.counts);
        let numbers = format!(
            "entries: {}, deletions: {}, merge operands: {}, range deletions: {}, data blocks: {}",
            counts.entries,
            counts.deletions,
            counts.merge_operands,
            counts.range_deletions,
            counts.data_blocks
        );
        let scanned = format!(
            "scanned: {}, fnv1a64 {:016x}",
            seen.entries.len(),
            fnv1a64(&seen.entries)
        );
        assert_eq!(expected, [sequences, numbers, scanned], "{name}");
    }
}

#[test]
fn tables_of_older_engines_are_whole() {
    for (name, file) in tables() {
        let (summary, seen) = walk(&file);
        if name.contains("plain") || name.contains("cuckoo") {
            let summary = summary.expect("a table");
            assert_eq!((summary.damaged, summary.unchecked), (0, 1), "{name}");
            assert!(
                seen.findings[0].contains("not looked into: "),
                "{name}: {:?}",
                seen.findings
            );
            assert!(!summary.is_complete, "{name}");
            let properties = summary.properties.expect("properties");
            assert!(
                properties.num_entries.is_some_and(|entries| entries > 0),
                "{name}"
            );
            continue;
        }
        let summary = summary.expect("a table");
        assert_eq!(seen.findings, Vec::<String>::new(), "{name}");
        assert_eq!((summary.damaged, summary.unchecked), (0, 0), "{name}");
    }
}

/// Without checksums, no more than what ends in another place is found.
#[test]
fn properties_of_plain_and_cuckoo_tables_that_cannot_be_read_are_named() {
    for (name, file) in tables() {
        if !name.contains("plain") && !name.contains("cuckoo") {
            continue;
        }
        let metaindex = Footer::decode(&file, file.len() as u64)
            .expect("a footer")
            .metaindex;
        let mut damaged = file.clone();
        // The number of restart points in the metaindex.
        damaged[(metaindex.offset + metaindex.size) as usize - 2] = 0x7f;
        let (summary, seen) = walk(&damaged);
        let summary = summary.expect("a table");
        assert_eq!((summary.damaged, summary.unchecked), (1, 1), "{name}");
        assert!(
            seen.findings[1].starts_with("metaindex block"),
            "{name}: {:?}",
            seen.findings
        );
    }
}
