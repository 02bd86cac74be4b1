//! Reading the meta files of many backups, of whose files most are known.
//!
//! A hundred backups of a database name almost the same files. Whoever wants to know only whether these are there, or
//! that they are named, need not have each line taken apart and held for each of them. So a line that is a known path
//! and a checksum is recognised by its bytes, and usually by what followed the line before in the meta file before. All
//! other lines are decoded. Where anything in a meta file is wrong or unusual, all of it is, in the one way that gives
//! errors.

use std::collections::HashSet;
use std::mem;

use memchr::memchr;
use stonekeep_format::BackupId;
use stonekeep_format::backup_meta::{
    BackupMeta, LINE_LIMIT_BYTES, MetaFile, MetaHead, SchemaVersion, plain_line_end,
};
use stonekeep_format::backup_name::RepoPath;

use super::catalog::{self, LoadedMeta, MetaState};
use super::facts::{self, BackupFacts, WantedFiles};
use super::layout;
use super::names::{NameId, Names};
use super::pieces::Pieces;
use crate::store::{Key, Store};
use crate::{Error, ErrorKind, Result};

/// A meta file, with its plain files told apart.
#[derive(Debug)]
pub struct Skimmed {
    /// The meta file, whose list of files has only those that are not plain.
    pub loaded: LoadedMeta,
    /// Which of all files those are, by their places.
    pub places: Vec<usize>,
    /// The others.
    pub plain: Vec<NameId>,
}

/// A meta file that is there, readable or not.
#[derive(Debug)]
pub enum SkimState {
    /// It can be read.
    Readable(Box<Skimmed>),
    /// It is damaged (`Corrupt`) or too new (`Unsupported`).
    Unreadable(Error),
}

impl Skimmed {
    fn without_plain(loaded: LoadedMeta) -> Self {
        Skimmed {
            places: (0..loaded.meta.files.len()).collect(),
            plain: Vec::new(),
            loaded,
        }
    }
}

/// Reads meta files one after another, all with the same names: what it holds is of use for the next one.
#[derive(Debug, Default)]
pub struct Skimmer {
    buffer: Vec<u8>,
    /// By name, the first one having 1: which name followed it last; of 0, which was the first.
    followers: Vec<NameId>,
    /// By name: in which meta file it was seen last.
    seen: Vec<u64>,
    /// How many meta files there were.
    turn: u64,
}

impl Skimmer {
    /// Reads the meta file of this backup.
    ///
    /// # Errors
    /// `NotFound`, and I/O errors of the store.
    pub fn read(&mut self, store: &Store, names: &Names, id: BackupId) -> Result<SkimState> {
        match self.read_usual(store, names, id, &layout::meta(id)) {
            Ok(Some(skimmed)) => return Ok(SkimState::Readable(Box::new(skimmed))),
            Ok(None) => {}
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) => {}
            Err(error) => return Err(error),
        }
        Ok(match catalog::load(store, id)? {
            MetaState::Readable(loaded) => SkimState::Readable(Box::new(Skimmed::without_plain(loaded))),
            MetaState::Unreadable(_, error) => SkimState::Unreadable(error),
        })
    }

    /// Reads the meta file of this backup under another name.
    ///
    /// # Errors
    /// As [`LoadedMeta::decode`], and those of the store.
    pub fn read_record(&mut self, store: &Store, names: &Names, id: BackupId, key: &Key) -> Result<Skimmed> {
        match self.read_usual(store, names, id, key) {
            Ok(Some(skimmed)) => return Ok(skimmed),
            Err(error) if error.kind() != ErrorKind::Corrupt => return Err(error),
            _ => {}
        }
        LoadedMeta::read(store, id, key).map(Skimmed::without_plain)
    }

    /// Our facts about it, if there are any, with those files only whose sizes neither the meta file nor a name tells.
    ///
    /// # Errors
    /// I/O errors of the store.
    pub fn facts_for_sizes(&mut self, store: &Store, of: &Skimmed) -> Result<Option<BackupFacts>> {
        let files = of.places.iter().zip(&of.loaded.meta.files);
        let unknown = files.filter(|(_, file)| file.told_size_bytes().is_none());
        let places: Vec<usize> = unknown.map(|(place, _)| *place).collect();
        let wanted = WantedFiles::These {
            places: &places,
            of: of.places.len() + of.plain.len(),
        };
        facts::read(store, &of.loaded, wanted, &mut self.buffer)
    }

    /// `None` for whatever is wrong or unusual.
    fn read_usual(
        &mut self,
        store: &Store,
        names: &Names,
        id: BackupId,
        key: &Key,
    ) -> Result<Option<Skimmed>> {
        let mut buffer = mem::take(&mut self.buffer);
        let pieces = Pieces::open(store, key, layout::RECORD_LIMIT_BYTES, &mut buffer);
        let skimmed = pieces.and_then(|pieces| {
            let pieces = pieces.held_at_most(LINE_LIMIT_BYTES);
            self.read_pieces(pieces, names, id)
        });
        self.buffer = buffer;
        skimmed
    }

    fn read_pieces(
        &mut self,
        mut pieces: Pieces<'_>,
        names: &Names,
        id: BackupId,
    ) -> Result<Option<Skimmed>> {
        pieces.more()?;
        let Ok(Some((head, file_count, rest))) = MetaHead::split(pieces.text()) else {
            return Ok(None);
        };
        if head.schema != SchemaVersion::One {
            return Ok(None);
        }
        let head_bytes = pieces.text().len() - rest.len();
        pieces.take(head_bytes);
        let mut lines = Lines::begin(self, names);
        loop {
            let Some(length) = lines.read(pieces.text()) else {
                return Ok(None);
            };
            pieces.take(length);
            if !pieces.more()? {
                break;
            }
        }
        let is_whole =
            pieces.text().is_empty() && lines.fit_together(id) && lines.count() == file_count as usize;
        Ok(is_whole.then(|| lines.finish(id, head, &pieces)))
    }
}

