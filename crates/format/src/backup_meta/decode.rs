//! Text of a meta file to values.

use std::collections::HashSet;

use crate::backup_meta::lines::{Line, Lines};
use crate::backup_meta::{
    BackupMeta, CRC32, EXCLUDED, FOOTER, Field, HeaderNumber, METADATA, MetaFile, MetaHead, NON_IGNORABLE,
    SCHEMA_VERSION, SIZE, SchemaVersion, TEMP,
};
use crate::backup_name::RepoPath;
use crate::file_name::DbFileName;
use crate::{BackupId, Crc32c, Result, Temperature};

/// How many characters of a line are repeated in an error.
const SHOWN_CHARS: usize = 120;

impl MetaHead {
    /// Reads what stands before the files, and how many files follow (excluded ones not counted). `bytes` begin where
    /// the meta file does; `None` means that they end too early. Offsets in errors count from their start.
    ///
    /// # Errors
    /// Corrupt or unsupported text.
    pub fn decode(bytes: &[u8]) -> Result<Option<(Self, u32)>> {
        decode_head(&mut Lines::new(bytes))
    }
}

impl BackupMeta {
    /// Reads the meta file of this backup. Offsets in errors count from the start of the file.
    ///
    /// # Errors
    /// Corrupt or unsupported text; see the module's description. A file in the private directory of another
    /// backup is corrupt too, since it goes when that backup is deleted.
    pub fn decode(backup: BackupId, bytes: &[u8]) -> Result<Self> {
        decode(Some(backup), bytes)
    }

    /// Reads the meta file of a backup whose id is not known. Its private files must belong to one backup.
    ///
    /// # Errors
    /// As [`BackupMeta::decode`].
    pub fn decode_of_unknown_backup(bytes: &[u8]) -> Result<Self> {
        decode(None, bytes)
    }
}

fn decode(backup: Option<BackupId>, bytes: &[u8]) -> Result<BackupMeta> {
    let mut lines = Lines::new(bytes);
    let Some((head, file_count)) = decode_head(&mut lines)? else {
        return Err(lines
            .unfinished()
            .corrupt("the file ends before the number of files"));
    };
    let mut meta = BackupMeta {
        head,
        ..BackupMeta::default()
    };
    let mut names = NameCheck {
        backup,
        restored: HashSet::new(),
    };
    let has_fields = meta.head.schema != SchemaVersion::One;
    while let Some(line) = lines.next() {
        if has_fields && line.text == FOOTER {
            meta.footer_fields = lines
                .by_ref()
                .map(|line| decode_footer_field(&line))
                .collect::<Result<_>>()?;
            break;
        }
        meta.files.push(decode_file(&line, has_fields, &mut names)?);
    }
    let end = lines.unfinished();
    if !end.text.is_empty() {
        return Err(end.corrupt("the last line does not end in a newline"));
    }
    let there = meta.files.iter().filter(|file| !file.excluded).count();
    if there as u64 != u64::from(file_count) {
        return Err(end.corrupt(format!("{there} files stand there, {file_count} are announced")));
    }
    Ok(meta)
}

fn decode_head(lines: &mut Lines<'_>) -> Result<Option<(MetaHead, u32)>> {
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
            let count = plain_number(line.text).and_then(|count| u32::try_from(count).ok());
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
        _ => return Err(line.unsupported(shown(line.text))),
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

fn decode_footer_field(line: &Line<'_>) -> Result<Field> {
    let (name, value) = split_field(line)?;
    unknown_field(line, name, value)
}

fn split_field<'a>(line: &Line<'a>) -> Result<(&'a [u8], &'a [u8])> {
    line.text
        .iter()
        .position(|byte| *byte == b' ')
        .and_then(|space| Some((line.text.get(..space)?, line.text.get(space + 1..)?)))
        .ok_or_else(|| line.corrupt(format!("{} is no field", shown(line.text))))
}

fn unknown_field(line: &Line<'_>, name: &[u8], value: &[u8]) -> Result<Field> {
    if name.starts_with(NON_IGNORABLE) {
        return Err(line.unsupported(format!("the field {}", shown(name))));
    }
    Field::decode(name, value).ok_or_else(|| line.corrupt(format!("{} is no name of a field", shown(name))))
}

