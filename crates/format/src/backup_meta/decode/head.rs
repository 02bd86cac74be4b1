//! Decodes the part of a meta file before the files.

use crate::Result;
use crate::backup_meta::decode::app_metadata::AppMetadata;
use crate::backup_meta::decode::field_text::{shown, split_field, unknown_field};
use crate::backup_meta::line::Line;
use crate::backup_meta::{HeaderNumber, METADATA, MetaHead, SCHEMA_VERSION, SchemaVersion};
use crate::decimal::plain_decimal32;

/// Which line comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Next {
    #[default]
    First,
    Timestamp,
    Sequence,
    Field,
}

/// Reads the head line by line.
#[derive(Debug, Default)]
pub(super) struct HeadDecoder {
    pub(super) head: MetaHead,
    next: Next,
}

impl HeadDecoder {
    /// The next line; how many files follow, if it was the last one.
    pub(super) fn line(&mut self, line: &Line<'_>) -> Result<Option<u32>> {
        match self.next {
            Next::First => {
                if let Some(version) = line.text.strip_prefix(SCHEMA_VERSION) {
                    self.head.schema = decode_schema(line, version)?;
                    self.next = Next::Timestamp;
                    return Ok(None);
                }
                if line.text.is_empty() {
                    return Err(line.corrupt("the first line is empty"));
                }
                self.timestamp(line);
            }
            Next::Timestamp => self.timestamp(line),
            Next::Sequence => {
                self.head.sequence = HeaderNumber::decode(line.text);
                self.next = Next::Field;
            }
            Next::Field if line.text.first().is_some_and(u8::is_ascii_digit) => {
                let count = plain_decimal32(line.text);
                let no_number = || line.corrupt(format!("{} is no number of files", shown(line.text)));
                return count.ok_or_else(no_number).map(Some);
            }
            Next::Field => self.field(line)?,
        }
        Ok(None)
    }

    /// Whether a line that begins so has the application's metadata, as far as it has been read. An error if there
    /// were some before.
    pub(super) fn begins_metadata(&self, line: &Line<'_>) -> Result<bool> {
        let begins = self.next == Next::Field && line.text.starts_with(METADATA.as_bytes());
        if !begins || line.text.get(METADATA.len()) != Some(&b' ') {
            return Ok(false);
        }
        if self.head.app_metadata.is_empty() {
            Ok(true)
        } else {
            Err(line.corrupt("the application's metadata occur twice"))
        }
    }

    fn timestamp(&mut self, line: &Line<'_>) {
        self.head.timestamp = HeaderNumber::decode(line.text);
        self.next = Next::Sequence;
    }

    fn field(&mut self, line: &Line<'_>) -> Result<()> {
        let (name, value) = split_field(line)?;
        if self.begins_metadata(line)? {
            let mut metadata = AppMetadata::default();
            metadata.push(line, value)?;
            metadata.finish(line, &mut self.head)
        } else if self.head.schema == SchemaVersion::One {
            Err(line.corrupt(format!("{} is unknown in schema 1", shown(line.text))))
        } else {
            self.head.fields.push(unknown_field(line, name, value)?);
            Ok(())
        }
    }
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
