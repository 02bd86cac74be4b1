//! Chains: nothing is missing, swapped, altered or there twice without its name being said.

use std::io::Read;

use proptest::prelude::*;
use stonekeep::repo::layout;
use stonekeep::repo::stream::chain::Chain;
use stonekeep::repo::stream::chain_reader;
use stonekeep::repo::stream::content::SegmentContent;
use stonekeep::repo::stream::encode::{EncodedSegment, encode};
use stonekeep::repo::stream::join::joined;
use stonekeep::repo::stream::put::put_segment;
use stonekeep::repo::stream::segment_header::SegmentHeader;
use stonekeep::repo::stream::segment_name::{Ordinal, SegmentName};
use stonekeep::repo::stream::stored_segment::StoredSegment;
use stonekeep::repo::stream::stream_id::Token;
use stonekeep::{ErrorKind, Store};

use super::maker::{Maker, store, stream};
use super::stored::put_bytes;

pub(crate) fn read_from(store: &Store, from: u64) -> Chain {
    chain_reader::read(store, stream(), Ordinal(from), 4).unwrap()
}

pub(crate) fn read(store: &Store) -> Chain {
    read_from(store, 0)
}

pub(crate) fn remove(store: &Store, name: SegmentName) {
    store.delete_one(&layout::segment(stream(), name)).unwrap();
}

/// A stream of so many segments, with a WAL for every three.
pub(crate) fn made(store: &Store, count: u64) -> (Maker, Vec<EncodedSegment>) {
    let mut maker = Maker::new();
    let segments = (0..count).map(|at| {
        if at % 3 == 2 {
            maker.switch();
        }
        maker.write(2).put(store)
    });
    let segments = segments.collect();
    (maker, segments)
}

/// The ordinals of each run.
pub(crate) fn runs(chain: &Chain) -> Vec<(u64, u64)> {
    let ends = chain
        .runs
        .iter()
        .map(|run| (run.first().unwrap().0, run.last().unwrap().0));
    ends.collect()
}

/// What is wrong, which is one thing.
pub(crate) fn refusal(chain: &Chain) -> String {
    let error = chain.require_whole().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert_eq!(error.findings().len(), 1);
    error.to_string()
}

#[test]
fn a_stream_is_one_chain() {
    let store = store();
    let (maker, segments) = made(&store, 40);
    let chain = read(&store);
    let run = chain.require_whole().unwrap();
    assert_eq!(run.segments.len(), 40);
    assert_eq!(run.segments.last().unwrap().crc32c, maker.previous.unwrap());
    assert_eq!((&chain.before, &chain.unused[..]), (&None, &[][..]));
    let ordinals: Vec<u64> = chain.parts().map(|part| part.ordinal.0).collect();
    assert_eq!(ordinals, (0..40).collect::<Vec<_>>());
    for (stored, put) in run.segments.iter().zip(&segments) {
        assert_eq!((stored.name(), stored.crc32c), (put.name, put.crc32c));
    }
    assert_eq!(runs(&read_from(&store, 37)), [(37, 39)]);
}

#[test]
fn an_empty_stream_has_no_chain() {
    let chain = read(&store());
    assert_eq!(chain.require_whole().unwrap_err().kind(), ErrorKind::NotFound);
    let error = chain.run_of(Ordinal(3)).unwrap_err();
    assert!(error.to_string().contains("segment 3 is missing"), "{error}");
}

#[test]
fn a_missing_segment_is_named() {
    let store = store();
    let (_, segments) = made(&store, 8);
    for at in 1..7 {
        remove(&store, segments[at].name);
        let chain = read(&store);
        assert!(refusal(&chain).ends_with(&format!("segment {at} is missing")));
        let at = at as u64;
        assert_eq!(runs(&chain), [(0, at - 1), (at + 1, 7)]);
        assert!(chain.run_of(Ordinal(at)).is_err());
        assert_eq!(chain.run_of(Ordinal(at + 1)).unwrap().last(), Some(Ordinal(7)));
        assert!(put_segment(&store, "run", &segments[at as usize]).unwrap());
    }
    remove(&store, segments[3].name);
    remove(&store, segments[4].name);
    assert!(refusal(&read(&store)).ends_with("segments 3 to 4 are missing"));
}

