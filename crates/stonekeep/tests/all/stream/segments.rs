//! Segments: what is written is read, and nothing else is.

use proptest::prelude::*;
use stonekeep::format::{Crc32c, FileNumber};
use stonekeep::repo::layout;
use stonekeep::repo::stream::encode::encode;
use stonekeep::repo::stream::listing;
use stonekeep::repo::stream::put::put_segment;
use stonekeep::repo::stream::segment_header::{OptionsFile, SegmentHeader};
use stonekeep::repo::stream::segment_name::{Ordinal, Owner};
use stonekeep::store::{Durability, PutContent, PutMode};
use stonekeep::{ErrorKind, Key};

use super::maker::{Maker, STREAM, store, stream};
use super::stored::{crc32c, read, read_bytes, rich};

#[test]
fn what_is_written_is_read() {
    let (header, raw) = rich();
    let segment = encode(&header, &mut &*raw).unwrap();
    let text = String::from_utf8_lossy(&segment.bytes);
    assert!(text.starts_with("stonekeep-wal 1 0000"), "{text}");
    let store = store();
    assert!(put_segment(&store, "run", &segment).unwrap());
    let (stored, read) = read(&store, segment.name).unwrap();
    assert_eq!(stored.header, header);
    assert_eq!(read, raw);
    assert_eq!(stored.crc32c, segment.crc32c);
    assert_eq!(stored.crc32c, Crc32c(crc32c(&segment.bytes)));
    assert_eq!(stored.end_crc32c(), stored.crc32c);
    let names = listing::list(&store, stream()).unwrap();
    assert_eq!((names.segments, names.unknown), (vec![segment.name], vec![]));
}

#[test]
fn a_segment_without_files_is_read() {
    let mut maker = Maker::new();
    let segment = maker.segment();
    let (stored, raw) = read_bytes(&segment, &segment.bytes).unwrap();
    assert_eq!((stored.header.parts[0].pieces.len(), raw.len()), (0, 0));
}

#[test]
fn a_name_is_given_once() {
    let (store, mut maker) = (store(), Maker::new());
    let segment = maker.write(1).put(&store);
    let again = put_segment(&store, "run", &segment).unwrap();
    assert!(again, "the same bytes are no obstacle");
    let mut other = Maker::new();
    let other = other.write(2).segment();
    assert_eq!(other.name, segment.name);
    assert!(!put_segment(&store, "run", &other).unwrap());
    let key = layout::segment(stream(), segment.name);
    assert_eq!(store.read(&key, 1 << 20).unwrap(), segment.bytes);
}

#[test]
fn other_names_are_unknown() {
    let (store, mut maker) = (store(), Maker::new());
    let segment = maker.write(1).put(&store);
    for path in [
        format!("stonekeep/wal/{STREAM}/owner-3"),
        format!("stonekeep/wal/{STREAM}/0000000000000001"),
        "stonekeep/wal/README/x".to_owned(),
    ] {
        let (key, content) = (Key::new(path).unwrap(), PutContent::Bytes(b"x"));
        store
            .put("run", &key, content, PutMode::IfAbsent, Durability::Durable)
            .unwrap();
    }
    let streams = listing::streams(&store).unwrap();
    assert_eq!(
        (streams.streams, streams.unknown),
        (vec![stream()], vec!["README".to_owned()])
    );
    let names = listing::list(&store, stream()).unwrap();
    assert_eq!(names.segments, [segment.name]);
    assert_eq!(names.owners, [Owner(3)]);
    assert_eq!(names.unknown, ["0000000000000001"]);
}

#[test]
fn any_other_byte_is_found() {
    let (header, raw) = rich();
    let segment = encode(&header, &mut &*raw).unwrap();
    for at in 0..segment.bytes.len() {
        for change in [1, 2, 0x10, 0x20, 0x80, 0xff] {
            let mut bytes = segment.bytes.clone();
            bytes[at] ^= change;
            let error = read_bytes(&segment, &bytes).expect_err(&format!("byte {at} ^ {change:#x}"));
            let is_version = at == "stonekeep-wal ".len() && error.kind() == ErrorKind::Unsupported;
            assert!(
                error.kind() == ErrorKind::Corrupt || is_version,
                "{at}: {error:?}"
            );
            assert!(error.one_line().contains(&segment.name.to_string()), "{error:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Also of a payload of several blocks of zstd.
    #[test]
    fn any_other_byte_of_a_large_segment_is_found(
        seed: u64, at: prop::sample::Index, change in 1..=255u8, length in 0..300_000usize,
    ) {
        let mut state = seed;
        let value: Vec<u8> = (0..length).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 60) as u8
        }).collect();
        let mut maker = Maker::new();
        let segment = maker.write_value(1, &value).segment();
        prop_assert!(read_bytes(&segment, &segment.bytes).is_ok());
        let mut bytes = segment.bytes.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        prop_assert!(read_bytes(&segment, &bytes).is_err(), "byte {at}");
        let cut = read_bytes(&segment, &segment.bytes[..at]);
        prop_assert_eq!(cut.unwrap_err().kind(), ErrorKind::Corrupt);
    }
}

#[test]
fn nothing_is_written_that_would_not_be_read() {
    let (header, raw) = rich();
    let fails = |change: &dyn Fn(&mut SegmentHeader), raw: &[u8]| {
        let mut header = header.clone();
        change(&mut header);
        encode(&header, &mut &*raw)
            .expect_err("it is refused")
            .to_string()
    };
    for (error, reason) in [
        (fails(&|_| {}, &raw[..raw.len() - 1]), "1 bytes are missing"),
        (fails(&|_| {}, &[&[1], &raw[1..]].concat()), "another checksum"),
        (
            fails(&|header| header.parts[0].pieces[1].wal.0 = 11, &raw),
            "come after bytes of WAL 12",
        ),
        (
            fails(&|header| header.parts[0].pieces[1].wal.0 = 12, &raw),
            "follow those that end at",
        ),
        (
            fails(&|header| header.parts[0].ordinal = Ordinal(1), &raw),
            "in the place of segment 0",
        ),
        (
            fails(&|header| header.previous_crc32c = Some(Crc32c(1)), &raw),
            "a segment before it",
        ),
        (
            fails(&|header| header.last_crc32c = Some(Crc32c(1)), &raw),
            "only a joined segment",
        ),
        (
            fails(
                &|header| {
                    header.parts[0].options = Some(OptionsFile {
                        number: FileNumber(7),
                        size_bytes: (64 << 20) + 1,
                        crc32c: Crc32c(0),
                    });
                },
                &raw,
            ),
            "more than 67108864",
        ),
        (
            fails(&|header| header.parts[0].pieces[1].to += 16 << 20, &raw),
            "more than the 16777216",
        ),
    ] {
        assert!(error.contains(reason), "{error}");
    }
}
