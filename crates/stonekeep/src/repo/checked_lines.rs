//! Texts of JSON lines that end in a line with their own length and checksum: facts, journals.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Result};

#[derive(Serialize, Deserialize)]
struct Trailer {
    end: End,
}

#[derive(Serialize, Deserialize)]
struct End {
    lines: usize,
    crc32c: u32,
}

/// A text that is being written.
#[derive(Debug, Default)]
pub(crate) struct CheckedLines {
    text: Vec<u8>,
    lines: usize,
}

impl CheckedLines {
    /// Adds a line.
    pub(crate) fn push<T: Serialize>(&mut self, line: &T) -> Result<()> {
        self.lines += 1;
        self.push_uncounted(line)
    }

    /// The text with its last line.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>> {
        let end = End {
            lines: self.lines,
            crc32c: crc32c::crc32c(&self.text),
        };
        self.push_uncounted(&Trailer { end })?;
        Ok(self.text)
    }

    fn push_uncounted<T: Serialize>(&mut self, line: &T) -> Result<()> {
        serde_json::to_writer(&mut self.text, line)
            .map_err(|error| Error::new(ErrorKind::Io, "writing a record as JSON").with_source(error))?;
        self.text.push(b'\n');
        Ok(())
    }
}

/// The lines of a text, the last one not among them.
///
/// # Errors
/// `Corrupt` if it is cut short or its checksum is wrong.
pub(crate) fn lines<'a>(name: &str, text: &'a [u8]) -> Result<impl Iterator<Item = &'a [u8]>> {
    let body = text
        .strip_suffix(b"\n")
        .ok_or_else(|| Error::corrupt(name, "it is cut short"))?;
    let start = memchr::memrchr(b'\n', body).map_or(0, |at| at + 1);
    let (content, trailer) = body.split_at(start);
    let trailer: Trailer = parse(name, trailer)?;
    if crc32c::crc32c(content) != trailer.end.crc32c {
        return Err(Error::corrupt(name, "its checksum is wrong"));
    }
    // Not collected: lines of one byte would take many times their length.
    let lines = || Lines { rest: content }.filter(|line| !line.is_empty());
    let (found, wanted) = (lines().count(), trailer.end.lines);
    match found == wanted {
        true => Ok(lines()),
        false => Err(Error::corrupt(name, format!("{found} lines instead of {wanted}"))),
    }
}

/// What newlines end.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\n', self.rest)?;
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..)?;
        Some(line)
    }
}

/// The value in a line.
///
/// # Errors
/// `Corrupt` if it is none of that type.
pub(crate) fn parse<T: DeserializeOwned>(name: &str, line: &[u8]) -> Result<T> {
    serde_json::from_slice(line)
        .map_err(|error| Error::corrupt(name, format!("a line cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_and_damage_is_seen() {
        let mut writer = CheckedLines::default();
        writer.push(&"one").unwrap();
        writer.push(&2).unwrap();
        let text = writer.finish().unwrap();
        let read: Vec<_> = lines("x", &text).unwrap().collect();
        assert_eq!(read, [&b"\"one\""[..], b"2"]);
        for at in 0..text.len() {
            assert!(lines("x", text.get(..at).unwrap()).is_err(), "cut at {at}");
        }
        let damaged = [b"\"two\"", text.get(5..).unwrap()].concat();
        assert!(lines("x", &damaged).is_err());
    }
}
