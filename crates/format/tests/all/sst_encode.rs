//! Table files that this crate makes, and the reads that they cost.

use proptest::prelude::*;
use stonekeep_format::sst::{MAX_META_BLOCK_BYTES, ReadError, TableProperties, read_tail};
use stonekeep_format::{ColumnFamilyId, FileNumber, SequenceNumber};
use stonekeep_format_testkit::table::{encode_minimal_table, encode_table_of_size};
use stonekeep_format_testkit::whole_table::encode_whole_table;

use crate::sst_fixtures::{read, read_counted, tables};
use crate::sst_walk::walk;

fn sample() -> TableProperties {
    TableProperties {
        db_id: Some("27ce11ce-9be7-432f-a05a-5e4fe1dd3666".into()),
        db_session_id: Some("ICF4BQEOE5W70QJNTY25".into()),
        orig_file_number: Some(FileNumber(18)),
        column_family_id: Some(ColumnFamilyId::DEFAULT),
        num_entries: Some(1000),
        ..TableProperties::default()
    }
}

#[test]
fn what_rocksdb_wrote_survives_our_encoder() {
    for (name, file) in tables() {
        let properties = read(&file).expect("RocksDB wrote it").properties;
        let ours = read(&encode_minimal_table(&properties, b"payload")).expect("we wrote it");
        assert_eq!(ours.properties, properties, "{name}");
    }
}

#[test]
fn a_table_has_the_size_that_was_asked_for() {
    let bare = encode_minimal_table(&sample(), b"").len();
    assert_eq!(encode_table_of_size(&sample(), bare + 8), None);
    for size in [9, 10, 136, 137, 138, 139, 140, 16_390, 16_400, 3_000_000].map(|more| bare + more) {
        let file = encode_table_of_size(&sample(), size).expect("large enough");
        assert_eq!(file.len(), size);
        assert_eq!(read(&file).expect("we wrote it").properties, sample());
    }
}

#[test]
fn a_whole_table_has_the_size_that_was_asked_for_and_nothing_is_wrong_with_it() {
    let key = |n: u64| [&n.to_be_bytes()[..], &(((20 - n) << 8) | 1).to_le_bytes()].concat();
    let keys: Vec<Vec<u8>> = (0..10).map(key).collect();
    let fill = |value: &mut [u8]| value.fill(7);
    assert_eq!(encode_whole_table(&sample(), &keys, 400, fill), None);
    for size in (700..1_100).chain([16_990, 17_000, 20_000, 1_000_000]) {
        let file = encode_whole_table(&sample(), &keys, size, fill).expect("large enough");
        assert_eq!(file.len(), size);
        let (summary, seen) = walk(&file);
        assert_eq!(
            seen.errors.iter().filter(|error| !error.is_unsupported()).count(),
            0,
            "{size}"
        );
        let summary = summary.expect("a table");
        assert_eq!(
            (summary.counts.entries, summary.is_complete),
            (10, true),
            "{size}"
        );
    }
}

#[test]
fn one_read_at_the_end_mostly_covers_the_properties() {
    for payload_len in [0, 100, 4095, 4096, 8192, 1_000_000] {
        let file = encode_minimal_table(&sample(), &vec![7; payload_len]);
        let (result, reads) = read_counted(&file);
        assert_eq!(result.expect("we wrote it").properties, sample());
        let [(offset, len)] = reads[..] else {
            panic!("{reads:?}");
        };
        assert_eq!(offset % 4096, 0);
        assert_eq!(offset as usize + len, file.len());
        assert!(len <= 8192, "{len}");
    }
}

#[test]
fn large_properties_cost_one_read_more() {
    let mut properties = sample();
    properties.others.insert(b"collected".to_vec(), vec![1; 100_000]);
    let (result, reads) = read_counted(&encode_minimal_table(&properties, &[0; 5000]));
    assert_eq!(result.expect("we wrote it").properties, properties);
    assert_eq!(reads.len(), 2);
    // Behind the payload and the empty index.
    assert_eq!(reads[1].0, 5013);
}

