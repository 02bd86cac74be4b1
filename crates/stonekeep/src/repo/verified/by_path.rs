//! Stamps for a look at the files of many backups, most of which they share.

use stonekeep_format::backup_meta::{PathId, PathTable};

use super::stamp::{Outcome, Stamp, Wanted};
use super::stamps::Stamps;

/// What is known of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known<'a> {
    /// When it was last read, in milliseconds since 1970; `None` if it never was.
    pub verified_ms: Option<u64>,
    /// What was found wrong with it, or with what is in it.
    pub damage: Option<&'a str>,
}

/// All stamps, those of the files of a table of paths at hand.
#[derive(Debug)]
pub struct StampsByPath<'a> {
    stamps: &'a Stamps,
    by_id: Vec<&'a [Stamp]>,
}

impl<'a> StampsByPath<'a> {
    /// The stamps of the files with these paths, and of others.
    pub fn new(stamps: &'a Stamps, paths: &PathTable) -> Self {
        let mut by_id: Vec<&[Stamp]> = Vec::new();
        if !stamps.is_empty() {
            by_id.resize(paths.len(), &[]);
            for (place, id) in by_id.iter_mut().zip(paths.ids()) {
                *place = std::str::from_utf8(paths.path(id)).map_or(&[], |path| stamps.of(path));
            }
        }
        StampsByPath { stamps, by_id }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.stamps.is_empty()
    }

    /// What is known of a file of the table.
    pub fn known(&self, id: PathId, wanted: Wanted) -> Known<'a> {
        let stamps = self.by_id.get(id.index()).copied().unwrap_or_default();
        self.of(self.stamps.choose(stamps, wanted))
    }

    /// What is known of another file.
    pub fn other(&self, path: &str, wanted: Wanted) -> Known<'a> {
        self.of(self.stamps.get(path, wanted))
    }

    fn of(&self, stamp: Option<&'a Stamp>) -> Known<'a> {
        let Some(stamp) = stamp else {
            return Known::default();
        };
        let at_ms = self.stamps.not_later(stamp.at_ms);
        let contents = stamp.contents.as_ref();
        let in_contents = contents.and_then(|contents| contents.damage.as_deref());
        match &stamp.outcome {
            Outcome::Right => Known {
                verified_ms: Some(at_ms),
                damage: in_contents,
            },
            Outcome::Damaged(reason) => Known {
                verified_ms: Some(at_ms),
                damage: Some(reason),
            },
            Outcome::Replaced => Known {
                verified_ms: None,
                damage: in_contents,
            },
        }
    }
}
