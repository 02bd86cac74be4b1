//! What the footer and the properties of a table file say.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stonekeep::Error;
use stonekeep::format::sst::{Footer, ReadError, TableKind, TableProperties, read_tail};

use super::dump::{Dump, hex};
use super::source::Source;

pub(super) fn dump(source: &Source) -> anyhow::Result<Dump> {
    let tail = read_tail(source.size_bytes(), &mut |offset, length| {
        source.read_at(offset, length)
    });
    let tail = tail.map_err(|error| match error {
        ReadError::Io { source: cause, .. } => {
            Error::io(format!("reading {}", source.path().display()), cause)
        }
        ReadError::Format(error) => source.complaint(error),
    })?;
    Ok(Dump::whole(json!({
        "footer": footer(&tail.footer),
        "properties": properties(tail.properties),
    })))
}

fn footer(footer: &Footer) -> Value {
    json!({
        "table": match footer.kind {
            TableKind::BlockBased => "block-based",
            TableKind::Plain => "plain",
            TableKind::Cuckoo => "cuckoo",
        },
        "format_version": footer.format_version,
        "checksum": format!("{:?}", footer.checksum).to_ascii_lowercase(),
        "metaindex_offset": footer.metaindex.offset,
        "metaindex_bytes": footer.metaindex.size,
    })
}

fn properties(properties: TableProperties) -> Value {
    let unique_id = properties.unique_id().map(|id| id.to_string());
    json!({
        "database_id": properties.db_id,
        "session_id": properties.db_session_id,
        "host": properties.db_host_id,
        "original_file_number": properties.orig_file_number.map(|number| number.0),
        "unique_id": unique_id,
        "column_family_id": properties.column_family_id.map(|id| id.0),
        "column_family_name": properties.column_family_name,
        "entries": properties.num_entries,
        "deletions": properties.num_deletions,
        "merge_operands": properties.num_merge_operands,
        "range_deletions": properties.num_range_deletions,
        "data_bytes": properties.data_size,
        "raw_key_bytes": properties.raw_key_size,
        "raw_value_bytes": properties.raw_value_size,
        "comparator": properties.comparator,
        "compression": properties.compression_name,
        "filter_policy": properties.filter_policy,
        "creation_time_seconds": properties.creation_time,
        "file_creation_time_seconds": properties.file_creation_time,
        "oldest_key_time_seconds": properties.oldest_key_time,
        "smallest_seqno": properties.key_smallest_seqno.map(|number| number.0),
        "largest_seqno": properties.key_largest_seqno.map(|number| number.0),
        "external_version": properties.external_version,
        "external_global_seqno": properties.external_global_seqno.map(|number| number.0),
        "others": properties.others.iter().map(|(name, value)| other(name, value)).collect::<BTreeMap<_, _>>(),
    })
}

/// A property without a field above: text as it is, anything else in hex. One letter is a number.
fn other(name: &[u8], value: &[u8]) -> (String, String) {
    let is_letter = value.len() == 1 && !value[0].is_ascii_digit();
    let is_text = |text: &&str| !is_letter && !text.chars().any(char::is_control);
    let shown = match str::from_utf8(value).ok().filter(is_text) {
        Some(text) => text.to_owned(),
        None => format!("0x{}", hex(value)),
    };
    (super::dump::lossy(name), shown)
}