#[test]
fn what_a_retention_has_removed_is_no_hole() {
    let store = store();
    let (_, segments) = made(&store, 8);
    for segment in &segments[..3] {
        remove(&store, segment.name);
    }
    let chain = read(&store);
    assert_eq!(runs(&chain), [(3, 7)]);
    chain.require_whole().unwrap();
    let error = chain.run_of(Ordinal(2)).unwrap_err();
    assert!(
        error.to_string().ends_with("segments 0 to 2 are missing"),
        "{error}"
    );
    let chain = read_from(&store, 3);
    assert_eq!((chain.before.as_ref(), runs(&chain)), (None, vec![(3, 7)]));
}

#[test]
fn swapped_segments_are_named() {
    let store = store();
    let (_, segments) = made(&store, 6);
    put_bytes(&store, segments[2].name, &segments[3].bytes);
    put_bytes(&store, segments[3].name, &segments[2].bytes);
    let chain = read(&store);
    let error = refusal(&chain);
    assert!(error.contains(&segments[3].name.to_string()), "{error}");
    assert!(error.contains("its header says that it is segment 2"), "{error}");
    assert_eq!(runs(&chain), [(0, 1), (4, 5)]);
}

/// Whoever altered it has given it right checksums.
#[test]
fn an_altered_segment_is_named() {
    let store = store();
    let mut maker = Maker::new();
    for _ in 0..3 {
        maker.write(1).put(&store);
    }
    let (header, raw) = maker.write(1).header();
    let mut other = header.clone();
    other.parts[0].measured.after.wall_ms += 1;
    let [segment, other] = [header, other].map(|header| encode(&header, &mut &*raw).unwrap());
    (maker.previous, maker.next) = (Some(segment.crc32c), 4);
    put_bytes(&store, segment.name, &other.bytes);
    maker.write(1).put(&store);
    let chain = read(&store);
    let error = refusal(&chain);
    assert!(
        error.contains("segment 4 does not follow segment 3: it names the checksum"),
        "{error}"
    );
    assert!(error.contains(&format!("{:#010x}", other.crc32c)), "{error}");
    assert_eq!(runs(&chain), [(0, 3), (4, 4)]);
    put_bytes(&store, segment.name, &segment.bytes);
    read(&store).require_whole().unwrap();
}

#[test]
fn a_doubled_segment_is_named_if_it_is_in_the_place_of_another() {
    let store = store();
    let (_, segments) = made(&store, 5);
    let beside = SegmentName::new(Ordinal(3), Ordinal(3), Token::random()).unwrap();
    put_bytes(&store, beside, &segments[2].bytes);
    let chain = read(&store);
    chain.require_whole().unwrap();
    assert_eq!(chain.unused, [beside]);
    remove(&store, segments[3].name);
    let error = refusal(&read(&store));
    assert!(error.contains(&beside.to_string()), "{error}");
}

