//! The names of databases and repositories, and the name that was probably meant.

/// Words that name backups, so that they cannot name databases.
const RESERVED: [&str; 3] = ["all", "latest", "latest-valid"];

/// Names are less alike than this to be taken for a mistake of the other.
const MIN_SIMILARITY: f64 = 0.8;

/// Whether a word is a name in the configuration file rather than a path: `app`, not `./app`, `/var/lib/app` or `s3://app`.
pub(crate) fn is_bare_name(word: &str) -> bool {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    word.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') && word.chars().all(is_legal)
}

/// What is wrong with a name that is to be given to a database or a repository.
pub(super) fn fault(name: &str) -> Option<&'static str> {
    if !is_bare_name(name) {
        return Some(
            "a name consists of letters, digits, _, . and -, and begins with a letter, a digit or _",
        );
    }
    (!is_free(name)).then_some("this word names backups, not a database or repository")
}

/// Whether a word names no backup.
pub(crate) fn is_free(name: &str) -> bool {
    !RESERVED.contains(&name) && name.chars().any(|c| !c.is_ascii_digit())
}

/// The name that is most like a word, if one is.
pub(crate) fn nearest<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let word = word.to_ascii_lowercase().replace('_', "-");
    let likeness = |name: &'n str| (likeness(&word, &name.replace('_', "-")), name);
    let best = names
        .into_iter()
        .map(likeness)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(likeness, _)| *likeness >= MIN_SIMILARITY)
        .map(|(_, name)| name)
}

/// From 0 to 1. A letter too many, one that is missing or wrong, and two that are exchanged are likely mistakes in short names, too.
fn likeness(word: &str, name: &str) -> f64 {
    let is_a_slip = word.len() > 2 && strsim::osa_distance(word, name) == 1;
    let likeness = strsim::jaro_winkler(word, name);
    if is_a_slip { likeness.max(0.9) } else { likeness }
}

/// A hint that names it.
pub(super) fn did_you_mean<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
    nearest(word, names).map(|name| format!("did you mean {name}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_path() {
        for name in ["app", "app-2", "my_db.v2", "2024", "_x"] {
            assert!(is_bare_name(name), "{name}");
        }
        for path in [
            "", "./app", "/app", "app/db", "..", ".hidden", "-x", "s3://app", "a b", "ä",
        ] {
            assert!(!is_bare_name(path), "{path}");
        }
        assert!(fault("app").is_none());
        for name in ["7", "latest", "latest-valid", "all", "a/b"] {
            assert!(fault(name).is_some(), "{name}");
        }
    }

    #[test]
    fn the_nearest_name_is_found() {
        let names = ["keep-daily", "keep-weekly", "lock-wait", "tag"];
        assert_eq!(nearest("keep_daily", names), Some("keep-daily"));
        assert_eq!(nearest("keep-dayly", names), Some("keep-daily"));
        assert_eq!(nearest("lockwait", names), Some("lock-wait"));
        assert_eq!(nearest("tags", names), Some("tag"));
        assert_eq!(nearest("zebra", names), None);
        assert_eq!(nearest("nsa", ["far", "nas"]), Some("nas"));
    }
}
