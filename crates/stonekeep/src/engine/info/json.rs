//! Fields of a serialised backup that are computed from others.

use serde::ser::{SerializeMap, Serializer};

const SECONDS_A_DAY: i64 = 86_400;
/// After so many years the calendar repeats, and they have so many days.
const CYCLE: (i64, i64) = (400, 146_097);

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

/// A time of Unix seconds; `None` beyond the years 0 to 9999.
fn utc(seconds: i64) -> Option<String> {
    let (days, second) = (
        seconds.div_euclid(SECONDS_A_DAY),
        seconds.rem_euclid(SECONDS_A_DAY),
    );
    let (mut year, mut day) = (
        1970 + CYCLE.0 * days.div_euclid(CYCLE.1),
        days.rem_euclid(CYCLE.1),
    );
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = |year| 365 + i64::from(is_leap(year));
    while day >= length(year) {
        day -= length(year);
        year += 1;
    }
    let february = 28 + i64::from(is_leap(year));
    let mut month = 1;
    for days_of_month in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < days_of_month {
            break;
        }
        day -= days_of_month;
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    (0..=9999).contains(&year).then(|| {
        format!(
            "{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z",
            day + 1
        )
    })
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
            (253_402_300_799, Some("9999-12-31T23:59:59Z")),
            (253_402_300_800, None),
            (i64::MAX, None),
            (i64::MIN, None),
        ] {
            assert_eq!(utc(seconds).as_deref(), expected, "{seconds}");
        }
    }
}
