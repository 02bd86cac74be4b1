//! What the MANIFESTs of the verified backups say of the files that they share.

use std::collections::HashMap;

use stonekeep_format::BackupId;
use stonekeep_format::file_name::DbFileName;
use stonekeep_format::manifest::DatabaseState;

use super::claims::Claim;
use crate::engine::deep::Record;

/// Each record once, however many backups have it.
#[derive(Debug, Default)]
pub(super) struct RecordedFiles {
    /// The places of the backups in the order in which they were added.
    places: HashMap<BackupId, u32>,
    by_name: HashMap<DbFileName, Vec<Shared>>,
    /// Whether these are all backups that there are: what all of them contradict is wrong for every one.
    pub(super) is_of_all: bool,
}

/// A record and the backups that have it: from one place to another, since a file rarely comes back.
#[derive(Debug)]
struct Shared {
    record: Record,
    places: Vec<(u32, u32)>,
}

impl Shared {
    fn add(&mut self, place: u32) {
        match self.places.last_mut() {
            Some((_, last)) if *last + 1 == place => *last = place,
            _ => self.places.push((place, place)),
        }
    }

    fn has(&self, place: u32) -> bool {
        self.places
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&place))
    }
}

impl RecordedFiles {
    /// Adds what the MANIFEST of a backup says.
    pub(super) fn add(&mut self, id: BackupId, state: &DatabaseState) {
        let next = self.places.len() as u32;
        let place = *self.places.entry(id).or_insert(next);
        for (name, record) in Record::all_of(state) {
            let known = self.by_name.entry(name).or_default();
            match known.iter_mut().find(|shared| shared.record == record) {
                Some(shared) => shared.add(place),
                None => known.push(Shared {
                    record,
                    places: vec![(place, place)],
                }),
            }
        }
    }

    /// What is said of a file, each with the backups that say it.
    pub(super) fn of(&self, claim: &Claim, name: &DbFileName) -> Vec<(&Record, Vec<BackupId>)> {
        let records = self.by_name.get(&Record::name_of(name));
        let with_ids = records.into_iter().flatten().map(|shared| {
            let says = |id: &BackupId| self.places.get(id).is_some_and(|place| shared.has(*place));
            (
                &shared.record,
                claim.ids().filter(says).collect::<Vec<BackupId>>(),
            )
        });
        with_ids.filter(|(_, ids)| !ids.is_empty()).collect()
    }
}
