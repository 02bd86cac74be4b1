//! The text of our facts: it comes back, and damage is never taken for facts.

use proptest::prelude::*;
use stonekeep::format::backup_name::RepoPath;
use stonekeep::format::unique_id::{SessionId, UniqueId};
use stonekeep::format::{BackupId, Crc32c};
use stonekeep::image::{CaptureKind, ClosingRule, ImageColumnFamily, LiveCapture};
use stonekeep::repo::facts::{BackupFacts, FileFacts, FileOrigin, Session, TableFacts};
use stonekeep::repo::facts_reader;
use stonekeep::{ErrorKind, Warning, WarningName};

use crate::support::scene::{Scene, id, key, memory, put};

fn table() -> impl Strategy<Value = TableFacts> {
    (
        any::<u64>(),
        proptest::option::of(any::<[u8; 16]>().prop_map(UniqueId::from_bytes)),
        any::<(u64, u64)>(),
        session(),
    )
        .prop_map(
            |(number, unique_id, (smallest_seqno, largest_seqno), session)| TableFacts {
                number,
                unique_id,
                smallest_seqno,
                largest_seqno,
                session,
            },
        )
}

fn session() -> impl Strategy<Value = Session> {
    prop_oneof![
        Just(Session::Unknown),
        Just(Session::None),
        "[1-9A-Z][0-9A-Z]{19}".prop_map(|text| Session::Id(SessionId::parse(&text).unwrap())),
    ]
}

fn path() -> impl Strategy<Value = RepoPath> {
    let forms = prop_oneof![
        "shared_checksum/[0-9]{6}_s[1-9A-Z][0-9A-Z]{19}_[1-9][0-9]{0,9}\\.sst",
        "shared_checksum/[0-9]{6}_[1-9][0-9]{0,7}_[1-9][0-9]{0,9}\\.(sst|blob)",
        "shared/[0-9]{6}\\.sst",
        "private/[1-9]/(CURRENT|MANIFEST-[0-9]{6}|OPTIONS-[0-9]{6}|[0-9]{6}\\.(log|sst))",
    ];
    forms.prop_map(|text| RepoPath::parse(&text).unwrap())
}

fn origin() -> impl Strategy<Value = FileOrigin> {
    any::<(u64, u64, i64, i64)>().prop_map(|(device, inode, modified_ns, changed_ns)| FileOrigin {
        device,
        inode,
        modified_ns,
        changed_ns,
    })
}

fn file() -> impl Strategy<Value = FileFacts> {
    (
        path(),
        any::<(u64, u32)>(),
        proptest::option::of(table()),
        proptest::option::of(origin()),
    )
        .prop_map(|(path, (size_bytes, crc32c), table, origin)| FileFacts {
            path,
            size_bytes,
            crc32c,
            table,
            origin: origin.map(Box::new),
        })
}

fn family() -> impl Strategy<Value = ImageColumnFamily> {
    (any::<u32>(), ".{0,9}", proptest::option::of(".{0,9}"))
        .prop_map(|(id, name, comparator)| ImageColumnFamily { id, name, comparator })
}

fn kind() -> impl Strategy<Value = CaptureKind> {
    prop_oneof![
        Just(CaptureKind::Closed),
        Just(CaptureKind::Hot),
        Just(CaptureKind::Handle)
    ]
}

fn live() -> impl Strategy<Value = Option<LiveCapture>> {
    let rule = prop_oneof![
        Just(ClosingRule::Strict),
        Just(ClosingRule::Fallback),
        Just(ClosingRule::DeletionsDisabled)
    ];
    let live = (any::<(u64, u64, u64)>(), rule).prop_map(|(numbers, rule)| {
        let fields = serde_json::json!({
            "rounds": numbers.0,
            "rule": rule,
            "window_us": numbers.1,
            "wal_bytes_trimmed": numbers.2,
        });
        serde_json::from_value::<LiveCapture>(fields).unwrap()
    });
    proptest::option::of(live)
}

fn warning() -> impl Strategy<Value = Warning> {
    let name = proptest::sample::select(WarningName::ALL);
    let about = proptest::option::of("\\PC{0,20}");
    (name, about, ".{0,20}", any::<bool>()).prop_map(|(name, about, message, accepted)| {
        let mut warning = Warning::general(name, message);
        (warning.about, warning.accepted) = (about, accepted);
        warning
    })
}

