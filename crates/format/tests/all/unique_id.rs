//! Session ids and unique ids against values that RocksDB 7.8.3 wrote.

use proptest::prelude::*;
use stonekeep_format::FileNumber;
use stonekeep_format::unique_id::{SessionId, UniqueId};

const DATABASE: &str = "27ce11ce-9be7-432f-a05a-5e4fe1dd3666";

fn session() -> SessionId {
    SessionId::parse("ICF4BQEOE5W70QJNTY25").expect("a session id")
}

/// From `ldb manifest_dump --verbose` and `sst_dump --show_properties` of one database: a flushed and a compacted file.
#[test]
fn ids_equal_those_in_a_manifest_of_rocksdb() {
    let flushed = UniqueId {
        low: 1864254370160022701,
        high: 7669670351127391927,
    };
    let compacted = UniqueId {
        low: 1864254370160022701,
        high: 7669670351127391912,
    };
    assert_eq!(
        UniqueId::compute(DATABASE, &session(), FileNumber(13)),
        Some(flushed)
    );
    assert_eq!(
        UniqueId::compute(DATABASE, &session(), FileNumber(18)),
        Some(compacted)
    );
    assert!(compacted.proves(DATABASE, &session(), FileNumber(18)));
    assert_eq!(compacted.to_string(), "{1864254370160022701,7669670351127391912}");
}

#[test]
fn a_unique_id_proves_only_its_own_three_properties() {
    let id = UniqueId::compute(DATABASE, &session(), FileNumber(18)).expect("an id");
    assert!(!id.proves(DATABASE, &session(), FileNumber(13)));
    assert!(!id.proves("27ce11ce-9be7-432f-a05a-5e4fe1dd3667", &session(), FileNumber(18)));
    let other = SessionId::parse("ICF4BQEOE5W70QJNTY26").expect("a session id");
    assert!(!id.proves(DATABASE, &other, FileNumber(18)));
    // Another upper half under the same lower half.
    let twin = SessionId::from_halves(session().upper() + 1, session().lower());
    assert!(!id.proves(DATABASE, &twin, FileNumber(18)));
}

#[test]
fn the_null_id_proves_nothing() {
    assert!(UniqueId::NULL.is_null());
    assert_eq!(UniqueId::compute("", &session(), FileNumber(1)), None);
    assert_eq!(UniqueId::compute(DATABASE, &session(), FileNumber(0)), None);
    assert!(!UniqueId::NULL.proves("", &session(), FileNumber(1)));
    assert!(!UniqueId::NULL.proves(DATABASE, &session(), FileNumber(0)));
}

#[test]
fn bytes_are_two_little_endian_numbers() {
    let mut bytes = [0; 16];
    bytes[0] = 1;
    bytes[8] = 2;
    bytes[15] = 0x80;
    let id = UniqueId::from_bytes(bytes);
    assert_eq!((id.low, id.high), (1, 0x8000_0000_0000_0002));
    assert_eq!(id.to_bytes(), bytes);
}

#[test]
fn only_the_form_that_rocksdb_writes_is_a_session_id() {
    for bad in [
        "",
        "ICF4BQEOE5W70QJNTY2",
        "ICF4BQEOE5W70QJNTY255",
        "icf4bqeoe5w70qjnty25",
        "ICF4BQEOE5W70QJNTY2_",
        "ICF4BQEOE5W70QJNTY2 ",
        "ICF4BQEOE5W70QJNTÄ5",
    ] {
        assert_eq!(SessionId::parse(bad), None, "{bad}");
    }
}

/// The two highest bits of the lower half stand at the bottom of the first eight characters.
#[test]
fn the_highest_halves_have_their_text() {
    let highest = SessionId::from_halves(u64::MAX >> 25, u64::MAX);
    assert_eq!(highest.upper(), u64::MAX >> 25);
    assert_eq!(highest.lower(), u64::MAX);
    assert_eq!(SessionId::from_halves(0, 0).as_str(), "00000000000000000000");
    assert_eq!(SessionId::from_halves(0, 35).as_str(), "0000000000000000000Z");
    assert_eq!(
        SessionId::from_halves(1, 1 << 62).as_str(),
        "00000005000000000000"
    );
}

proptest! {
    #[test]
    fn the_internal_form_of_a_unique_id_is_reversible(upper in 0..1u64 << 39, lower: u64) {
        let session = SessionId::from_halves(upper, lower);
        prop_assert_eq!(session.upper(), upper);
        prop_assert_eq!(session.lower(), lower);
        prop_assert_eq!(SessionId::parse(session.as_str()), Some(session));
    }

    #[test]
    fn any_text_of_digits_is_kept_as_it_is(text in "[0-9A-Z]{20}") {
        let session = SessionId::parse(&text).expect("a session id");
        prop_assert_eq!(session.to_string(), text);
        let _ = (session.upper(), session.lower());
    }

    #[test]
    fn the_bytes_of_a_unique_id_parse_to_the_same(bytes: [u8; 16]) {
        prop_assert_eq!(UniqueId::from_bytes(bytes).to_bytes(), bytes);
    }
}
