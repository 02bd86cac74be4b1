//! `inspect`, on files that RocksDB wrote.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::{run, word};
use crate::shape;

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("sample/state2")
        .join(name)
}

fn json(path: &Path) -> Value {
    run(["inspect", "--json", word(path)]).ok().json()
}

/// A copy under another name, so that the content has to tell the kind.
fn renamed(name: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("unnamed");
    fs::copy(sample(name), &path).unwrap();
    (directory, path)
}

const FILE: &str = "file: string, kind: string, size_bytes: number";
const END: &str =
    "end: {valid_bytes: number, scanned_bytes: number, data_records: number, recycled: bool, reason: string}";

#[test]
fn a_manifest_is_folded() {
    let document = json(&sample("MANIFEST-000005"));
    let state = "state: {database_id: string, last_sequence: number, next_file_number: number, \
        min_wal_to_keep: number, column_families: [{id: number, name: string, comparator: string, \
        log_number: number, tables: number, table_bytes: number}], tracked_wals: [], live_tables: [{number: number, \
        column_family: number, level: number, size_bytes: number, smallest_seqno: number, largest_seqno: number, \
        path_id: null, unique_id: string, checksum: null, checksum_function: null, temperature: null}], \
        live_blobs: []}";
    let content = format!(
        "content: {{{state}, incomplete_atomic_group: bool, {END}, edits: [{{offset: number, end_offset: number, \
         says: [string]}}]}}, problem: null"
    );
    shape::check(&document, "inspect", &format!("{FILE}, {content}"));
    let state = &document["content"]["state"];
    let families: Vec<&str> = state["column_families"]
        .as_array()
        .unwrap()
        .iter()
        .map(|family| family["name"].as_str().unwrap())
        .collect();
    assert_eq!(families, ["default", "customers", "orders"]);
    assert_eq!(state["live_tables"].as_array().unwrap().len(), 7);
    run(["inspect", word(&sample("MANIFEST-000005"))])
        .ok()
        .says("name orders");
}

#[test]
fn the_batches_of_a_wal_are_listed() {
    let document = json(&sample("000018.log"));
    let content = format!(
        "content: {{number: number, compression: string, predecessor: null, batches: number, keys: number, \
         column_families: [number], first_sequence: number, last_sequence_lowest: number, \
         last_sequence_highest: number, prepared_transactions: number, {END}, records: [{{offset: number, sequence: number, keys: number, \
         column_families: [number]}}]}}, problem: null"
    );
    shape::check(&document, "inspect", &format!("{FILE}, {content}"));
    assert_eq!(document["content"]["number"], 18);
    run(["inspect", word(&sample("000018.log"))])
        .ok()
        .says("reason: clean");
}

#[test]
fn properties_of_a_table_are_shown() {
    let document = json(&sample("000021.sst"));
    let content = &document["content"];
    assert_eq!(content["properties"]["column_family_name"], "orders");
    assert_eq!(content["properties"]["entries"], 301);
    assert_eq!(content["footer"]["table"], "block-based");
    run(["inspect", word(&sample("000021.sst"))])
        .ok()
        .says("session_id: ");
}

#[test]
fn options_that_matter_to_a_backup_are_shown() {
    let document = json(&sample("OPTIONS-000007"));
    assert_eq!(document["content"]["rocksdb_version"], "11.8.1");
    assert_eq!(document["content"]["column_families"][1]["name"], "customers");
    assert_eq!(
        document["content"]["capture"]["wal_recovery_mode"],
        "PointInTimeRecovery"
    );
}

#[test]
fn current_names_its_manifest() {
    let document = json(&sample("CURRENT"));
    let expected = format!("{FILE}, content: {{manifest: string}}, problem: null");
    shape::check(&document, "inspect", &expected);
    assert_eq!(document["content"]["manifest"], "MANIFEST-000005");
}

#[test]
fn the_kind_of_a_file_with_another_name_is_known_by_its_content() {
    for (name, kind) in [
        ("MANIFEST-000005", "manifest"),
        ("000018.log", "wal"),
        ("000021.sst", "sst"),
        ("OPTIONS-000007", "options"),
        ("CURRENT", "current"),
    ] {
        let (_directory, path) = renamed(name);
        assert_eq!(json(&path)["kind"], kind, "{name}");
    }
}

#[test]
fn a_meta_file_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("meta/3");
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(
        &path,
        "1735689600\n12\nmetadata 1B5B326A\n1\nprivate/3/CURRENT crc32 7\n",
    )
    .unwrap();
    let document = json(&path);
    let expected = format!(
        "{FILE}, content: {{schema: string, time: string, timestamp_seconds: number, sequence_number: number, \
         app_metadata: string, app_metadata_hex: string, app_metadata_bytes: number, fields: [], files: [{{path: string, crc32c: number, \
         size_bytes: null, temperature: null, excluded: null, fields: []}}], footer_fields: []}}, problem: null"
    );
    shape::check(&document, "inspect", &expected);
    assert_eq!(document["content"]["time"], "2025-01-01T00:00:00Z");
    run(["inspect", word(&path)])
        .ok()
        .says("app_metadata: \\u{1b}[2j\n");
}

#[test]
fn damage_is_reported_after_the_readable_part() {
    let (_directory, path) = renamed("MANIFEST-000005");
    let mut bytes = fs::read(&path).unwrap();
    bytes[1050] ^= 1;
    fs::write(&path, bytes).unwrap();
    let ended = run(["inspect", word(&path)]).code(3);
    ended
        .says("wrong checksum")
        .says("damaged: MANIFEST at byte 1000")
        .says("name orders");
    let document = run(["inspect", "--json", word(&path)]).code(3).json();
    assert_eq!(
        shape::shape(&document["problem"]),
        "{offset: number, unsupported: bool, message: string}"
    );
    assert!(!document["content"]["edits"].as_array().unwrap().is_empty());
}

#[test]
fn a_table_without_its_end_is_corrupt() {
    let (_directory, path) = renamed("000021.sst");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    run(["inspect", "--as", "sst", word(&path)])
        .code(3)
        .warns("error: ");
    run(["inspect", word(&path)])
        .code(1)
        .warns("hint: name its kind: --as");
}

#[test]
fn an_unfinished_blob_file_shows_its_header() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("000009.blob");
    let mut header = vec![0x37, 0x8f, 0x24, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 7];
    header.resize(30, 0);
    fs::write(&path, header).unwrap();
    let document = run(["inspect", "--json", word(&path)]).code(3).json();
    assert_eq!(
        shape::shape(&document["content"]),
        "{column_family_id: number, compression: string, expires: bool, finished: bool, blobs: null, \
         first_expiration_seconds: null, last_expiration_seconds: null}"
    );
    assert_eq!(document["content"]["compression"], "zstd");
}
