//! The content of a CURRENT file.

use serde_json::json;
use stonekeep::format::file_name::DbFileName;
use stonekeep::format::manifest::parse_current;

use super::dump::Dump;
use super::source::Source;

/// It is one short line.
const LIMIT_BYTES: u64 = 4096;

pub(super) fn dump(source: &Source) -> anyhow::Result<Dump> {
    let bytes = source.whole(LIMIT_BYTES)?;
    let number = parse_current(&bytes).map_err(|error| source.complaint(error))?;
    Ok(Dump::whole(json!({
        "manifest": DbFileName::Manifest(number).to_string(),
    })))
}
