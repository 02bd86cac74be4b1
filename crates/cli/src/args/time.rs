//! Parses points in time.

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use super::quantity::parse_duration;

/// A time: RFC 3339 (`2026-03-01T08:00:00Z`), a local date or time (`2026-03-01`, `2026-03-01 08:00`, `08:00` for today),
/// or an age (`36h`: 36 hours before now).
pub(crate) fn parse_time(text: &str) -> Result<Timestamp, String> {
    time_at(text, &ZonedDateTime::now())
}

/// A time to come: as [`parse_time`], but a duration such as `90d` counts from now on.
pub(crate) fn parse_time_to_come(text: &str) -> Result<Timestamp, String> {
    to_come_at(text, &ZonedDateTime::now())
}

fn to_come_at(text: &str, now: &ZonedDateTime) -> Result<Timestamp, String> {
    let time = match time_at(text, now) {
        // An age.
        Ok(time)
            if text
                .trim()
                .ends_with(|c: char| c.is_ascii_alphabetic() && c != 'Z') =>
        {
            let age = now.timestamp().duration_since(time);
            now.timestamp()
                .checked_add(age)
                .map_err(|error| error.to_string())
        }
        time => time,
    }?;
    if time > now.timestamp() {
        Ok(time)
    } else {
        Err("that time is over".to_owned())
    }
}

fn time_at(text: &str, now: &ZonedDateTime) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let local = |time: DateTime, zone: &TimeZone| {
        let time = zone.to_ambiguous_zoned_datetime(time).compatible();
        time.map(|time| time.timestamp())
            .map_err(|error| error.to_string())
    };
    if let Ok(time) = text.parse::<DateTime>() {
        return local(time, now.time_zone());
    }
    if let Ok(time) = text.parse::<Time>() {
        return local(now.date().to_datetime(time), now.time_zone());
    }
    let has_unit = text.ends_with(|c: char| c.is_ascii_alphabetic());
    if let Some(age) = parse_duration(text).ok().filter(|_| has_unit) {
        return now
            .timestamp()
            .checked_sub(age)
            .map_err(|error| error.to_string());
    }
    Err(
        "a time is 2026-03-01T08:00:00Z, a local date or time such as 2026-03-01, \"2026-03-01 08:00\" or 08:00, or an age \
         such as 36h"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read() {
        let zone = TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap();
        let now: Timestamp = "2026-03-10T12:00:00Z".parse().unwrap();
        let now = now.to_zoned_datetime(zone);
        for (text, expected) in [
            ("2026-03-01T08:00:00Z", "2026-03-01T08:00:00Z"),
            ("2026-03-01T08:00:00+01:00", "2026-03-01T07:00:00Z"),
            ("2026-03-01", "2026-03-01T05:00:00Z"),
            ("2026-03-01 08:00", "2026-03-01T13:00:00Z"),
            ("2026-03-10T08:00:30", "2026-03-10T12:00:30Z"),
            // The clock goes from 2:00 to 3:00 on this day.
            ("2026-03-08 02:30", "2026-03-08T07:30:00Z"),
            ("06:30", "2026-03-10T10:30:00Z"),
            ("36h", "2026-03-09T00:00:00Z"),
            ("1w", "2026-03-03T12:00:00Z"),
            ("1h30m", "2026-03-10T10:30:00Z"),
        ] {
            assert_eq!(time_at(text, &now), Ok(expected.parse().unwrap()), "{text}");
        }
        for text in ["", "yesterday", "90", "2026-13-01", "25:00", "-1h"] {
            assert!(time_at(text, &now).is_err(), "{text}");
        }
        for (text, expected) in [
            ("36h", "2026-03-12T00:00:00Z"),
            ("2026-04-01T08:00:00Z", "2026-04-01T08:00:00Z"),
            ("2026-04-01", "2026-04-01T04:00:00Z"),
            ("08:30", "2026-03-10T12:30:00Z"),
        ] {
            assert_eq!(to_come_at(text, &now), Ok(expected.parse().unwrap()), "{text}");
        }
        assert_eq!(
            to_come_at("2026-03-01", &now),
            Err("that time is over".to_owned())
        );
    }
}
