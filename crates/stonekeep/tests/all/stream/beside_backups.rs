//! What a follower puts while backups take its staging area for that of a run that died.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use stonekeep::LocalStore;
use stonekeep::repo::stream::owner::claim;
use stonekeep::repo::stream::segment_name::Owner;
use stonekeep::repo::stream::stream_id::{StreamId, Token};
use stonekeep::store::{Durability, Store};

const PUTS: u32 = 200;
/// Fewer than there are attempts.
const DISCARDED_OF_EACH: u32 = 5;

#[test]
fn a_put_is_repeated_when_its_staging_area_is_discarded() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::from(LocalStore::new(directory.path()));
    store.create_root(Durability::Durable).unwrap();
    let area = directory.path().join("stonekeep/tmp/follow-run");
    let (put, done) = (AtomicU32::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut at, mut discarded) = (0, 0);
            while !done.load(Ordering::Relaxed) {
                let now = put.load(Ordering::Relaxed);
                if now != at {
                    (at, discarded) = (now, 0);
                }
                if discarded < DISCARDED_OF_EACH && fs::remove_dir_all(&area).is_ok() {
                    discarded += 1;
                }
            }
        });
        let stream = StreamId::random();
        let outcomes: Vec<_> = (1..=PUTS)
            .map(|owner| {
                let outcome = claim(&store, "follow-run", stream, Owner(owner.into()), Token::random());
                put.store(owner, Ordering::Relaxed);
                outcome.map_err(|error| error.to_string())
            })
            .collect();
        done.store(true, Ordering::Relaxed);
        let failed: Vec<_> = outcomes.iter().filter(|outcome| **outcome != Ok(true)).collect();
        assert!(failed.is_empty(), "{failed:?}");
    });
}
