//! Where in a repository's place the backups of one database are.
//!
//! Each database has a repository of its own. Several of them share one place, `[repository.NAME]`, where each has a prefix: a path
//! below the place. The prefix of a database of a glob has a number in braces for each part of the path that a wildcard matched:
//! `streams/{1}/{2}`. Two directories never have one prefix: every part is there, no two are in one name of the path, and what
//! stands for a part has no slash, and differs for different parts.

use std::fmt::Write;

/// A piece of a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// The part of the path that this wildcard matched, from 0.
    Part(usize),
}

/// A path below the place of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prefix(Vec<Piece>);

const NO_PATH: &str =
    "a prefix is a path below the repository, without empty names, and none that begins with a dot";

impl Prefix {
    /// Reads one, for a path with so many parts.
    pub(super) fn parse(text: &str, parts: usize) -> Result<Self, String> {
        let (mut pieces, mut seen) = (Vec::new(), vec![false; parts]);
        if text.is_empty() && parts == 0 {
            return Ok(Prefix(pieces));
        }
        for (index, name) in text.split('/').enumerate() {
            if index > 0 {
                pieces.push(Piece::Text("/".to_owned()));
            }
            let (before, part, after) = split(name, parts)?;
            if let Some(part) = part {
                seen[part] = true;
            }
            check_characters(&format!("{before}{after}"))?;
            if before.starts_with('.') || (before.is_empty() && part.is_none()) {
                return Err(NO_PATH.to_owned());
            }
            pieces.push(Piece::Text(before));
            pieces.extend(part.map(Piece::Part));
            pieces.push(Piece::Text(after));
        }
        match seen.iter().position(|seen| !seen) {
            Some(missing) => Err(format!(
                "a prefix must have {{{}}}, or two databases could have the same",
                missing + 1
            )),
            None => Ok(Prefix(pieces)),
        }
    }

    /// The name of the entry, and all parts.
    pub(super) fn default_for(name: &str, parts: usize) -> Self {
        let mut pieces = vec![Piece::Text(name.to_owned())];
        for part in 0..parts {
            pieces.extend([Piece::Text("/".to_owned()), Piece::Part(part)]);
        }
        Prefix(pieces)
    }

    /// The path for these parts, which are [escaped](escape).
    pub(super) fn path(&self, parts: &[String]) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Part(part) => parts.get(*part).cloned().unwrap_or_default(),
        };
        self.0.iter().map(piece).collect()
    }
}

/// A name of the path: the text before the number in braces, the number from 0, the text behind it.
fn split(name: &str, parts: usize) -> Result<(String, Option<usize>, String), String> {
    let Some((before, rest)) = name.split_once('{') else {
        return Ok((name.to_owned(), None, String::new()));
    };
    let wrong = || match parts {
        0 => "only the prefix of a glob has numbers in braces".to_owned(),
        _ => format!("numbers in braces are {{1}} to {{{parts}}}, one in each name of the path"),
    };
    let (number, after) = rest.split_once('}').ok_or_else(wrong)?;
    let part = number
        .parse::<usize>()
        .ok()
        .and_then(|number| number.checked_sub(1));
    match part.filter(|part| *part < parts && !after.contains(['{', '}'])) {
        Some(part) => Ok((before.to_owned(), Some(part), after.to_owned())),
        None => Err(wrong()),
    }
}

fn check_characters(text: &str) -> Result<(), String> {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    match text.chars().find(|c| !is_legal(*c)) {
        Some(wrong) => Err(format!(
            "a prefix consists of letters, digits, _, ., - and /, without {wrong:?}"
        )),
        None => Ok(()),
    }
}

/// The name of a directory, with each byte that is no letter, digit, `_`, `-` or inner dot as `~` and two hex digits. Different
/// names stay different, and none leaves the directory that it is in.
pub(super) fn escape(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for (at, byte) in name.iter().enumerate() {
        let is_plain =
            byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || (*byte == b'.' && at > 0);
        if is_plain {
            text.push(char::from(*byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(text, "~{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_put_into_their_places() {
        let parts = ["app".to_owned(), "0_1".to_owned()];
        let path = |text| Prefix::parse(text, 2).map(|prefix| prefix.path(&parts));
        assert_eq!(path("{1}/{2}"), Ok("app/0_1".to_owned()));
        assert_eq!(path("task-{2}/of/{1}.x"), Ok("task-0_1/of/app.x".to_owned()));
        assert_eq!(Prefix::default_for("s", 2).path(&parts), "s/app/0_1");
        assert_eq!(Prefix::parse("a/b", 0).unwrap().path(&[]), "a/b");
        assert_eq!(Prefix::parse("", 0).unwrap().path(&[]), "");
    }

    #[test]
    fn prefixes_that_could_collide_or_leave_the_repository_are_refused() {
        for (text, parts) in [
            ("{1}", 2),
            ("{1}{2}", 2),
            ("{1}-{2}", 2),
            ("{0}/{1}/{2}", 2),
            ("{1}/{2}/{3}", 2),
            ("{1}/{2}/{", 2),
            ("{1}/{2}/}", 2),
            ("", 2),
            ("a/../b", 0),
            ("../b", 0),
            (".", 0),
            ("/a", 0),
            ("a/", 0),
            ("a//b", 0),
            ("a b", 0),
            ("a%2e", 0),
            ("{1}", 0),
            (".{1}", 1),
        ] {
            assert!(Prefix::parse(text, parts).is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_escaped_without_collisions() {
        for (name, expected) in [
            (&b"app-1.2_x"[..], "app-1.2_x"),
            (b".", "~2e"),
            (b"..", "~2e."),
            (b"a b", "a~20b"),
            (b"a~20b", "a~7e20b"),
            (b"\xff/", "~ff~2f"),
            ("ä".as_bytes(), "~c3~a4"),
        ] {
            assert_eq!(escape(name), expected);
        }
    }
}
