//! A text of lines that is held as a whole, in memory that nobody can make large with a file that is no text.
//!
//! Texts such as OPTIONS files are limited by their length, which is generous. What has a line without end is no such text,
//! whatever length it has: a sparse file is given up after a few MiB.

use std::fmt;

/// No line is longer, but one that begins as the caller says.
const LINE_BYTES: usize = 4 << 20;

/// A text that comes piece by piece.
#[derive(Debug, Default)]
pub struct WholeText {
    bytes: Vec<u8>,
    /// Where its last line begins, of which the end has not been seen.
    line: usize,
    /// Whether that line has a zero byte.
    has_zero: bool,
    longer: Option<&'static [u8]>,
}

/// Why something is no text of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndlessLine;

impl WholeText {
    /// An empty text.
    pub fn new() -> Self {
        WholeText::default()
    }

    /// A line that begins so, and has no zero byte, may have any length.
    #[must_use]
    pub fn with_longer(self, begin: &'static [u8]) -> Self {
        WholeText {
            longer: Some(begin),
            ..self
        }
    }

    /// Adds what comes next.
    ///
    /// # Errors
    /// A line has become too long: nothing more needs to be read.
    pub fn push(&mut self, piece: &[u8]) -> std::result::Result<(), EndlessLine> {
        let unended = match memchr::memrchr(b'\n', piece) {
            Some(end) => {
                self.line = self.bytes.len() + end + 1;
                self.has_zero = false;
                piece.get(end + 1..).unwrap_or_default()
            }
            None => piece,
        };
        self.has_zero |= memchr::memchr(0, unended).is_some();
        self.bytes.extend_from_slice(piece);
        let line = self.bytes.get(self.line..).unwrap_or_default();
        let may_be_longer = || self.longer.is_some_and(|begin| line.starts_with(begin)) && !self.has_zero;
        if line.len() > LINE_BYTES && !may_be_longer() {
            Err(EndlessLine)
        } else {
            Ok(())
        }
    }

    /// Everything that was added.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl fmt::Display for EndlessLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a line has more than {LINE_BYTES} bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGER: &[u8] = b"metadata ";

    fn push(text: &[u8], at_a_time: usize) -> std::result::Result<Vec<u8>, EndlessLine> {
        let mut whole = WholeText::new().with_longer(LONGER);
        text.chunks(at_a_time).try_for_each(|piece| whole.push(piece))?;
        Ok(whole.into_bytes())
    }

    #[test]
    fn a_text_is_held_as_it_is() {
        let lines = b"a line\n".repeat(2 * LINE_BYTES / 7);
        let metadata = [b"1\n", LONGER, &b"4D".repeat(LINE_BYTES), b"\nanother\n"].concat();
        for text in [
            &b""[..],
            b"\0\0",
            b"one\n\0two",
            &lines,
            &metadata,
            &vec![b'x'; LINE_BYTES],
        ] {
            for at_a_time in [1 << 10, 3 << 20, usize::MAX] {
                assert!(push(text, at_a_time).unwrap() == text, "{} bytes", text.len());
            }
        }
    }

    #[test]
    fn a_line_without_end_is_given_up_before_it_takes_memory() {
        for begin in [&b""[..], b"{\"stonekeep_pin\":1}\n", LONGER, b"metadata \0x"] {
            let mut whole = WholeText::new().with_longer(LONGER);
            whole.push(begin).unwrap();
            let zeros = vec![0; 64 << 10];
            let given_up = (0..1 << 10).find(|_| whole.push(&zeros).is_err());
            assert!(
                given_up.is_some_and(|pieces| pieces <= LINE_BYTES >> 16),
                "{given_up:?}"
            );
        }
        assert_eq!(push(&vec![b'x'; LINE_BYTES + 1], 1 << 20), Err(EndlessLine));
        let behind_a_zero = [b"metadata \0", &vec![b'x'; LINE_BYTES][..]].concat();
        assert_eq!(push(&behind_a_zero, 1 << 20), Err(EndlessLine));
    }
}
