//! The options of a store that are Stonekeep's own: how much may be asked of it.

use super::concurrency::MOST;
use crate::{Error, Result};

const MAX_REQUESTS: &str = "max_requests";
const REQUESTS_PER_SECOND: &str = "requests_per_second";

/// The options, for messages.
pub(super) const NAMES: [&str; 2] = [MAX_REQUESTS, REQUESTS_PER_SECOND];

/// What may be asked of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// At most so many requests at a time.
    pub(super) max_requests: usize,
    /// No more requests in a second; `None`: any number.
    pub(super) requests_per_second: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_requests: MOST,
            requests_per_second: None,
        }
    }
}

impl Limits {
    /// The limits among the options of a store, and the other options.
    ///
    /// # Errors
    /// `InvalidArgument` for a limit that is no number above 0.
    pub(super) fn take(options: &[(String, String)]) -> Result<(Self, Vec<(String, String)>)> {
        let (mut limits, mut others) = (Limits::default(), Vec::new());
        for (name, value) in options {
            match name.to_ascii_lowercase().as_str() {
                MAX_REQUESTS => limits.max_requests = number(name, value)?.min(MOST as u32) as usize,
                REQUESTS_PER_SECOND => limits.requests_per_second = Some(number(name, value)?),
                _ => others.push((name.clone(), value.clone())),
            }
        }
        Ok((limits, others))
    }
}

fn number(name: &str, value: &str) -> Result<u32> {
    let number = value.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| Error::invalid(format!("the option {name} is a number above 0, not {value:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(options: &[(&str, &str)]) -> Result<(Limits, Vec<(String, String)>)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Limits::take(&options.iter().map(owned).collect::<Vec<_>>())
    }

    #[test]
    fn own_options_are_taken_out() {
        let (limits, others) = taken(&[
            ("max_requests", "4"),
            ("aws_region", "r"),
            ("Requests_Per_Second", "50"),
        ])
        .unwrap();
        let expected = Limits {
            max_requests: 4,
            requests_per_second: Some(50),
        };
        assert_eq!(limits, expected);
        assert_eq!(others, [("aws_region".to_owned(), "r".to_owned())]);
        assert_eq!(taken(&[("max_requests", "1000")]).unwrap().0, Limits::default());
        for (name, value) in [
            ("max_requests", "0"),
            ("requests_per_second", "many"),
            ("max_requests", "-1"),
        ] {
            assert!(taken(&[(name, value)]).unwrap_err().to_string().contains(name));
        }
    }
}
