//! Lines of paths that a reader knows already: recognised by their bytes instead of being taken apart.

use memchr::memchr;

use crate::Crc32c;
use crate::backup_meta::CRC32;
use crate::backup_meta::path_table::{PathId, PathTable};
use crate::file_name::DbFileName;

/// What one meta file after another is recognised by. Use one memory with one table of paths; the table may grow.
///
/// A hundred backups of a database name almost the same files in almost the same order, so a line is usually the one that
/// followed the line before it in an earlier meta file.
#[derive(Debug, Default)]
pub struct LineMemory {
    /// Of each path, the first one having 1: which path followed it last; of 0, which came first.
    followers: Vec<PathId>,
    /// Of each first path of a name: in which meta file the name was seen last.
    seen: Vec<u32>,
    /// How many meta files have been read.
    turn: u32,
}

/// The paths that are known while one meta file is decoded.
#[derive(Debug)]
pub(super) struct KnownPaths<'k> {
    paths: &'k PathTable,
    memory: &'k mut LineMemory,
    /// The place of the line before in the followers.
    previous: usize,
}

impl<'k> KnownPaths<'k> {
    pub(super) fn new(paths: &'k PathTable, memory: &'k mut LineMemory) -> Self {
        memory.followers.resize(paths.len() + 1, PathId::NONE);
        memory.seen.resize(paths.len(), 0);
        memory.turn += 1;
        KnownPaths {
            paths,
            memory,
            previous: 0,
        }
    }

    /// The path and the checksum of the line that a text begins with, and its length with the newline, if its path is
    /// known and it has a checksum and nothing else.
    pub(super) fn recognise(&mut self, text: &[u8]) -> Option<(PathId, Crc32c, usize)> {
        let (id, path_bytes) = self.follower(text).or_else(|| self.find(text))?;
        let (crc32c, end) = plain_end(text.get(path_bytes..)?)?;
        *self.memory.followers.get_mut(self.previous)? = id;
        self.previous = id.index() + 1;
        Some((id, crc32c, path_bytes + end))
    }

    fn follower(&self, text: &[u8]) -> Option<(PathId, usize)> {
        let id = *self.memory.followers.get(self.previous)?;
        let path = self.paths.path(id);
        (!path.is_empty() && text.starts_with(path) && text.get(path.len()) == Some(&b' '))
            .then_some((id, path.len()))
    }

    fn find(&self, text: &[u8]) -> Option<(PathId, usize)> {
        let path = text.get(..memchr(b' ', text)?)?;
        let id = self.paths.find(path).filter(|id| self.paths.is_shared(*id))?;
        Some((id, path.len()))
    }

    /// Notes that this meta file names the path; whether it has not named another one of the same name before.
    pub(super) fn is_new(&mut self, id: PathId) -> bool {
        let turn = self.memory.turn;
        let seen = self.memory.seen.get_mut(self.paths.first(id).index());
        seen.is_some_and(|seen| std::mem::replace(seen, turn) != turn)
    }

    /// The same for a name in the database; `None` if no known path has it.
    pub(super) fn is_new_name(&mut self, name: &DbFileName) -> Option<bool> {
        self.paths.first_named(name).map(|first| self.is_new(first))
    }

    /// The path as text, for errors.
    pub(super) fn text(&self, id: PathId) -> String {
        String::from_utf8_lossy(self.paths.path(id)).into_owned()
    }
}

/// The decimal digits of the largest CRC-32C.
const MOST_DIGITS: usize = 10;

/// The checksum that follows the path in a line with nothing else, and the length from the space after the path to the
/// newline, both included.
fn plain_end(text: &[u8]) -> Option<(Crc32c, usize)> {
    let field = text.strip_prefix(b" ")?.strip_prefix(CRC32.as_bytes())?;
    let digits = field.strip_prefix(b" ")?;
    let (mut value, mut count) = (0u64, 0);
    loop {
        match digits.get(count)? {
            digit @ b'0'..=b'9' if count < MOST_DIGITS => value = value * 10 + u64::from(digit - b'0'),
            b'\n' if count > 0 => break,
            _ => return None,
        }
        count += 1;
    }
    let is_padded = count > 1 && digits.first() == Some(&b'0');
    let value = u32::try_from(value).ok().filter(|_| !is_padded)?;
    Some((Crc32c(value), text.len() - digits.len() + count + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_checksum_as_it_is_written_is_plain() {
        for (text, plain) in [
            (" crc32 0\n", Some((0, 9))),
            (" crc32 4294967295\n", Some((u32::MAX, 18))),
            (" crc32 12\nshared/", Some((12, 10))),
            (" crc32 4294967296\n", None),
            (" crc32 99999999999\n", None),
            (" crc32 00\n", None),
            (" crc32 01\n", None),
            (" crc32 \n", None),
            (" crc32 +1\n", None),
            (" crc32 1 \n", None),
            (" crc32 1 size 2\n", None),
            ("  crc32 1\n", None),
            (" crc32  1\n", None),
            (" crc31 1\n", None),
            (" crc32 1", None),
            ("crc32 1\n", None),
            ("\n", None),
            ("", None),
        ] {
            let plain = plain.map(|(crc32c, length)| (Crc32c(crc32c), length));
            assert_eq!(plain_end(text.as_bytes()), plain, "{text:?}");
        }
    }
}
