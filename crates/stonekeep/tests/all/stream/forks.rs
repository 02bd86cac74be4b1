//! Chains where two followers have written at the same time.

use stonekeep::repo::stream::segment_name::Ordinal;
use stonekeep::repo::stream::stream_id::Token;

use super::chains::{made, read, refusal, remove, runs};
use super::maker::{Maker, store};

/// A follower that goes on as another one of this owner number.
fn other(maker: &Maker, owner: u64) -> Maker {
    let mut other = Maker::new();
    (other.owner, other.token) = (owner, Token::random());
    (other.next, other.previous, other.sequence) = (maker.next, maker.previous, maker.sequence);
    other
}

#[test]
fn the_highest_owner_continues_the_stream() {
    let store = store();
    let (mut old, _) = made(&store, 4);
    let mut new = other(&old, 2);
    // The old one does not know yet that it has lost the stream, and gets further.
    let zombies: Vec<_> = (0..5).map(|_| old.write(1).put(&store).name).collect();
    let continued: Vec<_> = (0..3).map(|_| new.write(2).put(&store).name).collect();
    let chain = read(&store);
    let run = chain.require_whole().unwrap();
    let names: Vec<_> = run.segments.iter().map(|segment| segment.name()).collect();
    assert_eq!(names[4..], continued);
    assert_eq!(chain.unused, zombies);
}

#[test]
fn of_two_segments_the_one_that_is_named_belongs_to_the_chain() {
    let store = store();
    let (mut one, _) = made(&store, 3);
    let mut other = other(&one, 1);
    let lost = other.write(3).put(&store).name;
    let kept = one.write(1).put(&store).name;
    one.write(1).put(&store);
    let chain = read(&store);
    assert_eq!(chain.require_whole().unwrap().segments[3].name(), kept);
    assert_eq!(chain.unused, [lost]);
    // Without the right one, the other one does not take its place.
    remove(&store, kept);
    let chain = read(&store);
    let error = refusal(&chain);
    assert!(error.contains("segment 4 does not follow segment 3"), "{error}");
    assert_eq!(runs(&chain), [(0, 3), (4, 4)]);
}

#[test]
fn two_newest_segments_of_one_owner_are_refused() {
    let store = store();
    let (mut one, _) = made(&store, 3);
    let mut other = other(&one, 1);
    let names = [one.write(1).put(&store).name, other.write(3).put(&store).name];
    let chain = read(&store);
    let error = refusal(&chain);
    assert!(
        names.iter().all(|name| error.contains(&name.to_string())),
        "{error}"
    );
    assert_eq!(runs(&chain), [(0, 2)]);
    assert!(chain.run_of(Ordinal(3)).is_err());
}
