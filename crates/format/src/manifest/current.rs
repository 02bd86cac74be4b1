//! CURRENT: the name of the live MANIFEST.

use crate::{FileKind, FileNumber, FormatError, Result};

const PREFIX: &[u8] = b"MANIFEST-";

/// The number of the MANIFEST that CURRENT names: `MANIFEST-<number>` and one newline.
///
/// # Errors
/// Corrupt for a file that is empty or filled with zeros, and for a damaged name; unsupported for anything else that does not begin like a
/// MANIFEST's name, since that is what an encrypting or otherwise custom Env writes.
pub fn parse_current(bytes: &[u8]) -> Result<FileNumber> {
    if bytes.is_empty() {
        return Err(FormatError::corrupt(FileKind::Current, 0, "it is empty"));
    }
    if bytes.iter().all(|byte| *byte == 0) {
        return Err(FormatError::corrupt(
            FileKind::Current,
            0,
            "it is filled with zeros",
        ));
    }
    let Some(rest) = bytes.strip_prefix(PREFIX) else {
        if ends_with_a_number(bytes) {
            let reason = "it does not begin with \"MANIFEST-\", and ends as a name of a MANIFEST does";
            return Err(FormatError::corrupt(FileKind::Current, 0, reason));
        }
        let reason = "it does not begin with \"MANIFEST-\" (written by an encrypted or custom Env, or no CURRENT file)";
        return Err(FormatError::unsupported(FileKind::Current, 0, reason));
    };
    let damaged = |reason| FormatError::corrupt(FileKind::Current, PREFIX.len() as u64, reason);
    // The newline is not optional for RocksDB (`VersionSet::GetCurrentManifestPath` in db/version_set.cc).
    let digits = rest
        .strip_suffix(b"\n")
        .ok_or_else(|| damaged("it does not end in a newline"))?;
    let number = std::str::from_utf8(digits)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok());
    number
        .map(FileNumber)
        .ok_or_else(|| damaged("what follows \"MANIFEST-\" is no file number"))
}

/// Six digits and a newline, which no encryption gives but by chance.
fn ends_with_a_number(bytes: &[u8]) -> bool {
    let digits = bytes.strip_suffix(b"\n").and_then(|name| name.last_chunk::<6>());
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
}

/// What CURRENT holds for the MANIFEST of this number.
pub fn encode_current(manifest: FileNumber) -> Vec<u8> {
    format!("MANIFEST-{manifest:06}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_told_from_encryption() {
        for damaged in [
            &b""[..],
            &[0; 16],
            b"NANIFEST-000005\n",
            b"MANIFEST-000005",
            b"MANIFEST-00000x\n",
        ] {
            assert!(
                !parse_current(damaged).unwrap_err().is_unsupported(),
                "{damaged:?}"
            );
        }
        for encrypted in [&b"\x8c\x01\xf3 and more"[..], b"000005\n or so"] {
            assert!(
                parse_current(encrypted).unwrap_err().is_unsupported(),
                "{encrypted:?}"
            );
        }
    }

    #[test]
    fn a_written_current_parses_to_the_same_name() {
        for (number, text) in [
            (5, "MANIFEST-000005\n"),
            (0, "MANIFEST-000000\n"),
            (12_345_678, "MANIFEST-12345678\n"),
        ] {
            assert_eq!(encode_current(FileNumber(number)), text.as_bytes());
            assert_eq!(parse_current(text.as_bytes()), Ok(FileNumber(number)));
        }
    }

    #[test]
    fn damaged_names_are_corrupt() {
        for damaged in [
            &b""[..],
            b"MANIFEST-",
            b"MANIFEST-000005",
            b"MANIFEST-\n",
            b"MANIFEST-5\n\n",
            b"MANIFEST-5 \n",
            b"MANIFEST-+5\n",
            b"MANIFEST-99999999999999999999\n",
        ] {
            let error = parse_current(damaged).unwrap_err();
            assert!(!error.is_unsupported(), "{}", damaged.escape_ascii());
            assert_eq!(error.file, FileKind::Current);
        }
    }

    #[test]
    fn a_foreign_current_is_unsupported() {
        for foreign in [&b"\x93\x10encrypted\n"[..], b"manifest-5\n", b"\n"] {
            assert!(parse_current(foreign).unwrap_err().is_unsupported());
        }
    }
}
