//! Puts bytes in the place of segments, and reads them.

use stonekeep::format::FileNumber;
use stonekeep::repo::layout;
use stonekeep::repo::stream::content::SegmentContent;
use stonekeep::repo::stream::encode::EncodedSegment;
use stonekeep::repo::stream::raw_record::RawRecord;
use stonekeep::repo::stream::segment_header::{
    Break, BreakKind, BreakPlace, Edit, ManifestPosition, SegmentHeader,
};
use stonekeep::repo::stream::segment_name::SegmentName;
use stonekeep::repo::stream::stored_segment::StoredSegment;
use stonekeep::store::{Durability, PutContent, PutMode};
use stonekeep::{ErrorKind, Result, Store};

use super::maker::{Maker, sequence, store, stream};

pub(crate) fn put_bytes(store: &Store, name: SegmentName, bytes: &[u8]) {
    let key = layout::segment(stream(), name);
    let content = PutContent::Bytes(bytes);
    store
        .put("run", &key, content, PutMode::Replace, Durability::Durable)
        .unwrap();
}

/// The header of a segment, and all that it holds.
pub(crate) fn read(store: &Store, name: SegmentName) -> Result<(StoredSegment, Vec<u8>)> {
    let segment = StoredSegment::read(store, stream(), name)?;
    let (mut raw, mut bytes) = (Vec::new(), Vec::new());
    let mut content = SegmentContent::open(store, &segment)?;
    while let Some(item) = content.next(&mut bytes)? {
        assert_eq!(item.size_bytes(), bytes.len() as u64);
        raw.extend_from_slice(&bytes);
    }
    Ok((segment, raw))
}

pub(crate) fn read_bytes(segment: &EncodedSegment, bytes: &[u8]) -> Result<(StoredSegment, Vec<u8>)> {
    let store = store();
    put_bytes(&store, segment.name, bytes);
    read(&store, segment.name)
}

pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    stonekeep::format::checksum::crc32c(bytes).0
}

/// A segment with this header text and payload, with right lengths and checksums.
pub(crate) fn sealed(header: &str, payload: &[u8]) -> Vec<u8> {
    let lines = header.lines().count();
    let end = format!(
        "{{\"end\":{{\"lines\":{lines},\"crc32c\":{}}}}}\n",
        crc32c(header.as_bytes())
    );
    let text = [header, &end].concat();
    let line = format!("stonekeep-wal 1 {:010} {:012}\n", text.len(), payload.len());
    [line.as_bytes(), text.as_bytes(), payload].concat()
}

/// The text of a header, of which the payload has this checksum.
pub(crate) fn text_of(segment: &EncodedSegment) -> (String, Vec<u8>) {
    let header_bytes: usize = std::str::from_utf8(&segment.bytes[16..26])
        .unwrap()
        .parse()
        .unwrap();
    let text = std::str::from_utf8(&segment.bytes[40..40 + header_bytes]).unwrap();
    let end = text.find("{\"end\":{\"lines\"").unwrap();
    (
        text[..end].to_owned(),
        segment.bytes[40 + header_bytes..].to_vec(),
    )
}

pub(crate) fn refusal(segment: &EncodedSegment, bytes: &[u8]) -> (ErrorKind, String) {
    let error = read_bytes(segment, bytes).unwrap_err();
    (error.kind(), error.one_line())
}

/// A segment with something of everything.
pub(crate) fn rich() -> (SegmentHeader, Vec<u8>) {
    let mut maker = Maker::new();
    maker
        .write(3)
        .write(2)
        .switch()
        .write(1)
        .options(7, b"[Version]\n");
    maker.add_break(Break {
        kind: BreakKind::SequenceGap,
        place: BreakPlace::Wal(maker.end()),
        last_sequence: Some(sequence(6)),
        text: "sequence number 9 comes where 7 is expected".to_owned(),
    });
    let (mut header, raw) = maker.header();
    let end = ManifestPosition {
        number: FileNumber(5),
        offset: 1024,
    };
    header.parts[0].edits.push(Edit {
        end,
        record: RawRecord(vec![0xc9, 0, 0xff]),
    });
    header.parts[0].breaks.push(Break {
        kind: BreakKind::Ingest,
        place: BreakPlace::Manifest(end),
        last_sequence: None,
        text: String::new(),
    });
    (header, raw)
}
