//! Cuts the content of a file into parts of one size.

use std::io::{self, Read};

use crate::{Error, Key, Result};

/// The least size of a part, and the largest file that is one request.
const MIN_PART_BYTES: u64 = 8 << 20;

/// How many parts a file has at most: some stores end at 1,000.
const PARTS: u64 = 900;

/// The largest part: what all transfers may hold. Above it there are more parts, up to the 10,000 that most stores allow.
const MAX_PART_BYTES: u64 = 96 << 20;
const MOST_PARTS: u64 = 10_000;

/// The size of each part but the last one.
pub(super) fn part_bytes(file_bytes: u64) -> u64 {
    let part_bytes = file_bytes.div_ceil(PARTS).clamp(MIN_PART_BYTES, MAX_PART_BYTES);
    part_bytes.max(file_bytes.div_ceil(MOST_PARTS))
}

/// Whether a file of this length is one request.
pub(super) fn is_one(file_bytes: u64) -> bool {
    file_bytes <= MIN_PART_BYTES
}

/// The content of a file that is one request.
pub(super) fn whole(key: &Key, content: &mut dyn Read, expected_bytes: u64) -> Result<Vec<u8>> {
    let mut parts = Parts::new(key, content, MIN_PART_BYTES);
    let room = usize::try_from(expected_bytes.min(MIN_PART_BYTES)).unwrap_or_default();
    let bytes = parts.next(Vec::with_capacity(room))?;
    if parts.is_at_end()? {
        Ok(bytes)
    } else {
        Err(Error::corrupt(key.as_str(), "it is longer than it was"))
    }
}

/// A content, part by part.
pub(super) struct Parts<'c> {
    key: &'c Key,
    content: &'c mut dyn Read,
    part_bytes: u64,
    /// A byte that was read to see whether there is another part.
    ahead: Option<u8>,
    sent_bytes: u64,
}

impl<'c> Parts<'c> {
    pub(super) fn new(key: &'c Key, content: &'c mut dyn Read, part_bytes: u64) -> Self {
        Parts {
            key,
            content,
            part_bytes,
            ahead: None,
            sent_bytes: 0,
        }
    }

    pub(super) fn part_bytes(&self) -> u64 {
        self.part_bytes
    }

    /// How many bytes all parts had so far.
    pub(super) fn sent_bytes(&self) -> u64 {
        self.sent_bytes
    }

    /// The next part, in this empty buffer. It is shorter than the others only at the end.
    pub(super) fn next(&mut self, buffer: Vec<u8>) -> Result<Vec<u8>> {
        let mut bytes = buffer;
        bytes.extend(self.ahead.take());
        let left = self.part_bytes.saturating_sub(bytes.len() as u64);
        let read = (&mut *self.content).take(left).read_to_end(&mut bytes);
        read.map_err(|error| Error::of_content(self.key, error))?;
        self.sent_bytes += bytes.len() as u64;
        Ok(bytes)
    }

    /// Whether there is no further part.
    pub(super) fn is_at_end(&mut self) -> Result<bool> {
        if self.ahead.is_some() {
            return Ok(false);
        }
        if !self.sent_bytes.is_multiple_of(self.part_bytes) {
            return Ok(true);
        }
        let mut byte = [0];
        loop {
            match self.content.read(&mut byte) {
                Ok(0) => return Ok(true),
                Ok(_) => {
                    self.ahead = Some(byte[0]);
                    return Ok(false);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::of_content(self.key, error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(length: usize, part_bytes: u64) -> Vec<usize> {
        let (key, content) = (Key::trusted("a"), vec![7; length]);
        let mut content = &*content;
        let mut parts = Parts::new(&key, &mut content, part_bytes);
        let mut lengths = vec![parts.next(Vec::new()).unwrap().len()];
        while !parts.is_at_end().unwrap() {
            lengths.push(parts.next(Vec::with_capacity(3)).unwrap().len());
        }
        assert_eq!(parts.sent_bytes(), length as u64);
        lengths
    }

    #[test]
    fn all_parts_but_the_last_have_one_size() {
        for (length, lengths) in [
            (0, &[0][..]),
            (9, &[9]),
            (10, &[10]),
            (11, &[10, 1]),
            (20, &[10, 10]),
            (25, &[10, 10, 5]),
        ] {
            assert_eq!(cut(length, 10), lengths, "{length}");
        }
    }

    /// Gives these answers, one after the other, and a byte where there is no error.
    struct Answers(Vec<Option<io::ErrorKind>>);

    impl Read for Answers {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.pop() {
                None => Ok(0),
                Some(Some(kind)) => Err(kind.into()),
                Some(None) => {
                    buffer[0] = 7;
                    Ok(1)
                }
            }
        }
    }

    #[test]
    fn a_content_that_fails_between_two_parts_is_no_end() {
        let key = Key::trusted("a");
        // From the last one on: a part of one byte, a signal, and the end of the disk.
        let mut content = Answers(vec![
            Some(io::ErrorKind::StorageFull),
            Some(io::ErrorKind::Interrupted),
            None,
        ]);
        let mut parts = Parts::new(&key, &mut content, 1);
        assert_eq!(parts.next(Vec::new()).unwrap(), [7]);
        let error = parts.is_at_end().unwrap_err();
        assert_eq!(error.io_kind(), Some(io::ErrorKind::StorageFull), "{error}");
        assert!(error.to_string().contains('a'), "{error}");
    }

    #[test]
    fn a_small_file_that_grew_is_refused_and_not_cut() {
        let (key, most) = (Key::trusted("meta/1"), MIN_PART_BYTES as usize);
        let content = vec![7; most + 1];
        assert_eq!(whole(&key, &mut &content[..most], 9).unwrap().len(), most);
        let error = whole(&key, &mut &*content, 9).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Corrupt);
        assert!(error.to_string().contains("meta/1"), "{error}");
    }

    #[test]
    fn parts_grow_with_the_file_and_stay_within_what_stores_allow() {
        let mib = 1 << 20;
        assert_eq!(part_bytes(0), 8 * mib);
        assert_eq!(part_bytes(900 * 8 * mib), 8 * mib);
        assert_eq!(part_bytes(900 * 8 * mib + 1), 8 * mib + 1);
        assert_eq!(part_bytes(500 << 30), 96 * mib);
        for file_bytes in [1_u64, 7 << 30, 80 << 30, 900 << 30, 5 << 40] {
            let parts = file_bytes.div_ceil(part_bytes(file_bytes));
            assert!(parts <= MOST_PARTS, "{file_bytes}: {parts}");
            assert!(
                parts <= PARTS || file_bytes > PARTS * MAX_PART_BYTES,
                "{file_bytes}: {parts}"
            );
        }
    }
}
