//! A decoded file as a tree of names and values, in JSON or indented text.

use serde_json::{Value, json};
use stonekeep::format::FormatError;
use stonekeep::format::log::{EndReason, LogEnd};

use crate::output::text::Page;

/// The content of a file, and what is wrong with it.
pub(super) struct Dump {
    /// What could be read.
    pub(super) content: Value,
    /// Why the rest could not.
    pub(super) problem: Option<FormatError>,
}

impl Dump {
    /// A dump of a whole file.
    pub(super) fn whole(content: Value) -> Self {
        Dump {
            content,
            problem: None,
        }
    }
}

/// Bytes that usually are text.
pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Bytes in hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a value indented; what is unknown or empty is left out.
pub(super) fn write(page: &mut Page<'_>, value: &Value, indent: usize) {
    let space = " ".repeat(indent);
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter().filter(|(_, value)| !is_nothing(value)) {
                match scalar(value) {
                    Some(text) => page.line(format!("{space}{name}: {text}")),
                    None => {
                        page.line(format!("{space}{name}:"));
                        write(page, value, indent + 2);
                    }
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                if page.is_broken() {
                    return;
                }
                page.line(format!("{space}- {}", one_line(item)));
                nested(page, item, indent + 4);
            }
        }
        scalar => page.line(format!("{space}{scalar}")),
    }
}

/// The scalars of an item of a list.
fn one_line(item: &Value) -> String {
    let Value::Object(fields) = item else {
        return scalar(item).unwrap_or_default();
    };
    let known = fields.iter().filter(|(_, value)| !is_nothing(value));
    let words = known.filter_map(|(name, value)| Some(format!("{name} {}", scalar(value)?)));
    words.collect::<Vec<_>>().join(", ")
}

/// What an item of a list has besides.
fn nested(page: &mut Page<'_>, item: &Value, indent: usize) {
    let Value::Object(fields) = item else { return };
    for (_, value) in fields
        .iter()
        .filter(|(_, value)| scalar(value).is_none() && !is_nothing(value))
    {
        write(page, value, indent);
    }
}

/// What fits on a line: also a list of numbers.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Array(items) if items.iter().all(Value::is_number) => {
            let numbers: Vec<String> = items.iter().map(ToString::to_string).collect();
            Some(numbers.join(" "))
        }
        Value::Object(_) | Value::Array(_) => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// Where a log ends, as MANIFESTs and WALs have it in common.
pub(super) fn log_end(end: &LogEnd) -> Value {
    json!({
        "valid_bytes": end.valid_bytes,
        "scanned_bytes": end.scanned_bytes,
        "data_records": end.data_records,
        "recycled": end.recycled,
        "reason": reason(end.reason),
    })
}

fn reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Clean => "clean",
        EndReason::ZerosToEnd { .. } => "zeros to the end",
        EndReason::TornTail { .. } => "torn tail",
        EndReason::ForeignLogNumber { .. } => "record of another log",
        EndReason::BadChecksum { .. } => "wrong checksum",
        EndReason::BadLength { .. } => "record longer than its block",
        EndReason::Misplaced { .. } => "misplaced record",
        EndReason::Hole { .. } => "hole",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_indented() {
        let value = json!({
            "id": "x\n",
            "unknown": null,
            "none": [],
            "edits": [{"offset": 0, "size": null, "says": ["log number: 4", "next"]}, {"ids": [1, 2]}],
            "end": {"clean": true},
        });
        let mut sink = Vec::new();
        let mut page = Page::new(&mut sink, false);
        write(&mut page, &value, 0);
        page.finish().unwrap();
        let expected = "id: x\\n\nedits:\n  - offset 0\n      - log number: 4\n      - next\n  - ids 1 2\nend:\n  clean: true\n";
        assert_eq!(String::from_utf8(sink).unwrap(), expected);
    }
}
