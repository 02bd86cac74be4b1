//! Repositories as nobody should leave them, small ones and many.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use stonekeep::format::backup_name::RepoPath;
use stonekeep::repo::facts::{BackupFacts, FileFacts};
use stonekeep::store::{Durability, Store};

use crate::collect::scene::plain_facts;
use crate::support::scene::{memory, put};

/// Paths of every form; some are restored under one name.
const SHARED: [&str; 10] = [
    "shared_checksum/000008_sABCDEFGHIJKLMNOPQRST_9.sst",
    "shared_checksum/000009_sABCDEFGHIJKLMNOPQRST_9.sst",
    "shared_checksum/000010_sABCDEFGHIJKLMNOPQRST_7.sst",
    "shared_checksum/000011_77_5.blob",
    "shared_checksum/000012_sABCDEFGHIJKLMNOPQRST.sst",
    "shared_checksum/000013_ABCDEFGHIJKLMNOPQRST.sst",
    "shared_checksum/000008_sBBCDEFGHIJKLMNOPQRST_9.sst",
    "shared/000014.sst",
    "shared/000009.sst",
    "shared_checksum/000015_sABCDEFGHIJKLMNOPQRST_18446744073709551615.sst",
];
const PRIVATE: [&str; 5] = [
    "CURRENT",
    "MANIFEST-000005",
    "OPTIONS-000007",
    "000020.log",
    "000009.sst",
];

/// What stands in a place.
#[derive(Debug, Clone, Copy)]
enum There {
    Nothing,
    Bytes(usize),
    Directory,
}

/// A backup as its records tell.
#[derive(Debug, Clone)]
struct Told {
    lines: Vec<String>,
    private: Vec<(&'static str, There)>,
    /// By how much the number of files is wrong, and what stands before and behind.
    more: usize,
    head: &'static str,
    tail: &'static str,
    facts: Facts,
}

#[derive(Debug, Clone, Copy)]
enum Facts {
    None,
    Sizes(u64),
    OfAnother,
    Damaged,
}

fn there() -> impl Strategy<Value = There> {
    prop_oneof![
        12 => Just(There::Bytes(9)),
        2 => Just(There::Bytes(7)),
        1 => Just(There::Bytes(5)),
        1 => Just(There::Nothing),
        1 => Just(There::Directory),
    ]
}

/// What stands behind the path: nearly always what RocksDB writes.
fn behind() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        60 => Just(" crc32 1152751073"),
        6 => Just(" crc32 77"),
        1 => select(vec!["", " crc32 007", " crc32 77 size 9", " size 7 crc32 77", " crc32 77 temp kWarm", " crc32 x",
            " crc32 77 ni::excluded true", " ni::excluded true", " crc32 77 ni::new 1", " crc32 4294967296", " "]),
    ]
}

fn line() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        40 => Just(None),
        1 => select(vec!["private/1/CURRENT crc32 1", "private/9/000021.log crc32 1", "nonsense", "", " crc32 5",
            "shared_checksum/../x crc32 1", "shared_checksum/000008_sABCDEFGHIJKLMNOPQRST_9.sst crc32 1"])
            .prop_map(|line| Some(line.to_owned())),
    ]
}

fn facts() -> impl Strategy<Value = Facts> {
    prop_oneof![
        4 => Just(Facts::Sizes(9)),
        1 => Just(Facts::Sizes(7)),
        2 => Just(Facts::None),
        1 => Just(Facts::OfAnother),
        1 => Just(Facts::Damaged),
    ]
}

