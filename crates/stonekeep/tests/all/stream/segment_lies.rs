//! Segments from strangers: lengths, payloads and versions that are not what they say.

use stonekeep::ErrorKind;
use stonekeep::repo::layout;
use stonekeep::repo::stream::encode::EncodedSegment;
use stonekeep::repo::stream::segment_header::{Break, BreakKind, BreakPlace};
use stonekeep::repo::stream::segment_name::{Ordinal, SegmentName};
use stonekeep::repo::stream::stored_segment::StoredSegment;
use stonekeep::repo::stream::stream_id::StreamId;
use stonekeep::store::{Durability, PutContent, PutMode};

use super::maker::{Maker, at, store, stream};
use super::stored::{crc32c, put_bytes, read, read_bytes, refusal, sealed, text_of};

#[test]
fn a_segment_in_the_place_of_another_is_found() {
    let mut maker = Maker::new();
    let segment = maker.write(1).segment();
    let store = store();
    let other = SegmentName::new(Ordinal(1), Ordinal(1), segment.name.token()).unwrap();
    put_bytes(&store, other, &segment.bytes);
    let error = read(&store, other).unwrap_err().to_string();
    assert!(error.contains("its header says that it is segment 0"), "{error}");
    let elsewhere = StreamId::random();
    let key = layout::segment(elsewhere, segment.name);
    let content = PutContent::Bytes(&segment.bytes);
    store
        .put("run", &key, content, PutMode::Replace, Durability::Durable)
        .unwrap();
    let error = StoredSegment::read(&store, elsewhere, segment.name).unwrap_err();
    assert!(error.to_string().contains("it is of the stream"), "{error}");
}

#[test]
fn sizes_that_lie_are_refused_before_anything_is_allocated() {
    let mut maker = Maker::new();
    let segment = maker.write(1).segment();
    let to = maker.end().offset;
    let (text, payload) = text_of(&segment);
    assert_eq!(sealed(&text, &payload), segment.bytes);
    let huge = "18446744073709551615";
    for (change, reason) in [
        (
            text.replace(&format!("\"to\":{to}"), &format!("\"to\":{huge}")),
            "more than the 8589934592",
        ),
        (
            text.replace(&format!("\"to\":{to}"), "\"to\":8589934593"),
            "more than the 8589934592",
        ),
        // Within the limit, but the payload has less.
        (
            text.replace(&format!("\"to\":{to}"), "\"to\":16777216"),
            "the payload ends after",
        ),
        (
            text.replace(&format!("\"to\":{to}"), &format!("\"to\":{}", to - 1)),
            "their checksum is wrong",
        ),
        (
            text.replace("\"from\":0", "\"from\":4096"),
            "end before they begin",
        ),
        (
            text.replace("\"first\":0,\"last\":0", &format!("\"first\":0,\"last\":{huge}")),
            "ordinals that no segment has",
        ),
        (
            text.replace("\"first\":0,\"last\":0", "\"first\":0,\"last\":9999999999999999"),
            "only a joined segment",
        ),
        (
            text.replace("\"records\":1", "\"records\":0"),
            "sequence numbers do not fit",
        ),
        (
            text.replace("\"last_lowest\":1", "\"last_lowest\":2"),
            "smaller sequence number",
        ),
        (
            text.replace("{\"piece\"", "{\"pieces\""),
            "bytes for 0 bytes of files",
        ),
        (
            text.lines().skip(1).map(|line| format!("{line}\n")).collect(),
            "a line cannot be read",
        ),
        (
            text.replace("{\"segment\"", "{\"segments\""),
            "not in their order",
        ),
    ] {
        assert_ne!(change, text, "{reason}");
        let (kind, found) = refusal(&segment, &sealed(&change, &payload));
        assert_eq!(kind, ErrorKind::Corrupt, "{found}");
        assert!(found.contains(reason), "{found}");
    }
}

#[test]
fn lengths_in_the_first_line_that_lie_are_refused() {
    let mut maker = Maker::new();
    let segment = maker.write(1).segment();
    for (at, digits, reason) in [
        (16, "9999999999", "more than the 16777216"),
        (16, "0016777216", "bytes instead of"),
        (16, "+000000001", "its first line is damaged"),
        (27, "999999999999", "bytes instead of"),
    ] {
        let mut bytes = segment.bytes.clone();
        bytes[at..at + digits.len()].copy_from_slice(digits.as_bytes());
        let (kind, found) = refusal(&segment, &bytes);
        assert_eq!(kind, ErrorKind::Corrupt);
        assert!(found.contains(reason), "{found}");
    }
}

