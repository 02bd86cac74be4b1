//! The shape of a JSON document: its keys in their order, with the types of their values.

use serde_json::Value;

/// The shape in one line, as in `{id: number, files: [{path: string}]}`. A list shows its first item.
pub(crate) fn shape(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::String(_) => "string".to_owned(),
        Value::Array(items) => format!("[{}]", items.first().map(shape).unwrap_or_default()),
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{name}: {}", shape(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

/// Checks the shape of a document behind what all have, and that `docs/json.md` names every key.
#[track_caller]
pub(crate) fn check(document: &Value, command: &str, expected: &str) {
    let begin = format!("{{stonekeep_json: number, command: string, {expected}}}");
    assert_eq!(shape(document), begin);
    assert_eq!(document["command"], command);
    let manual = include_str!("../../../../docs/json.md");
    for name in names(document) {
        assert!(
            manual.contains(&format!("`{name}`")),
            "docs/json.md says nothing of `{name}`"
        );
    }
}

fn names(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().flat_map(names).collect(),
        Value::Object(fields) => {
            let own = fields.keys().map(String::as_str);
            own.chain(fields.values().flat_map(names)).collect()
        }
        _ => Vec::new(),
    }
}
