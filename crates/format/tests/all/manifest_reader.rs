//! Whole MANIFESTs that RocksDB wrote: folded, cut everywhere, read on, damaged and flattened.

use std::collections::BTreeSet;

use stonekeep_format::FileNumber;
use stonekeep_format::log::{LogScanner, LogWriter};
use stonekeep_format::manifest::{DatabaseState, ManifestReader, ManifestRest, VersionEdit, write_flat};
use stonekeep_format_testkit::Encode as _;
use stonekeep_format_testkit::log::{OwnedRecord, scan};

/// A MANIFEST with what RocksDB said to be live when it wrote it; `make.c` and `MakeOld.java` made both.
struct Fixture {
    name: &'static str,
    bytes: &'static [u8],
    expected: &'static str,
}

macro_rules! fixture {
    ($name:literal) => {
        Fixture {
            name: $name,
            bytes: include_bytes!(concat!("../fixtures/manifest/", $name)),
            expected: include_str!(concat!("../fixtures/manifest/", $name, ".expected")),
        }
    };
}

/// `kNewFile2` and `kNewFile3`, two column families, two paths.
const OLD: Fixture = fixture!("5.18.4_two_paths");
/// Blobs with garbage, tracked WALs, file checksums, a dropped column family.
const WITH_BLOBS: Fixture = fixture!("7.8.3");
/// The same with atomic groups, and unknown tags for 7.8.3.
const WITH_GROUPS: Fixture = fixture!("11.8.1");
/// Two paths.
const TWO_PATHS: Fixture = fixture!("11.8.1_two_paths");

const ALL: [&Fixture; 4] = [&OLD, &WITH_BLOBS, &WITH_GROUPS, &TWO_PATHS];

fn read(fixture: &Fixture) -> DatabaseState {
    let (state, end) = ManifestReader::read(fixture.bytes).unwrap();
    assert_eq!(end.applied_bytes, fixture.bytes.len() as u64, "{}", fixture.name);
    assert_eq!(end.rest, ManifestRest::Nothing);
    state
}

#[test]
fn a_state_without_files_has_everything_else() {
    for fixture in ALL {
        let mut reader = ManifestReader::new().without_files();
        reader.push(fixture.bytes).unwrap();
        let ((state, _), complete) = (reader.finish().unwrap(), read(fixture));
        assert_eq!(live_files(&state), BTreeSet::new(), "{}", fixture.name);
        assert_eq!(state.db_id(), complete.db_id());
        assert_eq!(state.last_sequence(), complete.last_sequence());
        assert_eq!(state.next_file_number(), complete.next_file_number());
        assert_eq!(state.min_wal_to_keep(), complete.min_wal_to_keep());
        assert_eq!(state.tracked_wals(), complete.tracked_wals());
        assert_eq!(state.column_families().len(), complete.column_families().len());
    }
}

fn records(bytes: &[u8]) -> Vec<OwnedRecord> {
    let (records, end) = scan(LogScanner::manifest(), bytes).unwrap();
    assert!(end.is_clean());
    records
}

/// The state in the words of the fixture makers.
fn live_files(state: &DatabaseState) -> BTreeSet<String> {
    let tables = state.live_tables().map(|live| {
        let name = &state.column_families()[&live.column_family].name;
        let (level, number, size) = (live.file.level, live.file.number, live.file.size_bytes);
        format!("table {level} {number} {size} {}", name.escape_ascii())
    });
    let blobs = state.live_blobs().map(|live| {
        let addition = &live.file.addition;
        format!("blob {} {}", addition.number, addition.file_size_bytes())
    });
    tables.chain(blobs).collect()
}

#[test]
fn live_files_are_what_rocksdb_says() {
    for fixture in ALL {
        let state = read(fixture);
        let (last, files): (Vec<&str>, Vec<&str>) = fixture
            .expected
            .lines()
            .partition(|line| line.starts_with("last"));
        let files: BTreeSet<String> = files.into_iter().map(str::to_owned).collect();
        assert_eq!(live_files(&state), files, "{}", fixture.name);
        let last: u64 = last[0].strip_prefix("last sequence ").unwrap().parse().unwrap();
        let told = state.last_sequence().unwrap().0;
        assert!(
            told > 0 && told <= last,
            "{}: the rest is in the WAL",
            fixture.name
        );
    }
}

