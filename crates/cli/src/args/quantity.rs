//! Parses sizes, rates, counts and durations.

use std::num::NonZeroUsize;
use std::time::Duration;

use jiff::{Span, SpanRelativeTo};
use stonekeep::store::LockWait;

/// The smallest buffer: a page.
const MIN_BUFFER_BYTES: u64 = 4 << 10;

/// The most decimals that a number may have.
const MAX_DECIMALS: usize = 9;

/// A size: `4096`, `50MiB`, `1.5MiB`, `50M` (the same as MiB), `50MB` (decimal). Parts of a byte are dropped.
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
        _ => {
            return Err(format!(
                "{unit:?} is not a unit of size: use KiB, MiB, GiB or TiB"
            ));
        }
    };
    number
        .times(factor)
        .ok_or_else(|| "the size exceeds 64 bits".to_owned())
}

/// Bytes a second: a size, with or without `/s`.
pub(crate) fn parse_rate(text: &str) -> Result<u64, String> {
    let size = text.trim_end();
    parse_bytes(size.strip_suffix("/s").unwrap_or(size))
}

/// A buffer's size. Smaller ones make every file many system calls.
pub(crate) fn parse_buffer_bytes(text: &str) -> Result<u64, String> {
    match parse_bytes(text)? {
        bytes @ MIN_BUFFER_BYTES.. => Ok(bytes),
        _ => Err("must be at least 4KiB".to_owned()),
    }
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

/// A duration: `90` (seconds), `90s`, `5m`, `1h30m`, `12h`, `2d`, `1w`, `250ms`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let wrong = || "a duration is seconds, or has units: 250ms, 90s, 5m, 1h30m, 2d, 1w".to_owned();
    let span: Span = text.parse().map_err(|_| wrong())?;
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err(wrong());
    }
    let days = SpanRelativeTo::days_are_24_hours();
    let duration = span.to_duration(days).map_err(|_| wrong())?;
    Duration::try_from(duration).map_err(|_| "a duration cannot be negative".to_owned())
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

/// A number with decimals, exactly: `digits` / 10^`decimals`.
struct Decimal {
    digits: u64,
    decimals: u32,
}

impl Decimal {
    fn times(&self, factor: u64) -> Option<u64> {
        let product = u128::from(self.digits).checked_mul(u128::from(factor))?;
        u64::try_from(product / 10u128.checked_pow(self.decimals)?).ok()
    }
}

/// The number, and the unit behind it.
fn split(text: &str) -> Result<(Decimal, &str), String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let wrong = || "not a number with an optional unit".to_owned();
    if whole.is_empty() || part.is_empty() || part.contains('.') || part.len() > MAX_DECIMALS {
        return Err(wrong());
    }
    let digits = format!("{whole}{part}").parse().map_err(|_| wrong())?;
    let decimals = part.len() as u32;
    Ok((Decimal { digits, decimals }, unit.trim()))
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
            ("1.5MiB", 3 << 19),
            ("0.5", 0),
            ("2.25 KB", 2250),
        ] {
            assert_eq!(parse_bytes(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "MiB",
            "-1",
            ".5M",
            "1.M",
            "1.2.3M",
            "1,5M",
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
        assert_eq!(parse_rate("50MiB/s"), Ok(50 << 20));
        assert_eq!(parse_rate("1.5M"), Ok(3 << 19));
        assert!(parse_bytes("50MiB/s").is_err() && parse_rate("50MiB/h").is_err());
        assert_eq!(parse_buffer_bytes("4KiB"), Ok(4096));
        assert!(parse_buffer_bytes("1").is_err());
    }

    #[test]
    fn durations() {
        for (text, milliseconds) in [
            ("90", 90_000),
            ("250ms", 250),
            ("5m", 300_000),
            ("2d", 172_800_000),
            ("1h30m", 5_400_000),
            ("1w", 604_800_000),
            ("1w 2d", 777_600_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for text in [
            "",
            "h",
            "1 year",
            "2mo",
            "-1h",
            "1.5",
            "99999999999999999999d",
            "999999999999999999d",
        ] {
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
