//! Texts of JSON lines that end in a line with their own length and checksum: facts, journals.

use std::fmt::Display;
use std::io::{self, Read};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Result};

/// The last line.
#[derive(Serialize, Deserialize)]
pub(super) struct Trailer {
    end: End,
}

#[derive(Serialize, Deserialize)]
struct End {
    lines: usize,
    crc32c: u32,
}

/// A text that is made line by line while it is read, so that it is never complete in memory.
#[derive(Debug)]
pub(crate) struct CheckedText<I> {
    lines: I,
    text: Vec<u8>,
    /// How much of `text` has been read.
    read: usize,
    count: usize,
    crc32c: u32,
    ended: bool,
}

/// About how much text is made at a time.
const PIECE_BYTES: usize = 64 << 10;

impl<I: Iterator<Item = Result<Vec<u8>>>> CheckedText<I> {
    /// With these lines, each as [`line_of`] makes it.
    pub(crate) fn new(lines: I) -> Self {
        CheckedText {
            lines,
            text: Vec::new(),
            read: 0,
            count: 0,
            crc32c: 0,
            ended: false,
        }
    }

    /// The complete text.
    pub(crate) fn complete(mut self) -> Result<Vec<u8>> {
        let mut complete = Vec::new();
        while !self.ended {
            self.make_piece()?;
            complete.append(&mut self.text);
        }
        Ok(complete)
    }

    /// Makes a piece of the text, of which nothing is left.
    fn make_piece(&mut self) -> Result<()> {
        self.text.clear();
        self.read = 0;
        while self.text.len() < PIECE_BYTES {
            let Some(line) = self.lines.next() else {
                self.crc32c = crc32c::crc32c_append(self.crc32c, &self.text);
                let end = End {
                    lines: self.count,
                    crc32c: self.crc32c,
                };
                self.text.extend(line_of(&Trailer { end })?);
                self.ended = true;
                return Ok(());
            };
            self.count += 1;
            self.text.extend(line?);
        }
        self.crc32c = crc32c::crc32c_append(self.crc32c, &self.text);
        Ok(())
    }
}

impl<I: Iterator<Item = Result<Vec<u8>>>> Read for CheckedText<I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.text.len() && !self.ended {
            self.make_piece().map_err(io::Error::other)?;
        }
        let mut rest = self.text.get(self.read..).unwrap_or_default();
        let count = rest.read(buffer)?;
        self.read += count;
        Ok(count)
    }
}

/// Few lines are longer.
const USUAL_LINE_BYTES: usize = 384;

/// A line with its newline.
pub(crate) fn line_of<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    let mut line = Vec::with_capacity(USUAL_LINE_BYTES);
    serde_json::to_writer(&mut line, value)
        .map_err(|error| Error::new(ErrorKind::Io, "writing a record as JSON").with_source(error))?;
    line.push(b'\n');
    Ok(line)
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
    // Not collected: lines of one byte would take many times their length.
    let lines = || Lines { rest: content }.filter(|line| !line.is_empty());
    trailer.check(name, crc32c::crc32c(content), lines().count())?;
    Ok(lines())
}

impl Trailer {
    /// Whether a text of so many lines with this checksum is complete.
    pub(super) fn check(&self, name: &str, crc32c: u32, found: usize) -> Result<()> {
        let wanted = self.end.lines;
        if crc32c != self.end.crc32c {
            return Err(Error::corrupt(name, "its checksum is wrong"));
        }
        if found == wanted {
            Ok(())
        } else {
            Err(Error::corrupt(name, format!("{found} lines instead of {wanted}")))
        }
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
    let unreadable = |error: &dyn Display| Error::corrupt(name, format!("a line cannot be read: {error}"));
    // Checked at once, which is quicker than string by string.
    let line = std::str::from_utf8(line).map_err(|error| unreadable(&error))?;
    serde_json::from_str(line).map_err(|error| unreadable(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_the_same_however_it_is_made() {
        for count in [0, 1, 3, 20_000] {
            let made = || CheckedText::new((0..count).map(|n: u32| line_of(&n)));
            let mut text = Vec::new();
            made().read_to_end(&mut text).unwrap();
            assert_eq!(text, made().complete().unwrap());
            assert_eq!(lines("x", &text).unwrap().count(), count as usize);
        }
        let mut failing = CheckedText::new([Err(Error::invalid("no line"))].into_iter());
        let error = failing.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.downcast::<Error>().unwrap().to_string(), "no line");
    }

    #[test]
    fn checked_lines_parse_to_what_was_written_and_damage_is_detected() {
        let text = CheckedText::new([line_of(&"one"), line_of(&2)].into_iter());
        let text = text.complete().unwrap();
        let read: Vec<_> = lines("x", &text).unwrap().collect();
        assert_eq!(read, [&b"\"one\""[..], b"2"]);
        for at in 0..text.len() {
            assert!(lines("x", text.get(..at).unwrap()).is_err(), "cut at {at}");
        }
        let damaged = [b"\"two\"", text.get(5..).unwrap()].concat();
        assert!(lines("x", &damaged).is_err());
    }
}
