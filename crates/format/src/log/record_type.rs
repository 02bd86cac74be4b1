//! The type byte of a physical record (`RecordType`, `db/log_format.h`).

/// A complete logical record.
pub(super) const FULL: u8 = 1;
/// The first fragment of a logical record.
pub(super) const FIRST: u8 = 2;
/// A fragment between first and last.
pub(super) const MIDDLE: u8 = 3;
/// The last fragment of a logical record.
pub(super) const LAST: u8 = 4;
/// The data types' recyclable twins are this much higher.
const RECYCLABLE_DATA: u8 = 4;
/// Which compression the following records have; a legacy header even in recyclable logs.
pub(super) const SET_COMPRESSION: u8 = 9;
/// Sizes of user-defined timestamps per column family.
pub(super) const TIMESTAMP_SIZES: u8 = 10;
/// Number, size and last sequence number of the WAL before this one.
pub(super) const PREDECESSOR_WAL: u8 = 130;

/// Unknown types with this bit may be ignored (`kRecordTypeSafeIgnoreMask`).
const IGNORABLE: u8 = 0x80;

/// Whether the header carries a log number: types 5 to 8, and from 10 on every odd one.
pub(super) fn has_log_number(record_type: u8) -> bool {
    matches!(record_type, 5..=8) || (record_type >= TIMESTAMP_SIZES && record_type & 1 == 1)
}

/// The type without regard to whether it carries a log number.
pub(super) fn plain(record_type: u8) -> u8 {
    match record_type {
        5..=8 => record_type - RECYCLABLE_DATA,
        _ if has_log_number(record_type) => record_type - 1,
        _ => record_type,
    }
}

/// Whether a reader that does not know the type may pass over the record.
pub(super) fn is_ignorable(record_type: u8) -> bool {
    record_type & IGNORABLE != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_are_those_of_log_format_h() {
        let twins = [
            (FULL, 5),
            (FIRST, 6),
            (MIDDLE, 7),
            (LAST, 8),
            (TIMESTAMP_SIZES, 11),
            (PREDECESSOR_WAL, 131),
        ];
        for (legacy, twin) in twins {
            assert_eq!(plain(twin), legacy);
            assert!(has_log_number(twin) && !has_log_number(legacy));
        }
        assert!(!has_log_number(SET_COMPRESSION));
    }
}
