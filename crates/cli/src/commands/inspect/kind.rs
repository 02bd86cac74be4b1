//! Detects the kind of a file by its name, else by its content.

use std::path::Path;

use clap::ValueEnum;
use stonekeep::format::BackupId;
use stonekeep::format::FileNumber;
use stonekeep::format::backup_name::{SharedKind, SharedName};
use stonekeep::format::blob::{BlobFileHeader, HEADER_LEN};
use stonekeep::format::file_name::DbFileName;
use stonekeep::format::log::{LogScanner, RecordKind};
use stonekeep::format::manifest::{VersionEdit, parse_current};
use stonekeep::format::options::OptionsFile;
use stonekeep::format::sst::Footer;

/// A kind of file that can be inspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// MANIFEST-NUMBER
    Manifest,
    /// NUMBER.log
    Wal,
    /// NUMBER.sst, or the name of a table in a repository
    Sst,
    /// NUMBER.blob, or the name of a blob file in a repository
    Blob,
    /// OPTIONS-NUMBER
    Options,
    /// meta/ID of a repository
    Meta,
    /// CURRENT
    Current,
}

impl Kind {
    /// The kind as JSON and text name it.
    pub(super) fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The kind that the name of a file shows.
    pub(super) fn of_name(path: &Path) -> Option<Kind> {
        let name = path.file_name()?.to_str()?;
        if let Some(shared) = SharedName::parse(name) {
            return Some(match shared.kind() {
                SharedKind::Blob => Kind::Blob,
                SharedKind::Table => Kind::Sst,
            });
        }
        match DbFileName::parse(name) {
            Some(DbFileName::Table { .. }) => Some(Kind::Sst),
            Some(DbFileName::Blob(_)) => Some(Kind::Blob),
            Some(DbFileName::Wal(_)) => Some(Kind::Wal),
            Some(DbFileName::Manifest(_)) => Some(Kind::Manifest),
            Some(DbFileName::Options(_) | DbFileName::OptionsTemp(_)) => Some(Kind::Options),
            Some(DbFileName::Current) => Some(Kind::Current),
            _ => backup_of(path).map(|_| Kind::Meta),
        }
    }

    /// The kind that a file's first and last bytes show; `size_bytes` is its length.
    pub(super) fn of_content(head: &[u8], tail: &[u8], size_bytes: u64) -> Option<Kind> {
        if Footer::decode(tail, size_bytes).map_or_else(|error| error.is_unsupported(), |_| true) {
            return Some(Kind::Sst);
        }
        let header = head.get(..HEADER_LEN).map(BlobFileHeader::decode);
        if header.is_some_and(|header| header.map_or_else(|error| error.is_unsupported(), |_| true)) {
            return Some(Kind::Blob);
        }
        if let Some(kind) = of_log(head) {
            return Some(kind);
        }
        let whole = head.len() as u64 == size_bytes;
        if whole && parse_current(head).is_ok() {
            return Some(Kind::Current);
        }
        if has_section(head) || whole && OptionsFile::parse(head).is_ok() {
            return Some(Kind::Options);
        }
        looks_like_meta(head).then_some(Kind::Meta)
    }
}

/// The backup whose meta file this is, by its path.
pub(super) fn backup_of(path: &Path) -> Option<BackupId> {
    let directory = path.parent()?.file_name()?;
    let id = BackupId::parse(path.file_name()?.to_str()?)?;
    (directory == "meta").then_some(id)
}

/// The number of the WAL that these bytes begin: 0, unless they are of a reused file, which contains its number.
pub(super) fn wal_number(head: &[u8]) -> FileNumber {
    // The types with a number, `kRecyclableFullType` and on (`db/log_format.h`); it follows the usual header.
    const RECYCLABLE: std::ops::RangeInclusive<u8> = 5..=8;
    let number = head.get(7..11).and_then(|bytes| bytes.try_into().ok());
    match (head.get(6), number) {
        (Some(kind), Some(number)) if RECYCLABLE.contains(kind) => {
            FileNumber(u32::from_le_bytes(number).into())
        }
        _ => FileNumber(0),
    }
}

fn of_log(head: &[u8]) -> Option<Kind> {
    let mut kind = None;
    let mut scanner = LogScanner::wal(wal_number(head));
    let scanned = scanner.push(head, &mut |record| {
        let is_edit = || record.kind == RecordKind::Data && VersionEdit::decode(record.payload, 0).is_ok();
        kind.get_or_insert_with(|| if is_edit() { Kind::Manifest } else { Kind::Wal });
        Ok(())
    });
    scanned.ok().and(kind)
}

fn has_section(head: &[u8]) -> bool {
    head.split(|byte| *byte == b'\n')
        .any(|line| line == b"[Version]" || line == b"[DBOptions]")
}

/// A schema, or a timestamp and a sequence number.
fn looks_like_meta(head: &[u8]) -> bool {
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut is_number = || {
        let line = lines.next().unwrap_or_default();
        !line.is_empty() && line.iter().all(u8::is_ascii_digit)
    };
    head.starts_with(b"schema_version ") || is_number() && is_number()
}

#[cfg(test)]
mod tests {
    use stonekeep::format::log::LogWriter;

    use super::*;

    #[test]
    fn the_kind_of_a_file_is_known_by_its_name() {
        for (path, kind) in [
            ("db/MANIFEST-000005", Some(Kind::Manifest)),
            ("000018.log", Some(Kind::Wal)),
            (
                "shared_checksum/000009_sABCDEFGHIJ0123456789_980.sst",
                Some(Kind::Sst),
            ),
            ("shared_checksum/000009_123_980.blob", Some(Kind::Blob)),
            ("OPTIONS-000007", Some(Kind::Options)),
            ("repo/meta/3", Some(Kind::Meta)),
            ("CURRENT", Some(Kind::Current)),
            ("repo/3", None),
            ("LOG", None),
        ] {
            assert_eq!(Kind::of_name(Path::new(path)), kind, "{path}");
        }
    }

    #[test]
    fn the_kind_of_a_file_is_known_by_its_content() {
        let kind = |bytes: &[u8]| Kind::of_content(bytes, bytes, bytes.len() as u64);
        let log = |payload: &[u8]| {
            let mut writer = LogWriter::new();
            writer.write(payload);
            writer.take_bytes()
        };
        assert_eq!(kind(&log(b"")), Some(Kind::Manifest));
        assert_eq!(kind(&log(&[0xff; 12])), Some(Kind::Wal));
        assert_eq!(kind(b"MANIFEST-000005\n"), Some(Kind::Current));
        assert_eq!(kind(b"# comment\n[Version]\n"), Some(Kind::Options));
        assert_eq!(kind(b"1735689600\n12\n0\n"), Some(Kind::Meta));
        assert_eq!(kind(b"schema_version 2.1\n"), Some(Kind::Meta));
        for nothing in [&b""[..], b"hello\n", &[0; 100]] {
            assert_eq!(kind(nothing), None);
        }
    }
}