fn decode_file(line: &Line<'_>, has_fields: bool, names: &mut NameCheck) -> Result<MetaFile> {
    let mut words = line.text.split(|byte| *byte == b' ');
    let path = words.next().unwrap_or_default();
    let parsed = std::str::from_utf8(path).ok().and_then(RepoPath::parse);
    // A field that is not known may change how the path is meant, so the fields come first.
    let mut known = KnownFields::default();
    while let Some(name) = words.next() {
        let value = words.next().unwrap_or_default();
        if value.is_empty() {
            return Err(line.corrupt(format!("the field {} has no value", shown(name))));
        }
        if !has_fields && name != CRC32.as_bytes() {
            return Err(line.corrupt(format!("the field {} is unknown in schema 1", shown(name))));
        }
        known.decode(line, name, value)?;
    }
    let Some(path) = parsed else {
        return Err(line.corrupt(format!("{} is no path of a backed-up file", shown(path))));
    };
    if !has_fields && known.crc32c.is_none() {
        return Err(line.corrupt(format!("{path} has no checksum")));
    }
    let file = known.into_file(path);
    names.check(line, &file)?;
    Ok(file)
}

/// What a file's line says beside the path.
#[derive(Default)]
struct KnownFields {
    crc32c: Option<Crc32c>,
    size_bytes: Option<u64>,
    temperature: Option<Temperature>,
    excluded: Option<bool>,
    others: Vec<Field>,
}

impl KnownFields {
    fn decode(&mut self, line: &Line<'_>, name: &[u8], value: &[u8]) -> Result<()> {
        let repeated = match name {
            _ if name == CRC32.as_bytes() => {
                let crc32c = plain_number(value).and_then(|number| u32::try_from(number).ok());
                let crc32c = crc32c.ok_or_else(|| line.corrupt(bad_value(name, value)))?;
                self.crc32c.replace(Crc32c(crc32c)).is_some()
            }
            _ if name == SIZE.as_bytes() => {
                let size = plain_number(value).ok_or_else(|| line.corrupt(bad_value(name, value)))?;
                self.size_bytes.replace(size).is_some()
            }
            _ if name == EXCLUDED.as_bytes() => {
                let excluded = match value {
                    b"true" => true,
                    b"false" => false,
                    _ => return Err(line.unsupported(bad_value(name, value))),
                };
                self.excluded.replace(excluded).is_some()
            }
            _ => match known_temperature(name, value) {
                Some(temperature) => self.temperature.replace(temperature).is_some(),
                None => {
                    self.others.push(unknown_field(line, name, value)?);
                    false
                }
            },
        };
        match repeated {
            true => Err(line.corrupt(format!("the field {} stands there twice", shown(name)))),
            false => Ok(()),
        }
    }

    fn into_file(self, path: RepoPath) -> MetaFile {
        MetaFile {
            path,
            crc32c: self.crc32c,
            size_bytes: self.size_bytes,
            temperature: self.temperature.unwrap_or_default(),
            excluded: self.excluded.unwrap_or_default(),
            fields: self.others,
        }
    }
}

/// RocksDB takes a temperature that it does not know for none; here it stays among the unknown fields.
fn known_temperature(name: &[u8], value: &[u8]) -> Option<Temperature> {
    let value = std::str::from_utf8(value).ok()?;
    (name == TEMP.as_bytes())
        .then(|| Temperature::from_name(value))
        .flatten()
}

/// What the names of a meta file have to be to each other.
struct NameCheck {
    /// The backup whose private directory may be named.
    backup: Option<BackupId>,
    /// The names in the database so far.
    restored: HashSet<DbFileName>,
}

impl NameCheck {
    fn check(&mut self, line: &Line<'_>, file: &MetaFile) -> Result<()> {
        let path = &file.path;
        if let RepoPath::Private(name) = path
            && *self.backup.get_or_insert(name.backup()) != name.backup()
        {
            return Err(line.corrupt(format!("{path} belongs to another backup")));
        }
        if file.excluded && !matches!(path, RepoPath::SharedChecksum(_)) {
            return Err(line.corrupt(format!("{path} is excluded, but not in shared_checksum/")));
        }
        if !self.restored.insert(path.restored_name()) {
            return Err(line.corrupt(format!("{path} is restored under a name that another file has")));
        }
        Ok(())
    }
}

fn bad_value(name: &[u8], value: &[u8]) -> String {
    format!("{} is no value of the field {}", shown(value), shown(name))
}

/// A number that comes back as the same text.
fn plain_number(text: &[u8]) -> Option<u64> {
    let padded = text.len() > 1 && text.starts_with(b"0");
    if padded || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
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

fn shown(text: &[u8]) -> String {
    let head = text.get(..SHOWN_CHARS).unwrap_or(text);
    format!("\"{}\"", head.escape_ascii())
}
