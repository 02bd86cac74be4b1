//! The demo's committed database contains what its maker writes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use stonekeep_proof::oracle::{self, OpenOptions};
use stonekeep_proof::sample;

fn committed(state: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../cli/sample")
        .join(state)
}

#[test]
fn both_committed_states_hold_what_their_maker_writes() {
    let scratch = tempfile::tempdir().unwrap();
    let expected = sample::make(scratch.path()).unwrap();
    for (state, expected) in [sample::STATE_1, sample::STATE_2].into_iter().zip(expected) {
        let found = oracle::dump(&committed(state), &OpenOptions::default()).unwrap();
        oracle::equal(&expected, &found, state).unwrap();
    }
}

#[test]
fn the_states_share_their_tables() {
    let tables = |state: &str| -> BTreeSet<(String, Vec<u8>)> {
        std::fs::read_dir(committed(state))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "sst"))
            .map(|path| {
                (
                    path.file_name().unwrap().to_string_lossy().into_owned(),
                    std::fs::read(path).unwrap(),
                )
            })
            .collect()
    };
    let (first, second) = (tables(sample::STATE_1), tables(sample::STATE_2));
    assert!(first.is_subset(&second));
    assert_eq!((first.len(), second.len()), (6, 7));
}