fn told(id: u32) -> impl Strategy<Value = Told> {
    let shared = subsequence(SHARED.to_vec(), 0..8);
    let private = subsequence(PRIVATE.to_vec(), 0..=5);
    let lines =
        (shared, private, line(), any::<bool>()).prop_flat_map(move |(shared, private, odd, turn)| {
            let mut paths: Vec<String> = shared.into_iter().map(str::to_owned).collect();
            paths.extend(private.iter().map(|name| format!("private/{id}/{name}")));
            if turn {
                paths.reverse();
            }
            let behind = proptest::collection::vec(behind(), paths.len());
            let there = proptest::collection::vec(there(), private.len());
            (Just(paths), behind, Just(odd), Just(private), there)
        });
    let head = prop_oneof![
        12 => Just("1735689600\n4711\n"),
        1 => Just("1735689600\n4711\nmetadata 6162\n"),
        2 => Just("schema_version 2.1\n1735689600\n4711\n"),
        1 => select(vec!["garbage\n+3\n", "schema_version 3\n1\n2\n", "1\n", ""]),
    ];
    let tail = prop_oneof![20 => Just(""), 1 => Just("// FOOTER\nx y\n"), 1 => Just("more")];
    let more = prop_oneof![20 => Just(0usize), 1 => Just(1)];
    (lines, more, head, tail, facts()).prop_map(
        |((paths, behind, odd, private, there), more, head, tail, facts)| Told {
            lines: paths
                .into_iter()
                .zip(behind)
                .map(|(path, behind)| path + behind)
                .chain(odd)
                .collect(),
            private: private.into_iter().zip(there).collect(),
            more,
            head,
            tail,
            facts,
        },
    )
}

fn stand(store: &Store, path: &str, there: There) {
    match there {
        There::Nothing => {}
        There::Bytes(count) => put(store, path, &vec![b'x'; count]),
        There::Directory => put(store, &format!("{path}/below"), b"x"),
    }
}

impl Told {
    fn write(&self, store: &Store, id: u32) {
        let lines: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        let count = self
            .lines
            .iter()
            .filter(|line| !line.contains("excluded true"))
            .count()
            + self.more;
        let text = format!("{}{count}\n{lines}{}", self.head, self.tail);
        put(store, &format!("meta/{id}"), text.as_bytes());
        for (name, there) in &self.private {
            stand(store, &format!("private/{id}/{name}"), *there);
        }
        let size_bytes = match self.facts {
            Facts::None => return,
            Facts::Sizes(size) => size,
            Facts::OfAnother | Facts::Damaged => 1,
        };
        let meta = if matches!(self.facts, Facts::OfAnother) {
            ""
        } else {
            &text
        };
        let mut facts = facts_of(id, meta.as_bytes(), &self.lines, size_bytes)
            .encode()
            .unwrap();
        if matches!(self.facts, Facts::Damaged) {
            facts[20] ^= 1;
        }
        put(store, &format!("stonekeep/backups/{id}"), &facts);
    }
}

fn facts_of(id: u32, meta: &[u8], lines: &[String], size_bytes: u64) -> BackupFacts {
    let file = |line: &String| {
        Some(FileFacts {
            path: RepoPath::parse(line.split(' ').next()?)?,
            size_bytes,
            crc32c: 0,
            table: None,
            origin: None,
        })
    };
    BackupFacts {
        database_id: Some("id".into()),
        database_id_in_manifest: true,
        sequence_number: 5,
        tags: vec![format!("tag {id}")],
        ..plain_facts(id, meta, lines.iter().filter_map(file).collect())
    }
}

/// Up to five backups, whose records and files fit together more or less.
#[derive(Debug, Clone)]
pub(crate) struct StrangeRepository {
    standing: Vec<There>,
    told: Vec<Told>,
}

pub(crate) fn repository() -> impl Strategy<Value = StrangeRepository> {
    let told = (1..=5u32).prop_flat_map(|count| (1..=count).map(told).collect::<Vec<_>>());
    let standing = proptest::collection::vec(there(), SHARED.len());
    (standing, told).prop_map(|(standing, told)| StrangeRepository { standing, told })
}

impl StrangeRepository {
    pub(crate) fn make(&self) -> Store {
        let store = memory();
        store.create_root(Durability::Durable).unwrap();
        for (path, there) in SHARED.iter().zip(&self.standing) {
            stand(&store, path, *there);
        }
        for (id, told) in (1..).zip(&self.told) {
            told.write(&store, id);
        }
        store
    }
}
