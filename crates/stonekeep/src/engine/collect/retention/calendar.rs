//! Hours, days, weeks and so on of a time zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::report::KeepRule;

/// The name of the minute, hour, day, ISO week, month or year that a time lies in: two times lie in the same one if its names
/// are equal. Minutes and hours have the offset from UTC, which tells apart those that a clock repeats.
pub(super) fn name_of(rule: KeepRule, time: Timestamp, zone: &TimeZone) -> String {
    let format = match rule {
        KeepRule::Minutely => "%Y-%m-%d %H:%M%:z",
        KeepRule::Hourly => "%Y-%m-%d %H:00%:z",
        KeepRule::Weekly => "%G-W%V",
        KeepRule::Monthly => "%Y-%m",
        KeepRule::Yearly => "%Y",
        _ => "%Y-%m-%d",
    };
    time.to_zoned_datetime(zone.clone()).strftime(format).to_string()
}

/// A time of a meta file. One beyond the calendar counts as the nearest in it.
pub(super) fn time_of(seconds: i64) -> Timestamp {
    let end = if seconds < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    Timestamp::from_second(seconds).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_has_its_names() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let name = |rule, time: &str| name_of(rule, time.parse().unwrap(), &zone);
        for (rule, time, expected) in [
            (
                KeepRule::Minutely,
                "2026-11-30T07:05:59Z",
                "2026-11-30 08:05+01:00",
            ),
            (KeepRule::Hourly, "2026-11-30T07:05:59Z", "2026-11-30 08:00+01:00"),
            // The hour from 2 to 3 comes twice.
            (KeepRule::Hourly, "2026-10-25T00:30:00Z", "2026-10-25 02:00+02:00"),
            (KeepRule::Hourly, "2026-10-25T01:30:00Z", "2026-10-25 02:00+01:00"),
            (KeepRule::Daily, "2026-11-29T23:30:00Z", "2026-11-30"),
            (KeepRule::Daily, "2024-02-29T12:00:00Z", "2024-02-29"),
            (KeepRule::Weekly, "2027-01-03T12:00:00Z", "2026-W53"),
            (KeepRule::Weekly, "2024-12-30T12:00:00Z", "2025-W01"),
            (KeepRule::Monthly, "2026-12-31T23:30:00Z", "2027-01"),
            (KeepRule::Yearly, "2026-12-31T22:30:00Z", "2026"),
        ] {
            assert_eq!(name(rule, time), expected, "{time}");
        }
        assert_eq!(time_of(i64::MAX), Timestamp::MAX);
        assert_eq!(time_of(i64::MIN), Timestamp::MIN);
    }
}
