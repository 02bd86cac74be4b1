//! What happens to files: the ways in which disks, and people who copy repositories, damage them.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;

use crate::tree::Tree;

/// A file system's page.
const PAGE_BYTES: usize = 4096;
/// A disk's sector.
const SECTOR_BYTES: usize = 512;

/// Files that are not as they were: by name, with what stands there now. `None` stands for nothing.
pub type Changes = BTreeMap<String, Option<Arc<[u8]>>>;

/// A way to damage files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// Nothing: whoever finds damage is wrong.
    None,
    /// One bit is another one.
    BitFlip,
    /// Several bytes in a row are others.
    Burst,
    /// The end is gone.
    Truncated,
    /// Nothing is left but the name.
    Emptied,
    /// There is more at the end.
    Extended,
    /// It is there twice, one after the other.
    TwiceInside,
    /// A sector or a page is zero.
    ZeroedPage,
    /// All of it is zero.
    Zeroed,
    /// Two files have each other's content.
    Swapped,
    /// It has the content of another file.
    Replaced,
    /// An older file of the same name is there.
    Stale,
    /// There is a second file of this content, under a name like those beside it.
    Doubled,
    /// It is gone.
    Lost,
    /// A whole directory is gone.
    DirectoryLost,
}

const ALL: [Damage; 15] = [
    Damage::None,
    Damage::BitFlip,
    Damage::Burst,
    Damage::Truncated,
    Damage::Emptied,
    Damage::Extended,
    Damage::TwiceInside,
    Damage::ZeroedPage,
    Damage::Zeroed,
    Damage::Swapped,
    Damage::Replaced,
    Damage::Stale,
    Damage::Doubled,
    Damage::Lost,
    Damage::DirectoryLost,
];

impl Damage {
    /// Any one.
    pub fn any(rng: &mut Rng) -> Self {
        // The first of a pair is flipped more often than any other: it is what leaves everything else plausible.
        if rng.u8(0..6) == 0 {
            return Damage::BitFlip;
        }
        ALL[rng.usize(0..ALL.len())]
    }

    /// Damages a file of a tree. What is the same afterwards is no change.
    pub fn apply(self, rng: &mut Rng, name: &str, files: &Tree, stale: &Tree) -> Changes {
        let mut changes = Changes::new();
        let bytes = files.get(name).cloned().unwrap_or_default();
        let mut put = |name: &str, bytes: Vec<u8>| drop(changes.insert(name.to_owned(), Some(bytes.into())));
        match self {
            Damage::None => {}
            Damage::Swapped | Damage::Replaced => {
                let other = another(rng, name, files);
                put(name, files[&other].to_vec());
                if self == Damage::Swapped {
                    put(&other, bytes.to_vec());
                }
            }
            Damage::Stale => {
                if let Some(older) = stale.get(name) {
                    put(name, older.to_vec());
                }
            }
            Damage::Doubled => put(&beside(rng, name), bytes.to_vec()),
            Damage::Lost => drop(changes.insert(name.to_owned(), None)),
            Damage::DirectoryLost => {
                let directory = name.rsplit_once('/').map_or("", |(directory, _)| directory);
                let is_inside = |file: &&String| file.rsplit_once('/').is_some_and(|(it, _)| it == directory);
                changes.extend(files.keys().filter(is_inside).map(|file| (file.clone(), None)));
            }
            _ => put(name, self.content(rng, &bytes)),
        }
        changes.retain(|name, now| files.get(name) != now.as_ref());
        changes
    }

    fn content(self, rng: &mut Rng, bytes: &[u8]) -> Vec<u8> {
        let mut changed = bytes.to_vec();
        let at = rng.usize(0..bytes.len().max(1)).min(bytes.len());
        match self {
            Damage::BitFlip => {
                if let Some(byte) = changed.get_mut(at) {
                    *byte ^= 1 << rng.u8(0..8);
                }
            }
            Damage::Burst => {
                let end = (at + rng.usize(1..64)).min(changed.len());
                changed[at..end].iter_mut().for_each(|byte| *byte = rng.u8(..));
            }
            Damage::Truncated => changed.truncate(at),
            Damage::Emptied => changed.clear(),
            Damage::Extended => {
                let more = rng.usize(1..200);
                let content = [0, b'\n', b' ', rng.u8(..)][rng.usize(0..4)];
                changed.resize(changed.len() + more, content);
            }
            Damage::TwiceInside => changed.extend_from_slice(bytes),
            Damage::ZeroedPage => {
                let unit = [SECTOR_BYTES, PAGE_BYTES][rng.usize(0..2)];
                let begin = at / unit * unit;
                let end = (begin + unit).min(changed.len());
                changed[begin..end].fill(0);
            }
            Damage::Zeroed => changed.fill(0),
            _ => {}
        }
        changed
    }
}

/// A file of the same directory or of the same name in another one, if there is one; else any.
fn another(rng: &mut Rng, name: &str, files: &Tree) -> String {
    let split = |name: &str| match name.rsplit_once('/') {
        Some((directory, file)) => (directory.to_owned(), file.to_owned()),
        None => (String::new(), name.to_owned()),
    };
    let (directory, file) = split(name);
    let is_alike = |other: &&String| {
        let (its_directory, its_file) = split(other);
        *other != name && (its_directory == directory || its_file == file)
    };
    let mut others: Vec<&String> = files.keys().filter(is_alike).collect();
    if others.is_empty() || rng.u8(0..8) == 0 {
        others = files.keys().filter(|other| *other != name).collect();
    }
    match others.get(rng.usize(0..others.len().max(1))) {
        Some(other) => (*other).clone(),
        None => name.to_owned(),
    }
}

/// A new name beside this one: the number in it is another one, or it is what people call copies.
fn beside(rng: &mut Rng, name: &str) -> String {
    let (directory, file) = name.rsplit_once('/').unwrap_or(("", name));
    let digits = file.chars().take_while(char::is_ascii_digit).count();
    let file = match rng.u8(0..3) {
        0 => format!("{file}.bak"),
        1 => format!("{file} (1)"),
        _ if digits > 0 => format!("{:0digits$}{}", rng.u32(7..100), &file[digits..]),
        _ => format!("{file}.old"),
    };
    if directory.is_empty() {
        file
    } else {
        format!("{directory}/{file}")
    }
}
