//! Texts of `stonekeep/`: facts, journals, stamps, drills, holds, claims, deadlines, pins, the hint at the newest backup.
//!
//! The first byte says which text it is, and whether it gets the checksum that it must end with.

#![no_main]

use std::time::SystemTime;

use libfuzzer_sys::fuzz_target;
use stonekeep::format::{BackupId, Crc32c};
use stonekeep::repo::facts::BackupFacts;
use stonekeep::repo::{garbage, holds, ids, journal, latest_hint, partial, pin, verified};
use stonekeep::store::memory::MemoryStore;
use stonekeep::store::{Durability, Key, PutContent, PutMode, Store};
use stonekeep_testkit::sealed_text::seal;

fn store_with(key: &str, text: &[u8]) -> Store {
    let store = Store::from(MemoryStore::new());
    store.create_root(Durability::Buffered).unwrap();
    let key = Key::new(key).unwrap();
    store
        .put(
            "fuzz",
            &key,
            PutContent::Bytes(text),
            PutMode::Replace,
            Durability::Buffered,
        )
        .unwrap();
    store
}

/// A text in the staging area of a run that died.
fn staged(name: &str, text: &[u8]) -> Store {
    let store = Store::from(MemoryStore::new());
    store.create_root(Durability::Buffered).unwrap();
    store.record("6", &Key::new(name).unwrap(), &mut &*text).unwrap();
    store
}

fuzz_target!(|input: &[u8]| {
    let [first, rest @ ..] = input else { return };
    let text = if first & 0x80 == 0x80 {
        seal(rest)
    } else {
        rest.to_vec()
    };
    let now = SystemTime::UNIX_EPOCH;
    match first & 0x7f {
        0 => {
            if let Ok(facts) = BackupFacts::decode("facts", &text) {
                let again = facts.encode().unwrap();
                assert_eq!(BackupFacts::decode("facts", &again).unwrap(), facts);
            }
        }
        1 => drop(verified::read(&store_with("stonekeep/verified/a", &text), now).unwrap()),
        2 => drop(verified::read(&store_with("stonekeep/verified/drill", &text), now).unwrap()),
        3 => drop(holds::read(
            &store_with("stonekeep/holds/7-0000abcd", &text),
            now,
            1,
        )),
        4 => drop(garbage::deleted(&store_with(
            "stonekeep/deleted/7-0000abcd",
            &text,
        ))),
        5 => drop(pin::all(&store_with("stonekeep/pins/a-b", &text))),
        6 => drop(latest_hint::find(&store_with("stonekeep/latest", &text))),
        7 => {
            let store = store_with("stonekeep/ids/7", &text);
            let id = BackupId::new(7).unwrap();
            let _ = ids::is_claimed_for_copy(&store, id, (Crc32c(0), 0));
        }
        _ => {
            let is_journal = first & 1 == 1;
            let store = staged(
                if is_journal {
                    "journal/00000000"
                } else {
                    "partial/0"
                },
                &text,
            );
            for leftover in store.leftovers().unwrap() {
                let _ = journal::read(&store, &leftover).unwrap();
                let _ = partial::read(&store, &leftover).unwrap();
            }
        }
    }
});