#[test]
fn edits_of_rocksdb_are_encoded_as_it_did() {
    for fixture in [&WITH_BLOBS, &WITH_GROUPS, &TWO_PATHS] {
        for record in records(fixture.bytes) {
            let edit = VersionEdit::decode(&record.payload, record.offset).unwrap();
            assert_eq!(edit.encode(), record.payload, "{}: {edit}", fixture.name);
        }
    }
}

#[test]
fn edits_of_an_old_rocksdb_are_reencoded_in_another_order() {
    for record in records(OLD.bytes) {
        let edit = VersionEdit::decode(&record.payload, record.offset).unwrap();
        let encoded = edit.encode();
        assert_eq!(encoded.len(), record.payload.len(), "{edit}");
        assert_eq!(VersionEdit::decode(&encoded, 0).unwrap(), edit);
    }
}

#[test]
fn database_id_and_column_families_are_folded() {
    let state = read(&WITH_GROUPS);
    let names: Vec<&[u8]> = state
        .column_families()
        .values()
        .map(|f| f.name.as_slice())
        .collect();
    assert_eq!(
        names,
        [&b"default"[..], b"blobs and more"],
        "the third was dropped"
    );
    assert_eq!(state.db_id().map(<[u8]>::len), Some(36));
    assert_eq!(state.next_file_number(), Some(FileNumber(42)));
    assert_eq!(state.min_wal_to_keep(), FileNumber(38));
    assert_eq!(state.max_log_number(), FileNumber(38));
    let wals: Vec<_> = state.tracked_wals().iter().collect();
    assert_eq!(wals, [], "older ones are deleted, and the last was never closed");
    let table = state.live_tables().next().unwrap().file;
    let checksum = table.checksum.as_ref().unwrap();
    assert_eq!(checksum.function, b"FileChecksumCrc32c");
    assert!(table.unique_id.is_some() && table.epoch_number.is_some());
    assert_eq!(read(&OLD).db_id(), None);
}

/// Where the file may be cut: behind each record that closes its atomic group or stands alone.
fn boundaries(bytes: &[u8]) -> Vec<u64> {
    let closing = records(bytes).into_iter().filter(|record| {
        let edit = VersionEdit::decode(&record.payload, 0).unwrap();
        edit.atomic_group_remaining.unwrap_or(0) == 0
    });
    std::iter::once(0)
        .chain(closing.map(|record| record.end_offset))
        .collect()
}

#[test]
fn a_manifest_cut_anywhere_is_read_up_to_a_complete_group() {
    for fixture in ALL {
        let boundaries = boundaries(fixture.bytes);
        for cut in 0..=fixture.bytes.len() {
            let mut reader = ManifestReader::new();
            reader.push(&fixture.bytes[..cut]).unwrap();
            let boundary = boundaries.iter().rev().find(|at| **at <= cut as u64).unwrap();
            assert_eq!(reader.applied_bytes(), *boundary, "{} cut at {cut}", fixture.name);
            if let Ok((_, end)) = reader.finish() {
                assert_eq!(end.applied_bytes, *boundary);
                assert_eq!(end.rest == ManifestRest::Nothing, *boundary == cut as u64);
            }
        }
    }
}

#[test]
fn a_manifest_is_read_on_from_where_it_was_cut() {
    for fixture in ALL {
        let whole = read(fixture);
        for boundary in boundaries(fixture.bytes) {
            let (before, after) = fixture.bytes.split_at(boundary as usize);
            let mut reader = ManifestReader::new();
            reader.push(before).unwrap();
            let mut later = ManifestReader::resume(reader.state().clone(), boundary);
            later.push(after).unwrap();
            let (state, end) = later.finish().unwrap();
            assert_eq!(state, whole, "{} read on from {boundary}", fixture.name);
            assert_eq!(end.applied_bytes, fixture.bytes.len() as u64);
        }
    }
}

#[test]
fn a_manifest_in_single_bytes_is_the_same() {
    let mut reader = ManifestReader::new();
    for byte in WITH_GROUPS.bytes {
        reader.push(std::slice::from_ref(byte)).unwrap();
    }
    assert_eq!(reader.applied_edits(), records(WITH_GROUPS.bytes).len() as u64);
    assert_eq!(reader.finish().unwrap().0, read(&WITH_GROUPS));
}