/// The lines of one meta file.
struct Lines<'a> {
    skimmer: &'a mut Skimmer,
    names: &'a Names,
    /// In `followers`: the line before.
    previous: usize,
    plain: Vec<NameId>,
    others: Vec<MetaFile>,
    places: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn begin(skimmer: &'a mut Skimmer, names: &'a Names) -> Self {
        skimmer.followers.resize(names.len() + 1, NameId::NONE);
        skimmer.seen.resize(names.len(), 0);
        skimmer.turn += 1;
        Lines {
            skimmer,
            names,
            previous: 0,
            plain: Vec::new(),
            others: Vec::new(),
            places: Vec::new(),
        }
    }

    fn count(&self) -> usize {
        self.plain.len() + self.others.len()
    }

    /// Reads the lines that are whole; how many bytes they have. `None` if one is wrong.
    fn read(&mut self, text: &[u8]) -> Option<usize> {
        let mut done = 0;
        loop {
            let rest = text.get(done..)?;
            match self.follower(rest).or_else(|| self.known(rest)) {
                Some((id, length)) => {
                    self.add_plain(id)?;
                    done += length;
                }
                None => {
                    let Some(length) = memchr(b'\n', rest) else {
                        return Some(done);
                    };
                    self.places.push(self.count());
                    self.others.push(MetaFile::decode_line(rest.get(..length)?).ok()?);
                    done += length + 1;
                }
            }
        }
    }

    /// The line if it is the one that followed the line before the last time.
    fn follower(&self, text: &[u8]) -> Option<(NameId, usize)> {
        let id = *self.skimmer.followers.get(self.previous)?;
        let behind = text.strip_prefix(self.names.path(id))?;
        self.plain_line(id, text.len() - behind.len(), behind)
    }

    /// The line if its path is known.
    fn known(&self, text: &[u8]) -> Option<(NameId, usize)> {
        let (path, behind) = text.split_at_checked(memchr(b' ', text)?)?;
        self.plain_line(self.names.find(path)?, path.len(), behind)
    }

    fn plain_line(&self, id: NameId, path_bytes: usize, behind: &[u8]) -> Option<(NameId, usize)> {
        let length = path_bytes + plain_line_end(behind)?;
        self.names.is_plain(id).then_some((id, length))
    }

    /// `None` if a line before is restored under the same name.
    fn add_plain(&mut self, id: NameId) -> Option<()> {
        let skimmer = &mut *self.skimmer;
        let seen = skimmer.seen.get_mut(self.names.first(id).index())?;
        if mem::replace(seen, skimmer.turn) == skimmer.turn {
            return None;
        }
        *skimmer.followers.get_mut(self.previous)? = id;
        self.previous = id.index() + 1;
        self.plain.push(id);
        Some(())
    }

    /// Whether the other files may stand in this meta file: their names are neither another's nor of another backup.
    fn fit_together(&self, id: BackupId) -> bool {
        let mut restored = HashSet::with_capacity(self.others.len());
        self.others.iter().all(|file| {
            let name = file.path.restored_name();
            let first = self.names.first_restored_as(&name);
            let seen = first.and_then(|first| self.skimmer.seen.get(first.index()));
            let is_anothers = matches!(&file.path, RepoPath::Private(path) if path.backup() != id);
            !is_anothers && seen != Some(&self.skimmer.turn) && restored.insert(name)
        })
    }

    fn finish(self, id: BackupId, head: MetaHead, pieces: &Pieces<'_>) -> Skimmed {
        let meta = BackupMeta {
            head,
            files: self.others,
            footer_fields: Vec::new(),
        };
        Skimmed {
            loaded: LoadedMeta {
                id,
                meta,
                crc32c: pieces.crc32c(),
                size_bytes: pieces.size_bytes(),
            },
            places: self.places,
            plain: self.plain,
        }
    }
}