#[test]
fn properties_beyond_the_limit_are_not_read() {
    let mut properties = sample();
    let value_len = usize::try_from(MAX_META_BLOCK_BYTES).expect("fits");
    properties
        .others
        .insert(b"collected".to_vec(), vec![1; value_len]);
    let (result, reads) = read_counted(&encode_minimal_table(&properties, b""));
    let Err(ReadError::Format(error)) = result else {
        panic!("{result:?}");
    };
    assert!(error.is_unsupported());
    assert_eq!(reads.len(), 1);
}

/// The size comes from a directory or a MANIFEST and need not be true.
#[test]
fn a_wrong_size_makes_no_large_read() {
    let small = encode_minimal_table(&sample(), &[0; 10_000]);
    let mut asked = Vec::new();
    let result = read_tail(u64::MAX, &mut |offset, len| {
        asked.push((offset, len));
        Ok(small[small.len() - len..].to_vec())
    });
    result.expect_err("what the footer points to is elsewhere");
    assert_eq!(asked[0], (u64::MAX - 8191, 8191));
    assert!(asked.iter().all(|(_, len)| *len <= 8191), "{asked:?}");
}

#[test]
fn unknown_is_not_zero() {
    let mut properties = sample();
    properties.orig_file_number = Some(FileNumber(0));
    properties.creation_time = Some(0);
    properties.db_host_id = Some(String::new());
    properties.column_family_id = Some(ColumnFamilyId(0x7fff_ffff));
    let read = read(&encode_minimal_table(&properties, b""))
        .expect("we wrote it")
        .properties;
    assert_eq!(read.orig_file_number, None);
    assert_eq!(read.creation_time, None);
    assert_eq!(read.db_host_id, None);
    assert_eq!(read.column_family_id, None);
    assert_eq!(read.num_entries, Some(1000));
    assert_eq!(read.unique_id(), None);
}

#[test]
fn values_of_another_form_are_kept_as_they_are() {
    let mut properties = TableProperties::default();
    let odd: [(&[u8], &[u8]); 3] = [
        (b"rocksdb.creating.db.identity", b"\xff\xfe"),
        (b"rocksdb.num.entries", b"\x80"),
        (b"rocksdb.external_sst_file.global_seqno", b"short"),
    ];
    properties
        .others
        .extend(odd.map(|(name, value)| (name.to_vec(), value.to_vec())));
    let read = read(&encode_minimal_table(&properties, b""))
        .expect("we wrote it")
        .properties;
    assert_eq!(read, properties);
    assert_eq!(
        (read.db_id, read.num_entries, read.external_global_seqno),
        (None, None, None)
    );
}

fn text() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[a-zA-Z0-9.äöü-]{1,40}")
}

prop_compose! {
    fn properties()(
        db_id in text(),
        db_session_id in text(),
        column_family_name in text(),
        number in prop::option::of(1u64..),
        entries: Option<u64>,
        seqno in prop::option::of(0..u64::MAX),
        global_seqno: Option<u64>,
        version: Option<u32>,
        others in prop::collection::btree_map("[a-z]{1,9}", prop::collection::vec(any::<u8>(), 0..60), 0..6),
    ) -> TableProperties {
        TableProperties {
            db_id,
            db_session_id,
            column_family_name,
            orig_file_number: number.map(FileNumber),
            num_entries: entries,
            key_largest_seqno: seqno.map(SequenceNumber),
            external_global_seqno: global_seqno.map(SequenceNumber),
            external_version: version,
            others: others.into_iter().map(|(name, value)| (name.into_bytes(), value)).collect(),
            ..TableProperties::default()
        }
    }
}

proptest! {
    #[test]
    fn encoded_properties_decode_to_the_same(properties in properties(), payload in prop::collection::vec(any::<u8>(), 0..9000)) {
        let file = encode_minimal_table(&properties, &payload);
        prop_assert!(file.starts_with(&payload));
        prop_assert_eq!(read(&file).expect("we wrote it").properties, properties);
    }

    #[test]
    fn no_bytes_make_the_parser_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300), magic in 0usize..6) {
        let magics: [u64; 5] = [
            0x88e2_41b7_85f4_cff7, 0xdb47_7524_8b80_fb57, 0x8242_2296_63bf_9564,
            0x4f34_18eb_7a8f_13b8, 0x9267_89d0_c5f1_7873,
        ];
        if let Some(magic) = magics.get(magic) {
            bytes.extend_from_slice(&magic.to_le_bytes());
        }
        let _ = read(&bytes);
    }
}