#[test]
fn an_atomic_group_without_its_end_does_not_count() {
    let records = records(WITH_GROUPS.bytes);
    let remaining: Vec<Option<u32>> = records
        .iter()
        .map(|record| {
            VersionEdit::decode(&record.payload, 0)
                .unwrap()
                .atomic_group_remaining
        })
        .collect();
    let first = remaining.iter().position(|left| *left == Some(3)).unwrap();
    for index in first..first + 3 {
        let cut = &WITH_GROUPS.bytes[..records[index].end_offset as usize];
        let (state, end) = ManifestReader::read(cut).unwrap();
        assert_eq!((end.rest, end.is_torn), (ManifestRest::OpenGroup, false));
        let (_, torn) = ManifestReader::read(&WITH_GROUPS.bytes[..cut.len() + 3]).unwrap();
        assert_eq!((torn.rest, torn.is_torn), (ManifestRest::OpenGroup, true));
        assert_eq!(end.applied_bytes, records[first - 1].end_offset);
        assert_eq!(
            state.live_tables().count(),
            0,
            "the group would bring the first tables"
        );
    }
}

/// A wrong length, or a type that makes the header longer, may reach beyond the file; then it looks like a record
/// that was not written in full, to RocksDB (`ReadPhysicalRecord` in `db/log_reader.cc`) as to us.
#[test]
fn damage_is_an_error_unless_it_looks_like_a_torn_end() {
    let records = records(OLD.bytes);
    for at in 0..OLD.bytes.len() {
        let mut bytes = OLD.bytes.to_vec();
        bytes[at] ^= 0x10;
        let record = records
            .iter()
            .rev()
            .find(|record| record.offset <= at as u64)
            .unwrap();
        let is_length_or_type = (4..7).contains(&(at as u64 - record.offset));
        match ManifestReader::read(&bytes) {
            Err(_) => {}
            Ok((_, end)) => assert!(
                is_length_or_type && end.applied_bytes <= record.offset,
                "byte {at}"
            ),
        }
    }
}

#[test]
fn a_preallocated_tail_is_no_damage() {
    let bytes = [WITH_BLOBS.bytes, &[0; 5000]].concat();
    let (state, end) = ManifestReader::read(&bytes).unwrap();
    assert_eq!(state, read(&WITH_BLOBS));
    assert_eq!(end.applied_bytes, WITH_BLOBS.bytes.len() as u64);
    assert_eq!((end.rest, end.is_torn), (ManifestRest::Zeros, true));
}

#[test]
fn a_manifest_that_says_too_little_is_corrupt() {
    let cut = records(WITH_BLOBS.bytes)[1].end_offset as usize;
    for bytes in [&b""[..], &WITH_BLOBS.bytes[..cut]] {
        let error = ManifestReader::read(bytes).unwrap_err();
        assert!(error.to_string().contains("it ends without a"), "{error}");
    }
}

#[test]
fn a_flat_manifest_differs_in_paths_alone() {
    for fixture in [&OLD, &TWO_PATHS] {
        let before = read(fixture);
        assert_eq!(
            before.live_tables().filter(|live| live.file.path_id == 1).count(),
            2
        );
        let (after, end) = ManifestReader::read(&flat(fixture.bytes)).unwrap();
        assert_eq!(end.rest, ManifestRest::Nothing);
        assert!(after.live_tables().all(|live| live.file.path_id == 0));
        assert_eq!(live_files(&after), live_files(&before));
    }
}

/// The part of a MANIFEST that counts, with every table on the first path.
fn flat(bytes: &[u8]) -> Vec<u8> {
    let (_, end) = ManifestReader::read(bytes).unwrap();
    let mut writer = LogWriter::new();
    let counts = &bytes[..end.applied_bytes as usize];
    let mut scanner = LogScanner::manifest();
    scanner
        .push(counts, &mut |record| write_flat(&record, &mut writer))
        .unwrap();
    writer.take_bytes()
}

#[test]
fn a_manifest_that_is_flat_keeps_its_bytes() {
    for fixture in [&WITH_BLOBS, &WITH_GROUPS] {
        assert_eq!(flat(fixture.bytes), fixture.bytes);
        let torn = &fixture.bytes[..fixture.bytes.len() - 1];
        let end = ManifestReader::read(torn).unwrap().1.applied_bytes as usize;
        assert_eq!(flat(torn), fixture.bytes[..end]);
    }
}