#[test]
fn a_damaged_newest_segment_is_not_taken_for_the_end() {
    let store = store();
    let (_, segments) = made(&store, 4);
    put_bytes(&store, segments[3].name, &segments[3].bytes[..100]);
    let chain = read(&store);
    let error = refusal(&chain);
    assert!(error.contains(&segments[3].name.to_string()), "{error}");
    assert_eq!(runs(&chain), [(0, 2)]);
    let mut newer = segments[3].bytes.clone();
    newer[14] = b'2';
    put_bytes(&store, segments[3].name, &newer);
    let error = read(&store).require_whole().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    for segment in &segments[..3] {
        remove(&store, segment.name);
    }
    let error = read(&store).require_whole().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

/// The raw bytes of segments, as a joined one has them.
fn raw_of(store: &Store, segments: &[StoredSegment]) -> Vec<u8> {
    let mut raw = Vec::new();
    for segment in segments {
        let (mut content, mut bytes) = (SegmentContent::open(store, segment).unwrap(), Vec::new());
        while content.next(&mut bytes).unwrap().is_some() {
            raw.extend_from_slice(&bytes);
        }
    }
    raw
}

/// Joins what a chain has from one ordinal to another.
pub(crate) fn join(store: &Store, (first, last): (u64, u64)) -> (SegmentHeader, EncodedSegment) {
    let chain = read(store);
    let mut segments = chain.runs.into_iter().next().unwrap().segments;
    segments.retain(|segment| segment.name().first().0 >= first && segment.name().last().0 <= last);
    let raw = raw_of(store, &segments);
    let header = joined(&segments, Token::random()).unwrap();
    let encoded = encode(&header, &mut (&*raw).take(u64::MAX)).unwrap();
    assert!(put_segment(store, "run", &encoded).unwrap());
    (header, encoded)
}

#[test]
fn a_joined_segment_stands_for_those_that_it_joined() {
    let store = store();
    let (_, segments) = made(&store, 9);
    let small = read(&store);
    let parts: Vec<_> = small.parts().cloned().collect();
    for (first, last) in [(0, 3), (4, 6)] {
        let (header, encoded) = join(&store, (first, last));
        assert_eq!(header.owner.0, 1);
        // Both forms are there: then the joined one is taken, else whichever is there.
        for with_small in [true, false] {
            if !with_small {
                segments[first as usize..=last as usize]
                    .iter()
                    .for_each(|it| remove(&store, it.name));
            }
            let chain = read(&store);
            let run = chain.require_whole().unwrap();
            assert!(run.segments.iter().any(|it| it.name() == encoded.name));
            assert!(chain.parts().eq(&parts));
            assert_eq!(
                chain.unused.len() as u64,
                if with_small { last - first + 1 } else { 0 }
            );
        }
    }
    // Joined ones are joined again.
    let (header, _) = join(&store, (0, 7));
    assert_eq!(header.parts.len(), 8);
    assert_eq!(header.last_crc32c, Some(segments[7].crc32c));
    let chain = read(&store);
    assert_eq!(chain.require_whole().unwrap().segments.len(), 2);
    assert!(chain.parts().eq(&parts));
    assert_eq!(runs(&read_from(&store, 5)), [(0, 8)]);
}

#[test]
fn a_damaged_joined_segment_is_no_harm_while_the_small_ones_are_there() {
    let store = store();
    let (_, segments) = made(&store, 6);
    let (_, encoded) = join(&store, (1, 4));
    put_bytes(&store, encoded.name, b"stonekeep-wal 1");
    read(&store).require_whole().unwrap();
    remove(&store, segments[3].name);
    let error = refusal(&read(&store));
    assert!(error.contains(&encoded.name.to_string()), "{error}");
}

#[test]
fn only_what_follows_each_other_is_joined() {
    let store = store();
    made(&store, 5);
    let chain = read(&store);
    let mut segments = chain.runs.into_iter().next().unwrap().segments;
    assert!(joined(&segments[..1], Token::random()).is_err());
    segments.remove(2);
    let error = joined(&segments, Token::random()).unwrap_err();
    assert!(
        error.to_string().contains("segment 3 does not follow segment 1"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is removed: the runs are what is left, and every hole has a name.
    #[test]
    fn any_segments_may_be_missing(count in 1..14u64, missing in proptest::collection::vec(any::<bool>(), 14)) {
        let store = store();
        let (_, segments) = made(&store, count);
        let mut expected: Vec<(u64, u64)> = Vec::new();
        for (at, segment) in segments.iter().enumerate() {
            let at = at as u64;
            match expected.last_mut() {
                _ if missing[at as usize] => remove(&store, segment.name),
                Some((_, last)) if *last + 1 == at => *last = at,
                _ => expected.push((at, at)),
            }
        }
        let chain = read(&store);
        prop_assert_eq!(runs(&chain), expected.clone());
        for pair in expected.windows(2) {
            let (last, first) = (pair[0].1 + 1, pair[1].0 - 1);
            let error = chain.run_of(Ordinal(last)).unwrap_err().to_string();
            let named = if first == last { format!("segment {last} is missing") } else { format!("segments {last} to {first} are missing") };
            prop_assert!(error.ends_with(&named), "{}", error);
        }
    }
}
