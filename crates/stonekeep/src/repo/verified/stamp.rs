//! One stamp, and the text of many.

use std::borrow::Cow;
use std::iter;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use stonekeep_format::Crc32c;

use crate::repo::checked_lines::{self, CheckedText};
use crate::repo::included::IncludedFile;
use crate::{Error, ErrorKind, Result};

/// The version of the text that is written, and the only one that is read.
const VERSION: u32 = 1;

/// What meta files expect under a path. What they do not say is nothing that tells two files apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The length.
    pub size_bytes: Option<u64>,
    /// The checksum.
    pub crc32c: Option<Crc32c>,
}

impl Wanted {
    /// A file of the application, as facts describe it.
    pub fn of_included(file: &IncludedFile) -> Self {
        Wanted {
            size_bytes: Some(file.size_bytes),
            crc32c: Some(file.checksum()),
        }
    }

    /// Whether both may be about the same file.
    pub fn fits(&self, other: &Wanted) -> bool {
        let same_size = match (self.size_bytes, other.size_bytes) {
            (Some(one), Some(another)) => one == another,
            _ => true,
        };
        same_size && self.crc32c == other.crc32c
    }
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All of its bytes were read, and are right as far as a checksum says so.
    Right,
    /// All of its bytes were read, and are wrong; the reason.
    Damaged(String),
    /// It was written anew, and not verified since.
    Replaced,
}

/// What was found when somebody looked into a file whose bytes are those that meta files expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What is wrong, whatever copy of the file is taken; `None` if nothing is.
    pub damage: Option<String>,
}

/// What is known of a file since some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Which file.
    pub wanted: Wanted,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What.
    pub outcome: Outcome,
    /// What is in it, if somebody looked since it is there. It does not end with another reading of the bytes.
    pub contents: Option<Contents>,
}

impl Stamp {
    /// Whether the file was found damaged, in its bytes or inside.
    pub(super) fn is_damage(&self) -> bool {
        let contents = self.contents.as_ref();
        matches!(self.outcome, Outcome::Damaged(_))
            || contents.is_some_and(|contents| contents.damage.is_some())
    }

    /// The same with what another stamp of the same file knows of the contents, if that is newer.
    pub(super) fn with_contents_of(mut self, other: &Stamp, now_ms: u64) -> Self {
        // Without a checksum, nobody knows whether what replaced it is the same.
        let is_another = self.outcome == Outcome::Replaced && self.wanted.crc32c.is_none();
        let newer = other.contents.as_ref().filter(|other| {
            let rank = |contents: &Contents| (contents.at_ms <= now_ms, contents.at_ms);
            !(is_another && other.at_ms <= self.at_ms)
                && self.contents.as_ref().is_none_or(|own| rank(own) < rank(other))
        });
        if let Some(newer) = newer {
            self.contents = Some(newer.clone());
        }
        self
    }

    /// How much it counts beside another one of the same file: the later one; one of the future less than any other.
    pub(super) fn rank(&self, now_ms: u64) -> (bool, u64, u8) {
        let is_past = self.at_ms <= now_ms;
        let outcome = match self.outcome {
            Outcome::Right => 0,
            Outcome::Damaged(_) => 1,
            Outcome::Replaced => 2,
        };
        (is_past, self.at_ms, outcome)
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    stonekeep_verified: u32,
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    path: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crc32c: Option<u32>,
    at_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    damaged: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_false")]
    replaced: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contents_at_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contents: Option<Cow<'a, str>>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn is_false(value: &bool) -> bool {
    !value
}

/// The text of stamps, each with the path of its file.
///
/// # Errors
/// None in practice; JSON that cannot be written is an `Io` error.
pub(super) fn encode<'a>(stamps: impl Iterator<Item = (&'a str, &'a Stamp)>) -> Result<Vec<u8>> {
    let header = checked_lines::line_of(&Header {
        stonekeep_verified: VERSION,
    });
    let lines = stamps.map(|(path, stamp)| {
        checked_lines::line_of(&Line {
            path: path.into(),
            size_bytes: stamp.wanted.size_bytes,
            crc32c: stamp.wanted.crc32c.map(|crc| crc.0),
            at_ms: stamp.at_ms,
            damaged: match &stamp.outcome {
                Outcome::Damaged(reason) => Some(reason.into()),
                Outcome::Right | Outcome::Replaced => None,
            },
            replaced: stamp.outcome == Outcome::Replaced,
            contents_at_ms: stamp.contents.as_ref().map(|contents| contents.at_ms),
            contents: stamp
                .contents
                .as_ref()
                .and_then(|contents| Some(contents.damage.as_deref()?.into())),
        })
    });
    CheckedText::new(iter::once(header).chain(lines)).complete()
}

