//! Makes characters visible that would change what a terminal shows.

/// Whether a character moves the cursor, starts an escape sequence, turns the direction of text or is not seen.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}'
            | '\u{200b}'..='\u{200f}'      // zero width, marks of direction
            | '\u{2028}'..='\u{202e}'      // separators of lines, embeddings and overrides of direction
            | '\u{2060}'..='\u{206f}'      // invisible operators, isolates
            | '\u{fff9}'..='\u{fffb}'      // interlinear annotation
            | '\u{e0000}'..='\u{e007f}') // tags
}

/// The text with every such character in the form that Rust writes it: `\n`, `\u{1b}`.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Like [`visible`], of bytes that need not be UTF-8: others are shown as `\x9b`.
pub(crate) fn visible_bytes(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        shown.push_str(&visible(chunk.valid()));
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02x}"));
        }
    }
    shown
}

/// The same for JSON text, in which such characters occur only inside of strings, and have escapes of its own.
pub(crate) fn visible_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if is_hidden(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_line_ends_are_seen() {
        assert_eq!(visible("\u{1b}[2Jgone"), "\\u{1b}[2Jgone");
        assert_eq!(visible("a\r\nb\tc\0"), "a\\r\\nb\\tc\\u{0}");
        assert_eq!(visible("\u{9b}31m\u{7f}"), "\\u{9b}31m\\u{7f}");
    }

    #[test]
    fn changes_of_direction_are_seen() {
        assert_eq!(visible("gpj\u{202e}exe.sst"), "gpj\\u{202e}exe.sst");
        assert_eq!(
            visible("\u{2066}x\u{2069}\u{200f}"),
            "\\u{2066}x\\u{2069}\\u{200f}"
        );
        assert_eq!(visible("a\u{200b}b\u{feff}"), "a\\u{200b}b\\u{feff}");
    }

    #[test]
    fn text_without_control_characters_is_unchanged() {
        for text in ["000007.sst", "Straße \u{1f980} \\n", "שלום", ""] {
            assert_eq!(visible(text), text);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_seen() {
        assert_eq!(visible_bytes(b"ok\xff\x9b\nend"), "ok\\xff\\x9b\\nend");
    }

    #[test]
    fn json_means_the_same_after_it() {
        let text = "a\u{9b}\u{202e}\u{e0041}\u{7f}\n\"z";
        let json = serde_json::to_string(text).unwrap();
        let shown = visible_json(&json);
        assert_eq!(shown, "\"a\\u009b\\u202e\\udb40\\udc41\\u007f\\n\\\"z\"");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
    }
}
