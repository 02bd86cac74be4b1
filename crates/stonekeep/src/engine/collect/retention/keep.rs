//! How far back a rule of the calendar reaches: a number, or a period.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// A period of the calendar, such as `14d`, `1y6mo` or `36h`. Days, weeks, months and years are those of a time zone: a day may
/// have 23 hours.
#[derive(Debug, Clone, Copy)]
pub struct Period(Span);

impl Period {
    /// The time that is so far before another; the earliest of all if there is none.
    pub(super) fn before(self, time: Timestamp, zone: &TimeZone) -> Timestamp {
        let before = time.to_zoned_datetime(zone.clone()).checked_sub(self.0);
        before.map_or(Timestamp::MIN, |before| before.timestamp())
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let mut units = text.split(|c: char| !c.is_ascii_alphabetic());
        if units.any(|unit| unit == "m") {
            // Other tools mean months by it.
            return Err("m may be minutes or months: write min or mo".to_owned());
        }
        let wrong = || "a period is a number with a unit: 36h, 14d, 8w, 6mo, 1y6mo".to_owned();
        let span: Span = text.parse().map_err(|_| wrong())?;
        if span.signum() == 1 {
            Ok(Period(span))
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, unit) in [
            (i64::from(self.0.get_years()), "y"),
            (self.0.get_months().into(), "mo"),
            (self.0.get_weeks().into(), "w"),
            (self.0.get_days().into(), "d"),
            (self.0.get_hours().into(), "h"),
            (self.0.get_minutes(), "min"),
            (self.0.get_seconds(), "s"),
            (self.0.get_milliseconds(), "ms"),
        ] {
            if number != 0 {
                write!(f, "{number}{unit}")?;
            }
        }
        Ok(())
    }
}

impl PartialEq for Period {
    fn eq(&self, other: &Self) -> bool {
        self.0.fieldwise() == other.0.fieldwise()
    }
}

/// Of which hours, days and so on a rule keeps the newest backup.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Keep {
    /// Of so many of the last ones that have a backup.
    Last(u64),
    /// Of those within this period before the newest backup.
    Within(Period),
}

impl FromStr for Keep {
    type Err = String;

    /// A number, `unlimited`, or a period.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "unlimited" {
            return Ok(Keep::Last(u64::MAX));
        }
        match text.parse() {
            Ok(number) => Ok(Keep::Last(number)),
            Err(_) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Err("the number is too large".to_owned())
            }
            Err(_) => text.parse().map(Keep::Within),
        }
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Keep::Last(u64::MAX) => f.write_str("unlimited"),
            Keep::Last(number) => number.fmt(f),
            Keep::Within(period) => period.fmt(f),
        }
    }
}

/// As text, as a configuration file has it.
#[cfg(feature = "serde")]
mod text {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::{Serialize, Serializer};

    use super::{Keep, Period};

    macro_rules! as_text {
        ($($type:ty),*) => {$(
            impl Serialize for $type {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(self)
                }
            }

            impl<'de> Deserialize<'de> for $type {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
                }
            }
        )*};
    }

    as_text!(Keep, Period);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_of_the_calendar() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        for (period, from, expected) in [
            ("1d", "2026-03-29T12:00:00+02:00", "2026-03-28T12:00:00+01:00"),
            ("24h", "2026-03-29T12:00:00+02:00", "2026-03-28T11:00:00+01:00"),
            ("1mo", "2024-03-31T12:00:00+02:00", "2024-02-29T12:00:00+01:00"),
            ("1y", "2024-02-29T12:00:00+01:00", "2023-02-28T12:00:00+01:00"),
            ("1y6mo", "2026-07-01T00:00:00+02:00", "2025-01-01T00:00:00+01:00"),
            ("2w", "2026-11-30T00:00:00+01:00", "2026-11-16T00:00:00+01:00"),
            ("90min", "2026-11-30T00:00:00+01:00", "2026-11-29T22:30:00+01:00"),
        ] {
            let before = period
                .parse::<Period>()
                .unwrap()
                .before(from.parse().unwrap(), &zone);
            assert_eq!(before, expected.parse().unwrap(), "{period}");
        }
        let far: Period = "19000y".parse().unwrap();
        assert_eq!(
            far.before("2026-01-01T00:00:00Z".parse().unwrap(), &zone),
            Timestamp::MIN
        );
    }

    #[test]
    fn numbers_and_periods_are_written_as_they_are_read() {
        for text in [
            "0",
            "7",
            "unlimited",
            "14d",
            "1y6mo",
            "36h",
            "8w",
            "2w3d",
            "90min",
        ] {
            assert_eq!(text.parse::<Keep>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "-1",
            "d",
            "-1d",
            "0d",
            "6m",
            "1y6m",
            "7 apples",
            "99999999999999999999",
        ] {
            assert!(text.parse::<Keep>().is_err(), "{text}");
        }
        assert!("5m".parse::<Period>().unwrap_err().contains("write min or mo"));
    }
}
