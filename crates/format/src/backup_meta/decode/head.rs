//! What stands before the files.

use crate::Result;
use crate::backup_meta::decode::{shown, split_field, unknown_field};
use crate::backup_meta::lines::{Line, Lines};
use crate::backup_meta::{HeaderNumber, METADATA, MetaHead, SCHEMA_VERSION, SchemaVersion};
use crate::decimal::plain_decimal32;

impl MetaHead {
    /// Reads what stands before the files, and how many files follow (excluded ones not counted). `bytes` begin where
    /// the meta file does; `None` means that they end too early. Offsets in errors count from their start.
    ///
    /// # Errors
    /// Corrupt or unsupported text.
    pub fn decode(bytes: &[u8]) -> Result<Option<(Self, u32)>> {
        Ok(Self::split(bytes)?.map(|(head, file_count, _)| (head, file_count)))
    }

    /// The same, with what follows: the lines of the files.
    ///
    /// # Errors
    /// As [`MetaHead::decode`].
    pub fn split(bytes: &[u8]) -> Result<Option<(Self, u32, &[u8])>> {
        let mut lines = Lines::new(bytes);
        let decoded = decode(&mut lines)?;
        Ok(decoded.map(|(head, file_count)| (head, file_count, lines.rest().text)))
    }
}

pub(in crate::backup_meta) fn decode(lines: &mut Lines<'_>) -> Result<Option<(MetaHead, u32)>> {
    let mut head = MetaHead::default();
    let Some(mut line) = lines.next() else {
        return Ok(None);
    };
    if let Some(version) = line.text.strip_prefix(SCHEMA_VERSION) {
        head.schema = decode_schema(&line, version)?;
        match lines.next() {
            Some(next) => line = next,
            None => return Ok(None),
        }
    } else if line.text.is_empty() {
        return Err(line.corrupt("the first line is empty"));
    }
    head.timestamp = HeaderNumber::decode(line.text);
    let Some(line) = lines.next() else {
        return Ok(None);
    };
    head.sequence = HeaderNumber::decode(line.text);
    for line in lines {
        if line.text.first().is_some_and(u8::is_ascii_digit) {
            let count = plain_decimal32(line.text);
            return match count {
                Some(count) => Ok(Some((head, count))),
                None => Err(line.corrupt(format!("{} is no number of files", shown(line.text)))),
            };
        }
        decode_head_field(&line, &mut head)?;
    }
    Ok(None)
}

fn decode_schema(line: &Line<'_>, version: &[u8]) -> Result<SchemaVersion> {
    let version = std::str::from_utf8(version).unwrap_or_default();
    let minor = match (version, version.strip_prefix("2.")) {
        ("2", _) => None,
        (_, Some(minor)) => Some(minor.into()),
        _ => return Err(line.unsupported(format!("the line {}", shown(line.text)))),
    };
    Ok(SchemaVersion::Two { minor })
}

fn decode_head_field(line: &Line<'_>, head: &mut MetaHead) -> Result<()> {
    let (name, value) = split_field(line)?;
    if name == METADATA.as_bytes() {
        if !head.app_metadata.is_empty() {
            return Err(line.corrupt("the application's metadata stand there twice"));
        }
        head.app_metadata =
            decode_hex(value).ok_or_else(|| line.corrupt("the application's metadata are no hex"))?;
    } else if head.schema == SchemaVersion::One {
        return Err(line.corrupt(format!("{} is unknown in schema 1", shown(line.text))));
    } else {
        head.fields.push(unknown_field(line, name, value)?);
    }
    Ok(())
}

fn decode_hex(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    text.chunks_exact(2)
        .map(|pair| u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok())
        .collect()
}
