//! Where things lie below the root: leases, the directories of their holders, staged files.
//!
//! | directory | is |
//! |---|---|
//! | `stonekeep/leases/` | the leases |
//! | `stonekeep/runs/<lease>/` | the directory of a holder: what it changes goes through it |
//! | `stonekeep/runs/<lease>/<run>/` | what a run has staged |
//! | `stonekeep/runs/<lease>.<random>/` | the directory of a holder that has lost its lease or given it back, with what was staged in it |
//! | `stonekeep/tmp/<run>/` | what is staged without a lease |
//!
//! A staged file has its key as its name, with `/` written as `%2F` and `%` as `%25`. A name that begins with `%-` is of a
//! file that is being written: whoever dies leaves it, and nobody reads it.

use crate::store::Key;
use crate::store::pin_name::random;

pub(super) const STONEKEEP: &str = "stonekeep";
pub(super) const LEASES: &str = "stonekeep/leases";
pub(super) const RUNS: &str = "stonekeep/runs";
pub(super) const UNFENCED: &str = "stonekeep/tmp";

const UNFINISHED: &str = "%-";

/// A name for the directory of a holder that holds no more.
pub(super) fn name_of_left(lease: &str) -> String {
    format!("{lease}.{:016x}", random())
}

/// Whether a directory among those of the holders is of one that holds no more.
pub(super) fn is_left(name: &str) -> bool {
    name.contains('.')
}

/// The name of a staged file.
pub(super) fn staged_name(key: &Key) -> String {
    key.as_str().replace('%', "%25").replace('/', "%2F")
}

/// The key of a staged file; `None` for what is none, as a file that is being written.
pub(super) fn staged_key(name: &str) -> Option<Key> {
    if is_unfinished(name) {
        return None;
    }
    let key = Key::new(name.replace("%2F", "/").replace("%25", "%")).ok()?;
    (staged_name(&key) == name).then_some(key)
}

/// Whether a file is being written, or was when its writer died.
pub(super) fn is_unfinished(name: &str) -> bool {
    name.starts_with(UNFINISHED)
}

/// A name for a file that is being written, which was never used.
pub(super) fn unfinished_name() -> String {
    format!("{UNFINISHED}{:016x}{:016x}", random(), random())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staged_file_is_named_after_its_key() {
        for (key, name) in [
            ("meta/7", "meta%2F7"),
            ("a", "a"),
            ("a%2Fb/c%", "a%252Fb%2Fc%25"),
            ("%-x", "%25-x"),
        ] {
            let key = Key::new(key).unwrap();
            assert_eq!(staged_name(&key), name);
            assert_eq!(staged_key(name), Some(key));
        }
        for other in ["%2F", "a%2", "%zz", "a%2f", &unfinished_name()] {
            assert_eq!(staged_key(other), None, "{other}");
        }
    }
}
