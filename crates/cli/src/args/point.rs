//! Parses points between two backups.

use std::time::SystemTime;

use stonekeep::engine::follow::StreamId;
use stonekeep::engine::restore::PointTarget;

use super::quantity::parse_duration;
use super::time::parse_time;

/// A time, `latest`, or so long before it: `latest-5m`.
pub(crate) fn parse_point(text: &str) -> Result<PointTarget, String> {
    match text.strip_prefix("latest") {
        Some("") => Ok(PointTarget::Latest),
        Some(rest) => {
            let before = rest
                .strip_prefix('-')
                .ok_or("a point before the latest one is latest-5m")?;
            parse_duration(before).map(PointTarget::BeforeLatest)
        }
        None => {
            let time = SystemTime::try_from(parse_time(text)?).map_err(|error| error.to_string())?;
            Ok(PointTarget::Time(time))
        }
    }
}

/// The name of a stream.
pub(crate) fn parse_stream(text: &str) -> Result<StreamId, String> {
    StreamId::parse(text).ok_or_else(|| {
        "a stream has 32 lower-case hexadecimal digits, as stonekeep timeline shows them".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn each_form_is_read() {
        assert_eq!(parse_point("latest"), Ok(PointTarget::Latest));
        let before = PointTarget::BeforeLatest(Duration::from_secs(300));
        assert_eq!(parse_point("latest-5m"), Ok(before));
        let time = UNIX_EPOCH + Duration::from_millis(1_500);
        assert_eq!(parse_point("1970-01-01T00:00:01.5Z"), Ok(PointTarget::Time(time)));
        for text in ["latest5m", "latest-", "latest~1", "", "soon"] {
            assert!(parse_point(text).is_err(), "{text}");
        }
        assert!(parse_stream("00112233445566778899aabbccddeeff").is_ok());
        assert!(parse_stream("0011").is_err());
    }
}
