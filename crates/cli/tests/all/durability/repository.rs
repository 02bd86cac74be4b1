//! The judge of a repository that is found after a power failure.

use std::path::Path;

use stonekeep::Quiet;
use stonekeep::engine::verify::VerifyLevel;
use stonekeep::engine::{BackupEngineOptions, BackupEngineReadOnly};
use stonekeep::format::BackupId;
use stonekeep::repo::facts::FileFacts;
use stonekeep::repo::{catalog, facts_reader, journal};
use stonekeep::store::memory::MemoryStore;
use stonekeep::store::{Durability, Key, PutMode, Store};
use stonekeep_testkit::syscall_trace::Files;

/// The directory of the repository, from the root of the record.
pub(super) const REPOSITORY: &str = "repo";
const STAGING: &str = "stonekeep/tmp/";

/// What has to be there, whatever happens.
#[derive(Clone, Copy, Default)]
pub(super) struct Expected<'a> {
    /// Backups that are there in any case.
    pub(super) always: &'a [u32],
    /// Backups that are being deleted.
    pub(super) deleted: &'a [u32],
    /// Backups that nobody has made durable.
    pub(super) unsynced: &'a [u32],
}

impl Expected<'_> {
    /// Judges what is found.
    pub(super) fn judge(&self, found: &Files, when: &str) {
        let (store, ids) = self.judge_backups(found, when);
        assert_journals_hold(&store, when);
        assert_orphans_hold(&store, &ids, when);
    }

    /// Judges the backups alone.
    pub(super) fn judge_backups(&self, found: &Files, when: &str) -> (Store, Vec<u32>) {
        let store = load(found);
        let ids: Vec<u32> = catalog::list(&store)
            .unwrap()
            .ids
            .iter()
            .map(|id| id.get())
            .collect();
        for id in self.always {
            assert!(ids.contains(id), "{when}: backup {id} is lost");
        }
        for id in ids.iter().filter(|id| !self.unsynced.contains(id)) {
            assert_whole(&store, *id, when);
        }
        for id in self.deleted.iter().filter(|id| !ids.contains(id)) {
            assert_recorded(found, *id, when);
        }
        let ever = self.always.iter().chain(self.deleted).chain(&ids);
        let largest = ever.filter(|id| !self.unsynced.contains(id)).max();
        if let Some(largest) = largest {
            assert_claimed(found, *largest, when);
        }
        (store, ids)
    }
}

/// The repository in memory, without locks and pins.
fn load(found: &Files) -> Store {
    let store = Store::from(MemoryStore::new());
    store.create_root(Durability::Durable).unwrap();
    for (path, content) in &found.contents {
        let path = path.to_str().unwrap().strip_prefix(REPOSITORY);
        let Some(path) = path.and_then(|path| path.strip_prefix('/')) else {
            continue;
        };
        if path == "stonekeep/lock" || path.starts_with("stonekeep/pins/") {
            continue;
        }
        let (length, mut content) = (content.len() as u64, &content[..]);
        match path.strip_prefix(STAGING).and_then(|path| path.split_once('/')) {
            Some((area, path)) => {
                let key = Key::new(path).unwrap();
                store
                    .upload(area, &key, &mut content, length, PutMode::IfAbsent)
                    .unwrap();
            }
            None => {
                let key = Key::new(path).unwrap();
                let staged = store
                    .upload("load", &key, &mut content, length, PutMode::IfAbsent)
                    .unwrap();
                let taken = store
                    .finish(vec![(staged, key)], PutMode::IfAbsent, Durability::Durable)
                    .unwrap();
                assert!(taken.is_empty());
            }
        }
    }
    store
}

