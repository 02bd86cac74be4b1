//! What the table files of several RocksDB versions say, as text beside them.

use std::fmt::Write;
use std::{env, fs};

use stonekeep_format::sst::{Footer, TableProperties, TableTail};

use crate::golden;
use crate::sst_fixtures::{directory, read, tables};

#[test]
fn tables_read_as_the_texts_beside_them_say() {
    for (name, file) in tables() {
        let tail = read(&file).expect("RocksDB wrote it");
        let path = directory().join(&name).with_extension("txt");
        let text = dump(&file, &tail);
        if env::var_os("STONEKEEP_GOLDEN").is_some_and(|value| value == "rewrite") {
            fs::write(&path, &text).expect("written");
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, expected, "{name}");
    }
}

/// Golden texts can be wrong; the MANIFESTs that RocksDB wrote for these files are not.
#[test]
fn unique_ids_equal_those_in_the_manifests() {
    let list = fs::read_to_string(directory().join("manifest-ids.txt")).expect("the list");
    assert_eq!(list.lines().count(), tables().len());
    let files = tables();
    for line in list.lines() {
        let (name, expected) = line.split_once(' ').expect("name and id");
        let tail = read(&files[name]).expect("RocksDB wrote it");
        let id = tail
            .properties
            .unique_id()
            .map_or("none".to_owned(), |id| id.to_string());
        assert_eq!(id, expected, "{name}");
    }
}

/// Where each field of a footer stands.
#[test]
fn footers_are_laid_out_as_annotated() {
    for (name, file_size) in [("footer_legacy", 714), ("footer_v5", 1033), ("footer_v6", 1307)] {
        golden::check(&format!("sst/{name}.txt"), |bytes| {
            let footer = Footer::decode(bytes, file_size).expect("RocksDB wrote it");
            format!("{footer:#?}\n")
        });
    }
}

fn dump(file: &[u8], tail: &TableTail) -> String {
    let mut out = String::new();
    let footer = &tail.footer;
    writeln!(out, "{} bytes, footer at {:#x}:", file.len(), footer.offset).expect("text");
    for (row, bytes) in file[footer.offset as usize..].chunks(16).enumerate() {
        writeln!(out, "  {:04x}  {}", footer.offset as usize + 16 * row, hex(bytes)).expect("text");
    }
    let kind = footer.kind;
    writeln!(out, "{kind:?} table, format version {}", footer.format_version).expect("text");
    let base = footer.base_context_checksum;
    writeln!(out, "checksum {:?}, context base {base:#010x}", footer.checksum).expect("text");
    writeln!(out, "metaindex {}, index {}", footer.metaindex, footer.index).expect("text");
    dump_properties(&mut out, &tail.properties);
    out
}

macro_rules! lines {
    ($out:ident, $properties:ident, $($field:ident)*) => {
        $(writeln!($out, "{} = {:?}", stringify!($field), $properties.$field).expect("text");)*
    };
}

#[rustfmt::skip]
fn dump_properties(out: &mut String, properties: &TableProperties) {
    lines!(
        out, properties,
        db_id db_session_id db_host_id orig_file_number column_family_id column_family_name
        num_entries num_deletions num_merge_operands num_range_deletions
        data_size raw_key_size raw_value_size comparator compression_name filter_policy format_version
        creation_time file_creation_time oldest_key_time key_smallest_seqno key_largest_seqno
        external_version external_global_seqno
    );
    for (name, value) in &properties.others {
        let name = name.escape_ascii();
        if !value.is_empty() && value.iter().all(|byte| (0x20..0x7f).contains(byte)) {
            writeln!(out, "{name} = \"{}\"", value.escape_ascii()).expect("text");
        } else {
            writeln!(out, "{name} = {}", hex(value)).expect("text");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(" ")
}
