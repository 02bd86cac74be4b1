//! Parses how much of all files is read: `5%`, `1/7`, `10GiB`.

use stonekeep::Sample;

use super::quantity::parse_some_bytes;

/// A percentage may have so many decimals.
const MAX_DECIMALS: u32 = 6;

/// A part (`5%`, `0.5%`, `1/7`), or a size.
pub(crate) fn parse_sample(text: &str) -> Result<Sample, String> {
    let part = if let Some(percent) = text.strip_suffix('%') {
        percentage(percent)
    } else if let Some((numerator, denominator)) = text.split_once('/') {
        let number = |text: &str| text.trim().parse::<u64>().ok();
        number(numerator).zip(number(denominator))
    } else {
        return parse_some_bytes(text).map(Sample::Bytes);
    };
    match part {
        Some((numerator, denominator)) if numerator > 0 && numerator <= denominator => Ok(Sample::Part {
            numerator,
            denominator,
        }),
        Some(_) => Err("a part must be more than 0 and at most all".to_owned()),
        None => Err(
            "a part is a percentage such as 5%, a fraction such as 1/7, or a size such as 10GiB".to_owned(),
        ),
    }
}

/// The number before a percent sign, as a fraction.
fn percentage(text: &str) -> Option<(u64, u64)> {
    let (whole, decimals) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let places = u32::try_from(decimals.len())
        .ok()
        .filter(|places| *places <= MAX_DECIMALS)?;
    if !is_number(whole) || !is_number(decimals) {
        return None;
    }
    let numerator = format!("{whole}{decimals}").parse().ok()?;
    Some((numerator, 100 * 10_u64.pow(places)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(numerator: u64, denominator: u64) -> Result<Sample, String> {
        Ok(Sample::Part {
            numerator,
            denominator,
        })
    }

    #[test]
    fn parts_are_percentages_fractions_and_sizes() {
        assert_eq!(parse_sample("5%"), part(5, 100));
        assert_eq!(parse_sample("0.5%"), part(5, 1000));
        assert_eq!(parse_sample("100%"), part(100, 100));
        assert_eq!(parse_sample("1/7"), part(1, 7));
        assert_eq!(parse_sample("10GiB"), Ok(Sample::Bytes(10 << 30)));
        for wrong in [
            "", "%", "0%", "101%", "0/7", "8/7", "1/0", "1/", "-1/7", "+5%", "1.5.5%", "0", "x", "5 %%",
        ] {
            assert!(parse_sample(wrong).is_err(), "{wrong}");
        }
    }
}
