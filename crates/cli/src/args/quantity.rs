//! Reads sizes and durations as people write them.

use std::num::NonZeroUsize;
use std::time::Duration;

use stonekeep::store::LockWait;

/// A size: `4096`, `50MiB`, `50M` (the same), `50MB` (decimal).
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text)?;
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(format!("{unit:?} is no unit of size: use KiB, MiB, GiB or TiB")),
    };
    number
        .checked_mul(factor)
        .ok_or_else(|| "more bytes than can be counted".to_owned())
}

/// A count that is not zero.
pub(crate) fn parse_some(text: &str) -> Result<NonZeroUsize, String> {
    let count = text.parse::<usize>().map_err(|error| error.to_string())?;
    NonZeroUsize::new(count).ok_or_else(|| "must be above 0".to_owned())
}

/// A size that is not zero.
pub(crate) fn parse_some_bytes(text: &str) -> Result<u64, String> {
    match parse_bytes(text)? {
        0 => Err("must be above 0".to_owned()),
        bytes => Ok(bytes),
    }
}

/// A duration: `90` (seconds), `90s`, `5m`, `12h`, `2d`, `250ms`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text)?;
    let seconds_each = match unit {
        "ms" => return Ok(Duration::from_millis(number)),
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(format!("{unit:?} is no unit of time: use ms, s, m, h or d")),
    };
    number
        .checked_mul(seconds_each)
        .map(Duration::from_secs)
        .ok_or_else(|| "longer than can be counted".to_owned())
}

/// How long to wait for a lock: `0`, `forever` or a duration.
pub(crate) fn parse_lock_wait(text: &str) -> Result<LockWait, String> {
    if text == "forever" {
        return Ok(LockWait::Forever);
    }
    Ok(match parse_duration(text)? {
        Duration::ZERO => LockWait::Fail,
        time => LockWait::AtMost(time),
    })
}

/// The number, and the unit behind it.
fn split(text: &str) -> Result<(u64, &str), String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number = number
        .parse()
        .map_err(|_| "a whole number is wanted, with or without a unit".to_owned())?;
    Ok((number, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("0", 0),
            ("4096", 4096),
            ("50MiB", 50 << 20),
            ("50 mib", 50 << 20),
            ("50M", 50 << 20),
            ("50MB", 50_000_000),
            ("2T", 2 << 40),
        ] {
            assert_eq!(parse_bytes(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "MiB",
            "-1",
            "1.5M",
            "5 apples",
            "99999999999999999999",
            "99999999999T",
        ] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
        assert!(parse_some_bytes("0k").is_err());
        assert_eq!(parse_some("8").map(NonZeroUsize::get), Ok(8));
        assert_eq!(parse_some("0"), Err("must be above 0".to_owned()));
        assert!(parse_some("many").is_err());
    }

    #[test]
    fn durations() {
        for (text, milliseconds) in [
            ("90", 90_000),
            ("250ms", 250),
            ("5m", 300_000),
            ("2d", 172_800_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for text in ["", "h", "1 year", "99999999999999999999d", "999999999999999999d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn lock_waits() {
        assert_eq!(parse_lock_wait("0"), Ok(LockWait::Fail));
        assert_eq!(parse_lock_wait("forever"), Ok(LockWait::Forever));
        assert_eq!(
            parse_lock_wait("2m"),
            Ok(LockWait::AtMost(Duration::from_secs(120)))
        );
        assert!(parse_lock_wait("never").is_err());
    }
}