/// The payload of a segment, with a header that knows its checksum.
fn with_payload(segment: &EncodedSegment, payload: &[u8]) -> Vec<u8> {
    let (text, old) = text_of(segment);
    let checksum = |bytes: &[u8]| format!("\"payload_crc32c\":{}", crc32c(bytes));
    let changed = text.replace(&checksum(&old), &checksum(payload));
    let length = |bytes: &[u8]| format!("\"payload_bytes\":{}", bytes.len());
    let changed = changed.replace(&length(&old), &length(payload));
    sealed(&changed, payload)
}

#[test]
fn payloads_that_are_not_one_frame_of_the_named_bytes_are_refused() {
    let mut maker = Maker::new();
    let segment = maker.write(2).segment();
    let raw = &maker.wals[&12];
    let frame = |raw: &[u8]| zstd::bulk::compress(raw, 1).unwrap();
    let bomb = frame(&vec![0; 64 << 20]);
    for (payload, reason) in [
        (Vec::new(), "the payload ends after 0 of them"),
        (b"not zstd".to_vec(), "cannot be decompressed"),
        (frame(&raw[1..]), "the payload ends after"),
        (
            frame(&[raw, &b"x"[..]].concat()),
            "more bytes than its header names",
        ),
        (
            [frame(raw), frame(b"x")].concat(),
            "something follows a zstd frame",
        ),
        ([frame(raw), vec![0]].concat(), "something follows a zstd frame"),
        (bomb, "bytes for"),
    ] {
        let (kind, found) = refusal(&segment, &with_payload(&segment, &payload));
        assert_eq!(kind, ErrorKind::Corrupt, "{found}");
        assert!(found.contains(reason), "{found}");
    }
    assert!(read_bytes(&segment, &with_payload(&segment, &frame(raw))).is_ok());
    let (text, payload) = text_of(&segment);
    let lengths = text.replace("\"payload_bytes\":", "\"payload_bytes\":1");
    let (_, found) = refusal(&segment, &sealed(&lengths, &payload));
    assert!(
        found.contains("bytes for") || found.contains("and its parts"),
        "{found}"
    );
}

#[test]
fn unknown_fields_and_lines_are_ignored_and_other_versions_are_refused() {
    let mut maker = Maker::new();
    let segment = maker.write(1).segment();
    let (text, payload) = text_of(&segment);
    let more =
        text.replacen("{\"stonekeep_wal\":1,", "{\"stonekeep_wal\":1,\"later\":[1],", 1) + "{\"later\":{}}\n";
    let (stored, _) = read_bytes(&segment, &sealed(&more, &payload)).unwrap();
    assert_eq!(stored.header.parts[0].pieces.len(), 1);
    let newer = text.replacen("{\"stonekeep_wal\":1,", "{\"stonekeep_wal\":2,", 1);
    let (kind, found) = refusal(&segment, &sealed(&newer, &payload));
    assert_eq!(kind, ErrorKind::Unsupported);
    assert!(found.contains("has version 2"), "{found}");
    let mut bytes = segment.bytes;
    bytes[14] = b'2';
    let key = layout::segment(stream(), segment.name);
    let store = store();
    put_bytes(&store, segment.name, &bytes);
    let error = StoredSegment::read(&store, stream(), segment.name).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains(key.as_str()), "{error}");
}

#[test]
fn a_break_of_a_later_version_is_a_break() {
    let mut maker = Maker::new();
    maker.write(1).add_break(Break {
        kind: BreakKind::WalEnd,
        place: BreakPlace::Wal(at(12, 0)),
        last_sequence: None,
        text: String::new(),
    });
    let segment = maker.segment();
    let (text, payload) = text_of(&segment);
    let later = text.replace("\"wal_end\"", "\"solar_flare\"");
    assert_ne!(later, text);
    let (stored, _) = read_bytes(&segment, &sealed(&later, &payload)).unwrap();
    assert_eq!(stored.header.parts[0].breaks[0].kind, BreakKind::Unknown);
}