fn backup() -> impl Strategy<Value = BackupFacts> {
    let words = || proptest::option::of("\\PC{0,20}");
    let numbers = any::<(u32, u32, u64, u64, bool, bool)>();
    let lists = (
        proptest::collection::vec(family(), 0..3),
        proptest::collection::vec(".{0,9}", 0..3),
        proptest::collection::vec(file(), 0..6),
    );
    let texts = (words(), words(), words(), words(), ".{0,20}");
    let capture = (kind(), live(), proptest::collection::vec(warning(), 0..3));
    (numbers, capture, lists, texts).prop_map(|(numbers, (capture, live, warnings), lists, texts)| {
        BackupFacts {
            backup_id: numbers.0,
            meta_crc32c: numbers.1,
            meta_size_bytes: numbers.2,
            meta_head: None,
            database_id: texts.0,
            database_id_in_manifest: numbers.4,
            sequence_number: numbers.3,
            capture,
            live,
            column_families: lists.0,
            rocksdb_version: texts.1,
            wal_dir: texts.2,
            host: texts.3,
            tags: lists.1,
            went_back: Vec::new(),
            warnings,
            durable: numbers.5,
            stream: None,
            took_ms: None,
            created_by: texts.4,
            included: Vec::new(),
            engine: None,
            prepared_transactions: 0,
            files: lists.2,
        }
    })
}

proptest! {
    #[test]
    fn facts_parse_to_what_was_written(facts in backup()) {
        let text = facts.encode().unwrap();
        prop_assert_eq!(BackupFacts::decode("x", &text).unwrap(), facts);
    }

    #[test]
    fn no_bytes_are_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let error = BackupFacts::decode("x", &bytes).unwrap_err();
        prop_assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}

/// The facts of a real backup.
fn real() -> (BackupFacts, Vec<u8>) {
    let store = memory();
    Scene::new().create(&store).unwrap();
    let text = store.read(&key("stonekeep/backups/1"), 1 << 20).unwrap();
    (BackupFacts::decode("x", &text).unwrap(), text)
}

#[test]
fn damage_at_any_byte_is_seen() {
    let (facts, text) = real();
    for at in 0..text.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut damaged = text.clone();
            damaged[at] ^= flip;
            match BackupFacts::decode("x", &damaged) {
                Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt),
                // Spelling of the last line alone, as "1E3" for "1e3", is no damage.
                Ok(read) => assert_eq!(read, facts, "byte {at}"),
            }
        }
        assert!(BackupFacts::decode("x", &text[..at]).is_err(), "cut at {at}");
    }
    let longer = [&text[..], b"\n"].concat();
    assert!(BackupFacts::decode("x", &longer).is_err());
}

#[test]
fn facts_of_a_newer_version_are_unsupported_and_left_aside() {
    let (_, text) = real();
    let text = String::from_utf8(text).unwrap();
    let (content, _) = text.trim_end().rsplit_once('\n').unwrap();
    let content = content.replace("{\"stonekeep_facts\":1,", "{\"stonekeep_facts\":2,\"more\":true,") + "\n";
    let crc = stonekeep::format::checksum::crc32c(content.as_bytes());
    let lines = content.lines().count();
    let newer = format!(
        "{content}{{\"end\":{{\"lines\":{lines},\"crc32c\":{}}}}}\n",
        crc.0
    );
    let error = BackupFacts::decode("x", newer.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    let store = memory();
    Scene::new().create(&store).unwrap();
    put(&store, "stonekeep/backups/1", newer.as_bytes());
    assert_eq!(facts_reader::read_orphan(&store, id(1)).unwrap(), None);
}

#[test]
fn facts_belong_to_one_meta_file() {
    let (facts, _) = real();
    let (crc, size) = (Crc32c(facts.meta_crc32c), facts.meta_size_bytes);
    assert!(facts.belong_to(id(1), crc, size));
    assert!(!facts.belong_to(id(2), crc, size));
    assert!(!facts.belong_to(id(1), Crc32c(crc.0 ^ 1), size));
    assert!(!facts.belong_to(id(1), crc, size + 1));
    assert!(!facts.belong_to(BackupId::FIRST.next().unwrap(), crc, size));
}

#[test]
fn a_warning_of_a_newer_version_is_read_as_other() {
    let newer: Warning = serde_json::from_str(r#"{"name":"of-a-newer-version","message":"m"}"#).unwrap();
    assert_eq!(newer, Warning::general(WarningName::Other, "m"));
}
