//! Values to the text of a meta file.

use std::fmt::Display;
use std::io::Write;

use crate::backup_meta::decode::decode_each;
use crate::backup_meta::{
    BackupMeta, CRC32, EXCLUDED, FOOTER, Field, METADATA, MetaFile, MetaHead, SCHEMA_VERSION, SIZE,
    SchemaVersion, TEMP,
};
use crate::{FormatError, Temperature};

/// A meta file that cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The text would be refused when it is read: in schema 1 something that needs schema 2 or no checksum, two
    /// files of one name, private files of two backups.
    #[error("the meta file would not be readable")]
    Unreadable(#[source] FormatError),
    /// The text would be read as something else: a field under a name that has a meaning, or with a space.
    #[error("the meta file would be read as something else than was written")]
    Altered,
}

impl BackupMeta {
    /// The text, as RocksDB 11.8 writes it for the same values in this order.
    ///
    /// It is read again before it is handed out, so nothing is committed that will not be read as the same.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::new();
        let file_count = self.files.iter().filter(|file| !file.excluded).count();
        encode_head(&self.head, file_count, &mut out);
        for file in &self.files {
            encode_file(file, &mut out);
        }
        if !self.footer_fields.is_empty() {
            out.extend_from_slice(FOOTER);
            out.push(b'\n');
            encode_field_lines(&self.footer_fields, &mut out);
        }
        let (mut files, mut same) = (self.files.iter(), true);
        let read = decode_each(None, &out, &mut |file| same &= files.next() == Some(&file))
            .map_err(EncodeError::Unreadable)?;
        same &= files.next().is_none() && read.head == self.head && read.footer_fields == self.footer_fields;
        if same { Ok(out) } else { Err(EncodeError::Altered) }
    }
}

fn encode_head(head: &MetaHead, file_count: usize, out: &mut Vec<u8>) {
    if let SchemaVersion::Two { minor } = &head.schema {
        out.extend_from_slice(SCHEMA_VERSION);
        match minor {
            Some(minor) => put(out, format_args!("2.{minor}\n")),
            None => out.extend_from_slice(b"2\n"),
        }
    }
    head.timestamp.encode(out);
    out.push(b'\n');
    head.sequence.encode(out);
    out.push(b'\n');
    if !head.app_metadata.is_empty() {
        put(out, format_args!("{METADATA} "));
        for byte in &head.app_metadata {
            put(out, format_args!("{byte:02X}"));
        }
        out.push(b'\n');
    }
    encode_field_lines(&head.fields, out);
    put(out, format_args!("{file_count}\n"));
}

fn encode_file(file: &MetaFile, out: &mut Vec<u8>) {
    put(out, &file.path);
    if let Some(crc32c) = file.crc32c {
        put(out, format_args!(" {CRC32} {crc32c}"));
    }
    if file.temperature != Temperature::Unknown {
        put(out, format_args!(" {TEMP} {}", file.temperature));
    }
    if let Some(size) = file.size_bytes {
        put(out, format_args!(" {SIZE} {size}"));
    }
    if file.excluded {
        put(out, format_args!(" {EXCLUDED} true"));
    }
    for field in &file.fields {
        out.push(b' ');
        encode_field(field, out);
    }
    out.push(b'\n');
}

fn encode_field_lines(fields: &[Field], out: &mut Vec<u8>) {
    for field in fields {
        encode_field(field, out);
        out.push(b'\n');
    }
}

fn encode_field(field: &Field, out: &mut Vec<u8>) {
    out.extend_from_slice(field.name());
    out.push(b' ');
    out.extend_from_slice(field.value());
}

/// Writing to a `Vec` does not fail.
fn put(out: &mut Vec<u8>, value: impl Display) {
    let _ = write!(out, "{value}");
}
