//! Damage in tables: all of it is found, it is named, and it does not hide the rest.

use std::env;

use proptest::prelude::*;
use stonekeep_format::checksum::ChecksumType;
use stonekeep_format::sst::walk::WalkOptions;
use stonekeep_format::sst::{Footer, ReadError};

use crate::sst_walk::{Fixture, Seen, fixtures, walk, walk_with};

/// Every so many bytes one bit is changed, unless `STONEKEEP_ALL_STEPS` asks for every bit.
const STRIDE: usize = 211;

fn fixture(name: &str) -> Fixture {
    let found = fixtures().into_iter().find(|fixture| fixture.name == name);
    found.unwrap_or_else(|| panic!("{name} is not there"))
}

fn is_found(file: &[u8]) -> bool {
    let (summary, seen) = walk(file);
    summary.is_err() || !seen.findings.is_empty()
}

/// Where no change can be found: footers before format version 6 have no checksum, and the number of the version decides nothing that
/// the properties do not say.
fn is_version(footer: &Footer, file: &[u8], at: usize) -> bool {
    let version_at = file.len() - 12;
    (1..6).contains(&footer.format_version) && (version_at..version_at + 4).contains(&at)
}

#[test]
fn every_changed_bit_is_found() {
    let all = env::var_os("STONEKEEP_ALL_STEPS").is_some_and(|value| value == "1");
    for (number, Fixture { name, file, .. }) in fixtures().into_iter().enumerate() {
        let footer = Footer::decode(&file, file.len() as u64).unwrap();
        if footer.checksum == ChecksumType::None {
            continue;
        }
        let (first, step, bits) = if all {
            (0, 1, 0..8)
        } else {
            (number % STRIDE, STRIDE, 0..1)
        };
        for at in (first..file.len()).step_by(step) {
            for bit in bits.clone() {
                let mut damaged = file.clone();
                damaged[at] ^= 1 << ((at + number + bit) % 8);
                let may_hide = is_version(&footer, &file, at);
                assert!(
                    is_found(&damaged) || may_hide,
                    "{name}: bit {} of byte {at}",
                    (at + number + bit) % 8
                );
            }
        }
    }
}

#[test]
fn a_table_that_was_cut_short_has_no_footer() {
    for Fixture { name, file, .. } in fixtures().into_iter().step_by(5) {
        for len in (0..file.len()).step_by(97).chain([file.len() - 1]) {
            let (summary, _) = walk(&file[..len]);
            assert!(
                matches!(summary, Err(ReadError::Format(_))),
                "{name}: {len} bytes"
            );
        }
    }
}

/// The finding names block and keys, and everything else is read.
#[test]
fn a_damaged_data_block_is_named_with_its_keys() {
    let Fixture { file, .. } = fixture("types-v5-11.8.1");
    let whole = walk(&file).1;
    let block = whole
        .blocks
        .iter()
        .filter(|block| block.kind.to_string() == "data block")
        .nth(3);
    let handle = block.unwrap().handle;
    let mut damaged = file.clone();
    damaged[handle.offset as usize + 20] ^= 0x10;
    let (summary, seen) = walk(&damaged);
    let summary = summary.unwrap();
    let [finding] = seen.findings.as_slice() else {
        panic!("{:?}", seen.findings);
    };
    let start = format!(
        "data block, {handle}, keys user02/item021 to user03/item003: table file at byte {}: the block's checksum is ",
        handle.offset
    );
    assert!(finding.starts_with(&start), "{finding}");
    assert_eq!((summary.damaged, summary.unchecked), (1, 0));
    assert_eq!(whole.blocks.len(), seen.blocks.len());
    let lost = whole
        .entries
        .iter()
        .filter(|entry| !seen.entries.contains(entry))
        .count();
    assert_eq!(whole.entries.len() - lost, seen.entries.len());
    assert!(lost > 5 && lost < 40, "{lost}");
}

/// A part of the index takes the data blocks with it that it names, and no others.
#[test]
fn a_damaged_part_of_the_index_is_named_with_its_keys() {
    let Fixture { file, .. } = fixture("two-level-v7-11.8.1");
    let whole = walk(&file).1;
    let parts: Vec<_> = whole
        .blocks
        .iter()
        .filter(|block| block.kind.to_string() == "index block")
        .collect();
    assert!(parts.len() > 2);
    let handle = parts[1].handle;
    let mut damaged = file.clone();
    damaged[handle.offset as usize + 3] ^= 1;
    let (summary, seen) = walk(&damaged);
    assert_eq!(seen.findings.len(), 1, "{:?}", seen.findings);
    assert!(seen.findings[0].starts_with(&format!("index block, {handle}, keys user")));
    assert_eq!(summary.unwrap().damaged, 1);
    assert!(!seen.entries.is_empty() && seen.entries.len() < whole.entries.len());
    assert_eq!(seen.entries.last(), whole.entries.last());
}

/// Two blocks that changed places are right by their own checksums before format version 6, but their keys are not where they should be.
#[test]
fn blocks_in_the_wrong_place_are_found() {
    let Fixture { file, .. } = fixture("aligned-7.8.3");
    let mut swapped = file.clone();
    swapped[..512].copy_from_slice(&file[512..1024]);
    swapped[512..1024].copy_from_slice(&file[..512]);
    let (_, seen) = walk(&swapped);
    assert!(seen.findings.len() >= 2, "{:?}", seen.findings);
}

/// Bytes of nothing, and padding that is not zero.
#[test]
fn unnamed_bytes_are_found() {
    let Fixture { file, .. } = fixture("aligned-11.8.1");
    let mut changed = file.clone();
    changed[511] = 1;
    let (_, seen) = walk(&changed);
    assert_eq!(seen.findings.len(), 1, "{:?}", seen.findings);
    assert!(
        seen.findings[0].starts_with("unnamed bytes, "),
        "{}",
        seen.findings[0]
    );
}

/// What does not fit into the memory is not read, and not called damaged.
#[test]
fn blocks_beyond_the_limit_are_only_checked_for_their_checksum() {
    let Fixture { file, .. } = fixture("blobs-7.8.3");
    for memory_bytes in [0, 400, 1500] {
        let options = WalkOptions::default().with_memory_bytes(memory_bytes);
        let (summary, seen) = walk_with(&file, options, Seen::default());
        assert_eq!(summary.unwrap().damaged, 0);
        assert!(!seen.findings.is_empty());
        assert!(
            seen.errors.iter().all(|error| error.is_unsupported()),
            "{:?}",
            seen.findings
        );
        // Their checksums are.
        let mut damaged = file.clone();
        damaged[10] ^= 1;
        let (summary, seen) = walk_with(&damaged, options, Seen::default());
        let is_reached = seen.blocks.iter().any(|block| block.handle.offset == 0);
        assert_eq!(summary.unwrap().damaged > 0, is_reached, "{:?}", seen.findings);
    }
}

proptest! {
    /// Without checksums every parser sees the damage; none may panic or run without end.
    #[test]
    fn no_damage_makes_a_walk_panic(
        which in 0usize..200,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let fixtures: Vec<Fixture> = fixtures().into_iter().filter(|it| it.name.starts_with("no-checksum")).collect();
        let mut file = fixtures[which % fixtures.len()].file.clone();
        for (at, byte) in changes {
            let at = at.index(file.len() - 53);
            file[at] = byte;
        }
        let _ = walk(&file);
    }

    #[test]
    fn random_bytes_are_no_table(bytes: Vec<u8>) {
        prop_assert!(walk(&bytes).0.is_err());
    }
}
