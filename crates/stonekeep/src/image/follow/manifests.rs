//! The MANIFESTs of a followed database, from one to the next.

use std::collections::BTreeMap;
use std::time::Duration;

use stonekeep_format::FileNumber;
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::{DatabaseState, TableFile};

use super::inspection::Inspection;
use super::manifest_tail::ManifestTail;
use super::position::ManifestPosition;
use super::tick::{Break, BreakKind};
use crate::image::directory::Directory;
use crate::image::manifest::Current;
use crate::image::no_database::no_database;
use crate::image::pinned::Pinned;
use crate::{Error, ErrorKind, Observer, Result};

/// How often a MANIFEST that looks damaged is read again: a write may be under way.
const LOOKS: u32 = 4;

/// How much longer to wait before each such look.
const PAUSE: Duration = Duration::from_millis(5);

/// The MANIFEST that is followed, and newer ones that were found.
#[derive(Debug)]
pub(super) struct Manifests {
    tail: ManifestTail,
    newer: BTreeMap<FileNumber, Pinned>,
}

impl Manifests {
    /// Begins at this position; what comes behind it is new. If the MANIFEST of the position is not among those that were found, or has no edit
    /// that ends there, one was missed: then it begins at the end of the newest one, with a break.
    ///
    /// # Errors
    /// `Corrupt` if a MANIFEST is damaged, `NotFound` if there is none.
    pub(super) fn begin(
        source: &Directory,
        mut found: BTreeMap<FileNumber, Pinned>,
        position: ManifestPosition,
        inspection: &mut Inspection,
        observer: &dyn Observer,
    ) -> Result<Manifests> {
        if let Some(file) = found.remove(&position.number) {
            let mut tail = ManifestTail::new(position.number, file.clone());
            let newer = found.split_off(&position.number);
            if file.length()? >= position.bytes
                && tail.read_to(position.bytes, observer, &mut |_| {}).is_ok()
                && tail.position() == position
            {
                inspection.begin(tail.state());
                return Ok(Manifests { tail, newer });
            }
            found = newer;
            found.insert(position.number, file);
        }
        let current = current_number(source)?;
        let newer = found.split_off(&current);
        let mut manifests = Manifests {
            tail: ManifestTail::new(current, open(source, current, &newer)?),
            newer,
        };
        manifests.newer.remove(&current);
        manifests.tail.read_on(observer, &mut |_| {})?;
        let ManifestPosition { number, bytes } = manifests.tail.position();
        let text = format!(
            "MANIFEST {} cannot be continued: it is gone, or another one",
            position.number
        );
        inspection
            .breaks
            .push(Break::in_manifest(BreakKind::MissedManifest, number, bytes, text));
        inspection.begin(manifests.tail.state());
        Ok(manifests)
    }

    /// The state, as far as it was read.
    pub(super) fn state(&self) -> &DatabaseState {
        self.tail.state()
    }

    /// How far it was read.
    pub(super) fn position(&self) -> ManifestPosition {
        self.tail.position()
    }

    /// Whether this MANIFEST was found, or is not needed.
    pub(super) fn knows(&self, number: FileNumber) -> bool {
        number <= self.tail.number() || self.newer.contains_key(&number)
    }

    /// A MANIFEST was found.
    pub(super) fn add(&mut self, number: FileNumber, file: Pinned) {
        if !self.knows(number) {
            self.newer.insert(number, file);
        }
    }

    /// Reads on to the end of the MANIFEST that CURRENT names. All that were made before it have been [added](Manifests::add), as far as they
    /// were found.
    ///
    /// # Errors
    /// `Corrupt` if one is damaged, `Unsupported` if a newer RocksDB wrote it, `Io`.
    pub(super) fn read_on(
        &mut self,
        source: &Directory,
        current: FileNumber,
        inspection: &mut Inspection,
        observer: &dyn Observer,
    ) -> Result<()> {
        self.follow(source, inspection, observer)?;
        while self.tail.number() < current {
            let next = self
                .newer
                .keys()
                .next()
                .copied()
                .filter(|number| *number < current);
            let next = next.unwrap_or(current);
            let file = open(source, next, &self.newer)?;
            self.newer.remove(&next);
            let old = std::mem::replace(&mut self.tail, ManifestTail::new(next, file));
            self.follow_from_snapshot(&old, inspection, observer)?;
        }
        Ok(())
    }

    fn follow(
        &mut self,
        source: &Directory,
        inspection: &mut Inspection,
        observer: &dyn Observer,
    ) -> Result<()> {
        let mut looks = 0;
        loop {
            match self.tail.read_on(observer, &mut |read| inspection.note(read)) {
                Err(error) if error.kind() == ErrorKind::Corrupt && looks < LOOKS => looks += 1,
                outcome => return outcome,
            }
            source.clock.sleep(PAUSE * looks);
        }
    }

    /// Reads a new MANIFEST, whose snapshot ends where the state is the old one's. Edits of a snapshot have no next file number
    /// (`VersionSet::WriteCurrentStateToManifest`, `db/version_set.cc`).
    fn follow_from_snapshot(
        &mut self,
        old: &ManifestTail,
        inspection: &mut Inspection,
        observer: &dyn Observer,
    ) -> Result<()> {
        let mut is_snapshot = true;
        self.tail.read_on(observer, &mut |read| {
            let may_be_new = read.edit.next_file_number.is_some();
            is_snapshot = is_snapshot && !(may_be_new && have_same_tables(read.before, old.state()));
            if !is_snapshot {
                inspection.note(read);
            }
        })?;
        if is_snapshot && !have_same_tables(self.tail.state(), old.state()) {
            let ManifestPosition { number, bytes } = self.tail.position();
            let text = format!(
                "MANIFEST {number} does not begin with the state of MANIFEST {}",
                old.number()
            );
            inspection
                .breaks
                .push(Break::in_manifest(BreakKind::MissedManifest, number, bytes, text));
            inspection.begin(self.tail.state());
        }
        Ok(())
    }

    /// Whether the MANIFEST that is followed is the very file that has its name.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn is_in_place(&self) -> Result<bool> {
        self.tail.is_in_place()
    }
}

/// The number of the MANIFEST that CURRENT names.
///
/// # Errors
/// `NotFound` or `Corrupt` without a CURRENT, or if it is malformed.
pub(super) fn current_number(source: &Directory) -> Result<FileNumber> {
    let current = Current::read(&source.path)?;
    let current = current.ok_or_else(|| no_database(&source.path))?;
    current.manifest_number()
}

fn open(source: &Directory, number: FileNumber, found: &BTreeMap<FileNumber, Pinned>) -> Result<Pinned> {
    if let Some(file) = found.get(&number) {
        return Ok(file.clone());
    }
    let path = source.path.join(DbFileName::Manifest(number).to_string());
    let missing = || {
        Error::corrupt(
            path.display().to_string(),
            "it is missing, though CURRENT names it",
        )
    };
    Pinned::open(&path)?.ok_or_else(missing)
}

/// Whether two states have the same column families with the same tables in the same levels.
fn have_same_tables(a: &DatabaseState, b: &DatabaseState) -> bool {
    let (a, b) = (a.column_families(), b.column_families());
    let counts_are_equal = a.len() == b.len()
        && a.values()
            .zip(b.values())
            .all(|(a, b)| a.tables.len() == b.tables.len());
    counts_are_equal
        && a.values().zip(b.values()).all(|(a, b)| {
            let same = |(a, b): (&TableFile, &TableFile)| (a.number, a.level) == (b.number, b.level);
            a.id == b.id && a.name == b.name && a.tables.values().zip(b.tables.values()).all(same)
        })
}
