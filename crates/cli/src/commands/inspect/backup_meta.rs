//! The content of a backup's meta file.

use serde_json::{Value, json};
use stonekeep::format::WholeText;
use stonekeep::format::backup_meta::{BackupMeta, Field, MetaFile};

use super::dump::Dump;
use super::kind::backup_of;
use super::source::Source;
use crate::output::app_metadata::AppMetadata;
use crate::output::units::{temperature_name, utc_time};

/// A million files at 512 bytes a line.
const LIMIT_BYTES: u64 = 512 << 20;

pub(super) fn dump(source: &Source) -> anyhow::Result<Dump> {
    let bytes = source.text(LIMIT_BYTES, WholeText::new().with_longer(b"metadata "))?;
    let meta = match backup_of(source.path()) {
        Some(id) => BackupMeta::decode(id, &bytes),
        None => BackupMeta::decode_of_unknown_backup(&bytes),
    };
    let meta = meta.map_err(|error| source.complaint(error))?;
    let head = &meta.head;
    let all_bytes = head.app_metadata.len() as u64 + head.app_metadata_omitted_bytes;
    let app_metadata = AppMetadata::new(&head.app_metadata, all_bytes);
    Ok(Dump::whole(json!({
        "schema": head.schema.to_string(),
        "time": utc_time(head.timestamp_seconds()),
        "timestamp_seconds": head.timestamp_seconds(),
        "sequence_number": head.sequence_number().0,
        "app_metadata": app_metadata
            .utf8()
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
        "app_metadata_hex": app_metadata.hex(),
        "app_metadata_bytes": app_metadata.size_bytes(),
        "fields": fields(&head.fields),
        "files": meta.files.iter().map(file).collect::<Vec<_>>(),
        "footer_fields": fields(&meta.footer_fields),
    })))
}

fn fields(fields: &[Field]) -> Vec<Value> {
    let json = |field: &Field| {
        json!({
            "name": field.name_text().into_owned(),
            "value": field.value_text().into_owned(),
        })
    };
    fields.iter().map(json).collect()
}

fn file(file: &MetaFile) -> Value {
    json!({
        "path": file.path.to_string(),
        "crc32c": file.crc32c.map(|crc| crc.0),
        "size_bytes": file.recorded_size_bytes(),
        "temperature": temperature_name(file.temperature),
        "excluded": file.excluded.then_some(true),
        "fields": fields(&file.fields),
    })
}
