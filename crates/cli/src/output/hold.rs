//! A hold in words.

use stonekeep::engine::hold::Hold;

use super::units::local_time;

/// How long a backup is held, and why.
pub(crate) fn describe(hold: &Hold) -> String {
    let until = match hold.until_seconds {
        Some(until) => format!("until {}", local_time(until)),
        None => "until it is released".to_owned(),
    };
    if hold.reason.is_empty() {
        until
    } else {
        format!("{until}: {}", hold.reason)
    }
}
