//! Reading texts of checked lines in pieces, for those lines that are wanted.

use memchr::{memchr, memchr_iter, memmem, memrchr};

use super::checked_lines::{self, Trailer};
use super::pieces::Pieces;
use crate::{Error, Result};

/// Which lines are handed out, besides the first.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted<'a> {
    /// No other.
    None,
    /// All.
    All,
    /// By their number, the first one being 0: these, in ascending order, and all from one on.
    These { lines: &'a [usize], from: usize },
}

impl Wanted<'_> {
    /// Whether any of so many lines is wanted.
    fn any(self, first: usize, count: usize) -> bool {
        let end = first + count;
        match self {
            _ if first == 0 => true,
            Wanted::None => false,
            Wanted::All => true,
            Wanted::These { lines, from } => {
                let next = lines.partition_point(|line| *line < first);
                end > from || lines.get(next).is_some_and(|line| *line < end)
            }
        }
    }
}

/// Reads a text to its end and hands out lines of it. They are worth nothing if an error is returned: the checksum is at
/// the end of the text.
///
/// # Errors
/// As [`checked_lines::lines`]; those of `hand_out`; I/O errors.
pub(crate) fn read(
    name: &str,
    mut pieces: Pieces<'_>,
    wanted: Wanted<'_>,
    mut hand_out: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut lines = 0;
    while pieces.more()? {
        let content = before_last_line(pieces.text());
        lines += look_through(content, lines, wanted, &mut hand_out)?;
        let length = content.len();
        pieces.take(length);
    }
    let end = pieces.text().strip_suffix(b"\n");
    let end = end.ok_or_else(|| Error::corrupt(name, "it is cut short"))?;
    let trailer: Trailer = checked_lines::parse(name, end)?;
    trailer.check(name, pieces.crc32c().0, lines)
}

/// The text before the last line that a newline ends: any line may turn out to be the last one of the text.
fn before_last_line(text: &[u8]) -> &[u8] {
    let last = memrchr(b'\n', text).and_then(|end| memrchr(b'\n', text.get(..end)?));
    text.get(..last.map_or(0, |newline| newline + 1))
        .unwrap_or_default()
}

/// Counts the lines in a part of a text that begins and ends with a line. Empty ones do not count.
fn look_through(
    content: &[u8],
    first: usize,
    wanted: Wanted<'_>,
    hand_out: &mut impl FnMut(&[u8]) -> Result<()>,
) -> Result<usize> {
    let count = memchr_iter(b'\n', content).count();
    let has_empty = content.first() == Some(&b'\n') || memmem::find(content, b"\n\n").is_some();
    if !has_empty && !wanted.any(first, count) {
        return Ok(count);
    }
    let (mut rest, mut at) = (content, first);
    while let Some((line, after)) = memchr(b'\n', rest).and_then(|end| rest.split_at_checked(end)) {
        if !line.is_empty() {
            if wanted.any(at, 1) {
                hand_out(line)?;
            }
            at += 1;
        }
        rest = after.get(1..).unwrap_or_default();
    }
    Ok(at - first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::checked_lines::{CheckedText, line_of};
    use crate::store::PutMode;
    use crate::store::memory::MemoryStore;
    use crate::store::{Durability, Key};

    fn text(lines: usize) -> Vec<u8> {
        let lines = (0..lines).map(|n| line_of(&format!("{n:0>99}")));
        CheckedText::new(lines).complete().unwrap()
    }

    fn read_text(text: &[u8], wanted: Wanted<'_>) -> Result<Vec<Vec<u8>>> {
        let (store, key) = (MemoryStore::new(), Key::trusted("x"));
        store.create_root(Durability::Durable)?;
        let staged = store.upload("area", &key, &mut &*text, 0, PutMode::IfAbsent)?;
        store.finish(
            vec![(staged, key.clone())],
            PutMode::IfAbsent,
            Durability::Durable,
        )?;
        let (mut buffer, mut lines) = (Vec::new(), Vec::new());
        let pieces = Pieces::open(&store, &key, u64::MAX, &mut buffer)?;
        read("x", pieces, wanted, |line| {
            lines.push(line.to_vec());
            Ok(())
        })?;
        Ok(lines)
    }

    fn same(text: &[u8], count: usize) {
        let all: Result<Vec<Vec<u8>>> =
            checked_lines::lines("x", text).map(|lines| lines.map(<[u8]>::to_vec).collect());
        let all = all.map_err(|error| error.to_string());
        let read = |wanted| read_text(text, wanted).map_err(|error| error.to_string());
        assert_eq!(read(Wanted::All), all);
        let first = all.clone().map(|all| all.into_iter().take(1).collect::<Vec<_>>());
        assert_eq!(read(Wanted::None), first);
        let these = [1, count / 2, count.saturating_sub(3)];
        for from in [count.saturating_sub(1), usize::MAX] {
            let is_wanted = |at: usize| at == 0 || these.contains(&at) || at >= from;
            let some = all.clone().map(|all| {
                let chosen = all.into_iter().enumerate().filter(|(at, _)| is_wanted(*at));
                chosen.map(|(_, line)| line).collect::<Vec<_>>()
            });
            let lines = if these.is_sorted() { &these[..] } else { &[] };
            if !lines.is_empty() {
                assert_eq!(read(Wanted::These { lines, from }), some);
            }
        }
    }

    #[test]
    fn lines_read_in_pieces_are_those_of_the_text() {
        for count in [0, 1, 2, 9, 2_599, 2_600, 9_000] {
            same(&text(count), count);
        }
    }

    #[test]
    fn damage_is_detected_in_pieces_as_in_the_text() {
        let whole = text(3);
        for at in 0..whole.len() {
            same(&whole[..at], 3);
            let mut damaged = whole.clone();
            for byte in [b'\n', b'x'] {
                damaged[at] = byte;
                same(&damaged, 3);
            }
        }
        same(&[&whole[..], b"\n"].concat(), 3);
    }

    #[test]
    fn empty_lines_do_not_count() {
        let mut lines = b"\n\n1\n\n\n2\n".to_vec();
        let crc32c = crc32c::crc32c(&lines);
        lines.extend(format!("{{\"end\":{{\"lines\":2,\"crc32c\":{crc32c}}}}}\n").into_bytes());
        same(&lines, 2);
        assert_eq!(read_text(&lines, Wanted::All).unwrap(), [b"1", b"2"]);
    }
}
