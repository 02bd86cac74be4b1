//! Atomic groups: edits that count together or not at all.

use stonekeep_format::manifest::{GroupBuffer, VersionEdit};

fn grouped(remaining: Option<u32>) -> VersionEdit {
    VersionEdit {
        atomic_group_remaining: remaining,
        ..VersionEdit::default()
    }
}

#[test]
fn groups_count_when_they_are_complete() {
    let mut groups = GroupBuffer::default();
    assert_eq!(groups.push(grouped(None), 1).unwrap().len(), 1);
    assert_eq!(groups.push(grouped(Some(2)), 2).unwrap(), []);
    assert_eq!(groups.push(grouped(Some(1)), 3).unwrap(), []);
    assert!(!groups.is_empty());
    let group = groups.push(grouped(Some(0)), 4).unwrap();
    let offsets: Vec<u64> = group.iter().map(|placed| placed.offset).collect();
    assert_eq!(offsets, [2, 3, 4]);
    assert!(groups.is_empty());
    assert_eq!(
        groups.push(grouped(Some(0)), 5).unwrap().len(),
        1,
        "a group of one"
    );
}

#[test]
fn groups_that_do_not_count_down_are_corrupt() {
    for wrong in [None, Some(0), Some(2), Some(3), Some(u32::MAX)] {
        let mut groups = GroupBuffer::default();
        groups.push(grouped(Some(2)), 0).unwrap();
        let error = groups.push(grouped(wrong), 50).unwrap_err();
        assert_eq!(
            error.to_string(),
            "MANIFEST at byte 50: an atomic group breaks off with 2 edits missing"
        );
    }
}
