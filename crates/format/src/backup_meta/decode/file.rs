//! The line of a file.

use crate::backup_meta::decode::field_text::{shown, unknown_field};
use crate::backup_meta::decode::name_check::NameCheck;
use crate::backup_meta::line::Line;
use crate::backup_meta::{CRC32, EXCLUDED, Field, MetaFile, SIZE, TEMP};
use crate::backup_name::RepoPath;
use crate::decimal::{plain_decimal, plain_decimal32};
use crate::{Crc32c, Result, Temperature};

pub(super) fn decode(line: &Line<'_>, has_fields: bool, names: &mut NameCheck<'_>) -> Result<MetaFile> {
    let file = decode_line(line, has_fields)?;
    names.check(line, &file)?;
    Ok(file)
}

/// What the line says by itself.
fn decode_line(line: &Line<'_>, has_fields: bool) -> Result<MetaFile> {
    // As RocksDB's `StringSplit` (util/string_util.cc), which gives no empty word at the end.
    let text = match line.text.strip_suffix(b" ") {
        Some(text) if has_fields => text,
        _ => line.text,
    };
    let mut words = text.split(|byte| *byte == b' ');
    let path = words.next().unwrap_or_default();
    // A field that is not known may change how the path is meant, so the fields come first.
    let mut fields = FileFields::default();
    while let Some(name) = words.next() {
        let value = words.next().filter(|value| has_fields || !value.is_empty());
        let value = value.ok_or_else(|| line.corrupt(format!("the field {} has no value", shown(name))))?;
        if !has_fields && name != CRC32.as_bytes() {
            return Err(line.corrupt(format!("the field {} is unknown in schema 1", shown(name))));
        }
        fields.decode(line, name, value)?;
    }
    let Some(path) = std::str::from_utf8(path).ok().and_then(RepoPath::parse) else {
        return Err(line.corrupt(format!("{} is no path of a backed-up file", shown(path))));
    };
    if !has_fields && fields.crc32c.is_none() {
        return Err(line.corrupt(format!("{path} has no checksum")));
    }
    Ok(fields.into_file(path))
}

/// What a file's line says beside the path.
#[derive(Default)]
struct FileFields {
    crc32c: Option<Crc32c>,
    size_bytes: Option<u64>,
    temperature: Option<Temperature>,
    excluded: Option<bool>,
    unknown: Vec<Field>,
}

impl FileFields {
    fn decode(&mut self, line: &Line<'_>, name: &[u8], value: &[u8]) -> Result<()> {
        let bad_value = || format!("{} is no value of the field {}", shown(value), shown(name));
        let repeated = match std::str::from_utf8(name).unwrap_or_default() {
            CRC32 => {
                let crc32c = plain_decimal32(value).ok_or_else(|| line.corrupt(bad_value()))?;
                self.crc32c.replace(Crc32c(crc32c)).is_some()
            }
            SIZE => {
                let size = plain_decimal(value).ok_or_else(|| line.corrupt(bad_value()))?;
                self.size_bytes.replace(size).is_some()
            }
            EXCLUDED => {
                let excluded = parse_bool(value).ok_or_else(|| line.unsupported(bad_value()))?;
                self.excluded.replace(excluded).is_some()
            }
            TEMP => self.decode_temperature(line, value)?,
            _ => {
                self.unknown.push(unknown_field(line, name, value)?);
                false
            }
        };
        if repeated {
            Err(line.corrupt(format!("the field {} occurs twice", shown(name))))
        } else {
            Ok(())
        }
    }

    /// RocksDB takes a temperature that it does not know for none; here its name stays among the unknown fields.
    fn decode_temperature(&mut self, line: &Line<'_>, value: &[u8]) -> Result<bool> {
        match std::str::from_utf8(value).ok().and_then(Temperature::from_name) {
            Some(temperature) => Ok(self.temperature.replace(temperature).is_some()),
            None => {
                self.unknown.push(unknown_field(line, TEMP.as_bytes(), value)?);
                Ok(false)
            }
        }
    }

    fn into_file(self, path: RepoPath) -> MetaFile {
        MetaFile {
            path,
            crc32c: self.crc32c,
            size_bytes: self.size_bytes,
            temperature: self.temperature.unwrap_or_default(),
            excluded: self.excluded.unwrap_or_default(),
            fields: self.unknown,
        }
    }
}

fn parse_bool(value: &[u8]) -> Option<bool> {
    match value {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}
