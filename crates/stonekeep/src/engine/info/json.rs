//! Fields of a serialised backup that are computed from others.

use jiff::Timestamp;
use serde::ser::{SerializeMap, Serializer};

/// In Unix seconds.
const YEAR_0: i64 = -62_167_219_200;

/// `time` in RFC 3339, UTC, and `timestamp_seconds`. A timestamp of 0 is none: its `time` is null.
pub(super) fn time<S: Serializer>(seconds: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    let mut fields = serializer.serialize_map(Some(2))?;
    fields.serialize_entry("time", &utc(*seconds).filter(|_| *seconds != 0))?;
    fields.serialize_entry("timestamp_seconds", seconds)?;
    fields.end()
}

/// A time in RFC 3339, UTC, or null.
pub(crate) fn maybe_time<S: Serializer>(seconds: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_some(&seconds.and_then(utc))
}

/// `app_metadata` as text if it is UTF-8, and `app_metadata_hex`, in upper case as meta files have it.
pub(super) fn app_metadata<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    let mut fields = serializer.serialize_map(Some(2))?;
    fields.serialize_entry("app_metadata", &std::str::from_utf8(bytes).ok())?;
    fields.serialize_entry("app_metadata_hex", &hex)?;
    fields.end()
}

/// A time of Unix seconds; `None` beyond the calendar: before the year 0, or after 30 December 9999.
fn utc(seconds: i64) -> Option<String> {
    let time = Timestamp::from_second(seconds).ok()?;
    (seconds >= YEAR_0).then(|| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, Some("1970-01-01T00:00:00Z")),
            (-1, Some("1969-12-31T23:59:59Z")),
            (951_782_400, Some("2000-02-29T00:00:00Z")),
            (1_735_689_599, Some("2024-12-31T23:59:59Z")),
            (4_107_542_400, Some("2100-03-01T00:00:00Z")),
            (253_402_207_199, Some("9999-12-30T21:59:59Z")),
            (YEAR_0, Some("0000-01-01T00:00:00Z")),
            (YEAR_0 - 1, None),
            (253_402_300_800, None),
            (i64::MAX, None),
            (i64::MIN, None),
        ] {
            assert_eq!(utc(seconds).as_deref(), expected, "{seconds}");
        }
    }
}