/// Every byte of the backup is there, and its facts, which came before the meta file.
fn assert_whole(store: &Store, id: u32, when: &str) {
    let engine = BackupEngineReadOnly::open(BackupEngineOptions::default(), store.clone()).unwrap();
    let report = engine.verify_backups(BackupId::new(id).unwrap(), VerifyLevel::Checksum, &Quiet);
    let report = report.unwrap_or_else(|error| panic!("{when}: {}", error.one_line()));
    assert!(report.is_clean(), "{when}: backup {id}: {:?}", report.findings);
    let facts = Key::new(format!("stonekeep/backups/{id}")).unwrap();
    assert!(
        store.stat(&facts).unwrap().is_some(),
        "{when}: backup {id} has no facts"
    );
}

/// As long as anything of a deleted backup is there, a record says whose it is.
fn assert_recorded(found: &Files, id: u32, when: &str) {
    let has = |start: &str| {
        let start = format!("{REPOSITORY}/{start}");
        found
            .contents
            .keys()
            .any(|path| path.to_str().unwrap().starts_with(&start))
    };
    let is_recorded = has(&format!("stonekeep/deleted/{id}-"));
    for rest in [format!("private/{id}/"), format!("stonekeep/backups/{id}")] {
        assert!(
            is_recorded || !has(&rest),
            "{when}: {rest} is there without a record"
        );
    }
}

/// An id that a backup has had is not given again.
fn assert_claimed(found: &Files, id: u32, when: &str) {
    let claims = Path::new(REPOSITORY).join("stonekeep/ids");
    let paths = found.contents.keys();
    let claimed = paths.filter_map(|path| path.strip_prefix(&claims).ok()?.to_str()?.parse::<u32>().ok());
    assert!(claimed.max() >= Some(id), "{when}: id {id} may be given again");
}

/// What a journal calls durable has all its bytes.
fn assert_journals_hold(store: &Store, when: &str) {
    for leftover in store.leftovers().unwrap() {
        let journal = journal::read(store, &leftover).unwrap();
        for (staged, entry) in journal.staged.iter().filter(|(_, entry)| entry.durable) {
            let object = store.open_upload(staged).unwrap();
            let mut content = vec![0; object.size_bytes() as usize];
            object.read_at(&mut content, 0).unwrap();
            let found = crc32c::crc32c(&content);
            assert_eq!(
                found, entry.file.crc32c,
                "{when}: {} in its area",
                entry.file.path
            );
        }
        for entry in journal.gone.iter().filter(|entry| entry.durable) {
            assert_right_if_there(store, &entry.file, when);
        }
    }
}

/// What facts without a meta file call durable has all its bytes, where it is there.
fn assert_orphans_hold(store: &Store, committed: &[u32], when: &str) {
    for entry in store.list(Some(&Key::new("stonekeep/backups").unwrap())).unwrap() {
        let Some(id) = BackupId::parse(&entry.name) else {
            continue;
        };
        if committed.contains(&id.get()) {
            continue;
        }
        let facts = facts_reader::read_orphan(store, id).unwrap();
        for file in facts
            .iter()
            .filter(|facts| facts.durable)
            .flat_map(|facts| &facts.files)
        {
            assert_right_if_there(store, file, when);
        }
    }
}

/// How many files the journals name that lie whole in their areas.
pub(super) fn staged_by_journals(found: &Files) -> usize {
    let store = load(found);
    let leftovers = store.leftovers().unwrap().into_iter();
    leftovers
        .map(|leftover| journal::read(&store, &leftover).unwrap().staged.len())
        .sum()
}

fn assert_right_if_there(store: &Store, file: &FileFacts, when: &str) {
    let key = Key::new(file.path.to_string()).unwrap();
    if store.stat(&key).unwrap().is_some() {
        let content = store.read(&key, 1 << 30).unwrap();
        assert_eq!(crc32c::crc32c(&content), file.crc32c, "{when}: {}", file.path);
    }
}

/// What is durable when a command says that it is done: all but what only running commands need.
pub(super) fn is_lasting(path: &Path) -> bool {
    let passing = ["stonekeep/tmp", "stonekeep/pins", "stonekeep/lock"];
    !passing.iter().any(|passing| path.starts_with(passing))
}
