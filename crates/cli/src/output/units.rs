//! Writes quantities for people.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use stonekeep::format::{BackupId, Temperature};

const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// A size with three significant digits: `980 B`, `1.50 KiB`, `12.3 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    if count < 1024 {
        return format!("{count} B");
    }
    let mut size = count as f64;
    let mut unit = 0;
    // 999.5 would be written as 1000.
    while size >= 999.5 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    let decimals = match size {
        size if size < 9.995 => 2,
        size if size < 99.95 => 1,
        _ => 0,
    };
    format!("{size:.decimals$} {}", UNITS[unit])
}

/// A size that may not be known.
pub(crate) fn maybe_bytes(count: Option<u64>) -> String {
    count.map_or_else(|| "?".to_owned(), bytes)
}

/// A number of things: `1 file`, `7 files`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}

/// Files with their size: `7 files, 1.50 KiB`.
pub(crate) fn files(number: u64, size_bytes: u64) -> String {
    format!("{}, {}", count(number, "file"), bytes(size_bytes))
}

/// A time of milliseconds, as in "3.2 s".
pub(crate) fn seconds(milliseconds: u64) -> String {
    format!("{:.1} s", milliseconds as f64 / 1e3)
}

/// Sorted names: all of them if they are few, else the first and the last. How many they are is for the caller to say.
pub(crate) fn first_to_last(names: &[String]) -> String {
    const FEW: usize = 4;
    match names {
        [first, .., last] if names.len() > FEW => format!("{first} … {last}"),
        _ => names.join(", "),
    }
}

/// Backups by their ids in ascending order, rows of them as ranges: `backup 7`, `backups 1-5, 9`.
pub(crate) fn backup_ids(ids: &[BackupId]) -> String {
    let mut ids: Vec<u32> = ids.iter().map(|id| id.get()).collect();
    ids.sort_unstable();
    let rows = ids.chunk_by(|one, next| one + 1 == *next);
    let rows: Vec<String> = rows
        .filter_map(|row| match (row.first()?, row.last()?) {
            (first, last) if first == last => Some(first.to_string()),
            (first, last) => Some(format!("{first}-{last}")),
        })
        .collect();
    match ids.len() {
        1 => format!("backup {}", rows.concat()),
        _ => format!("backups {}", rows.join(", ")),
    }
}

/// A time of Unix seconds in the local time zone; `@<seconds>` where no calendar has it.
pub(crate) fn local_time(seconds: i64) -> String {
    time_in(seconds, TimeZone::system())
}

fn time_in(seconds: i64, zone: TimeZone) -> String {
    match Timestamp::from_second(seconds) {
        Ok(time) => time
            .to_zoned_datetime(zone)
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        Err(_) => format!("@{seconds}"),
    }
}

/// A time of Unix seconds as RFC 3339 in UTC, where a calendar has it.
pub(crate) fn utc_time(seconds: i64) -> Option<String> {
    Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}

/// A duration to the second: `4 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// Microseconds as milliseconds: `0.3 ms`.
pub(crate) fn milliseconds(microseconds: u64) -> String {
    format!("{:.1} ms", microseconds as f64 / 1e3)
}

/// A temperature as meta files spell it; `None` where there is none.
pub(crate) fn temperature_name(temperature: Temperature) -> Option<&'static str> {
    (temperature != Temperature::Unknown).then(|| temperature.name())
}

/// A deadline in local time.
pub(crate) fn until(seconds: Option<i64>) -> String {
    seconds.map_or_else(|| "an unknown time".to_owned(), local_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (1536, "1.50 KiB"),
            (10 << 20, "10.0 MiB"),
            (1023 << 10, "1.00 MiB"),
            (500 << 30, "500 GiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (size, expected) in cases {
            assert_eq!(bytes(size), expected);
        }
    }

    #[test]
    fn times_that_no_calendar_has_are_shown_as_they_are() {
        assert_eq!(time_in(1_735_689_600, TimeZone::UTC), "2025-01-01 00:00:00");
        assert_eq!(time_in(i64::MIN, TimeZone::UTC), format!("@{}", i64::MIN));
        assert_eq!(utc_time(1_735_689_600).as_deref(), Some("2025-01-01T00:00:00Z"));
        assert_eq!(utc_time(i64::MAX), None);
    }

    #[test]
    fn rows_of_ids_are_ranges() {
        let ids = |ids: &[u32]| {
            let ids: Vec<BackupId> = ids.iter().filter_map(|id| BackupId::new(*id)).collect();
            backup_ids(&ids)
        };
        assert_eq!(ids(&[7]), "backup 7");
        assert_eq!(ids(&[9, 1, 2, 3]), "backups 1-3, 9");
        assert_eq!(ids(&[1, 2]), "backups 1-2");
    }

    #[test]
    fn durations_have_two_parts() {
        assert_eq!(duration(Duration::from_millis(4900)), "4 s");
        assert_eq!(duration(Duration::from_secs(200)), "3 min 20 s");
        assert_eq!(duration(Duration::from_secs(7_530)), "2 h 5 min");
    }
}