/// Hands over the stamps of a text. A line that is none is passed over.
///
/// # Errors
/// `Corrupt` for a damaged text, `Unsupported` for one of another version. Then nothing is handed over.
pub(super) fn decode(name: &str, text: &[u8], each: &mut dyn FnMut(&str, Stamp)) -> Result<()> {
    let mut lines = checked_lines::lines(name, text)?;
    let header: Option<Header> = lines.next().and_then(|line| serde_json::from_slice(line).ok());
    match header {
        Some(header) if header.stonekeep_verified == VERSION => {}
        _ => {
            let message = format!("{name} has another version than {VERSION}");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
    }
    for line in lines {
        let Ok(line) = serde_json::from_slice::<Line<'_>>(line) else {
            continue;
        };
        let outcome = match line.damaged {
            Some(reason) => Outcome::Damaged(reason.into_owned()),
            None if line.replaced => Outcome::Replaced,
            None => Outcome::Right,
        };
        let wanted = Wanted {
            size_bytes: line.size_bytes,
            crc32c: line.crc32c.map(Crc32c),
        };
        let at_ms = line.at_ms;
        let contents = line.contents_at_ms.map(|at_ms| Contents {
            at_ms,
            damage: line.contents.map(Cow::into_owned),
        });
        each(
            &line.path,
            Stamp {
                wanted,
                at_ms,
                outcome,
                contents,
            },
        );
    }
    Ok(())
}

/// A time as stamps have it. One before 1970 is 1970.
pub(crate) fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(size_bytes: Option<u64>, outcome: Outcome) -> Stamp {
        let wanted = Wanted {
            size_bytes,
            crc32c: Some(Crc32c(7)),
        };
        Stamp {
            wanted,
            at_ms: 5,
            outcome,
            contents: None,
        }
    }

    /// The same as one of somebody who looked into the file.
    fn looked(stamp: Stamp, damage: Option<&str>) -> Stamp {
        let contents = Contents {
            at_ms: 4,
            damage: damage.map(str::to_owned),
        };
        Stamp {
            contents: Some(contents),
            ..stamp
        }
    }

    #[test]
    fn stamps_parse_to_what_was_written_and_damage_is_detected() {
        let stamps = [
            ("a", stamp(Some(3), Outcome::Right)),
            ("a", stamp(Some(4), Outcome::Replaced)),
            ("b", stamp(None, Outcome::Damaged("its checksum is \"7\"".into()))),
            ("c", looked(stamp(Some(3), Outcome::Right), None)),
            ("d", looked(stamp(Some(3), Outcome::Right), Some("data block"))),
        ];
        let text = encode(stamps.iter().map(|(path, stamp)| (*path, stamp))).unwrap();
        let read = |text: &[u8]| {
            let mut read = Vec::new();
            decode("x", text, &mut |path, stamp| read.push((path.to_owned(), stamp))).map(|()| read)
        };
        let written: Vec<_> = stamps
            .iter()
            .map(|(path, stamp)| (path.to_string(), stamp.clone()))
            .collect();
        assert_eq!(read(&text).unwrap(), written);
        for at in 0..text.len() {
            assert!(read(&text[..at]).is_err(), "cut at {at}");
            let mut damaged = text.clone();
            damaged[at] ^= 1;
            assert!(read(&damaged).is_err(), "damaged at {at}");
        }
    }

    #[test]
    fn another_version_is_not_read() {
        let header = checked_lines::line_of(&Header {
            stonekeep_verified: 2,
        });
        let text = CheckedText::new(iter::once(header)).complete().unwrap();
        let error = decode("x", &text, &mut |_, _| {}).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}
