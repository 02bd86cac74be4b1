//! The backslashes in strings of an OPTIONS file (`util/string_util.cc`).

/// The text as it is in the file.
pub fn escape(raw: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(raw.len());
    for byte in raw {
        match byte {
            b'\n' => escaped.extend_from_slice(b"\\n"),
            b'\r' => escaped.extend_from_slice(b"\\r"),
            b'\\' | b'#' | b':' => escaped.extend_from_slice(&[b'\\', *byte]),
            _ => escaped.push(*byte),
        }
    }
    escaped
}

/// The text that is escaped in the file. A backslash at its very end has no meaning.
pub fn unescape(escaped: &[u8]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(escaped.len());
    let mut bytes = escaped.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => raw.extend(bytes.next().map(meaning)),
            _ => raw.push(*byte),
        }
    }
    raw
}

/// The meaning of a byte after a backslash.
fn meaning(byte: &u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        other => *other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn escaped_text_unescapes_to_the_same(raw: Vec<u8>) {
            prop_assert_eq!(unescape(&escape(&raw)), raw);
        }
    }

    #[test]
    fn special_bytes_get_a_backslash() {
        assert_eq!(escape(b"C:\\a#b\r\n c"), b"C\\:\\\\a\\#b\\r\\n c");
        assert_eq!(unescape(b"a\\"), b"a");
    }
}
