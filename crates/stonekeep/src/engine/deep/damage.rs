//! What is found in a file.

use std::fmt::Write as _;

use super::wal_sequences::WalSequences;

/// So many findings of one file are kept; the number of all is.
const MAX_KEPT: usize = 20;

/// So much of a key is shown.
const SHOWN_KEY_BYTES: usize = 48;

/// A part of a file that is damaged, so that an operator knows what is lost.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DamagedPart {
    /// What it is: `data block`, `index block`, `record`.
    pub part: String,
    /// Where it begins, in bytes.
    pub offset: u64,
    /// The column family, if the file says it.
    pub column_family: Option<String>,
    /// The level of a table that is missing, or has another size, as the MANIFEST has it.
    pub level: Option<u32>,
    /// The affected keys are not below this one; none if they may begin with the first key, or if no key is affected.
    pub from_key: Option<String>,
    /// And not above this one.
    pub to_key: Option<String>,
    /// What is wrong.
    pub reason: String,
}

/// What was found in one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Deep {
    /// The first ones.
    pub(crate) damaged: Vec<DamagedPart>,
    /// How many more there are.
    pub(crate) more_damaged: u64,
    /// What is otherwise than a MANIFEST says, each with the place of its record among those that were given.
    pub(crate) contradictions: Vec<(usize, DamagedPart)>,
    /// What could not be checked, each reason once.
    pub(crate) unchecked: Vec<String>,
    /// What other WALs of the same database must fit to.
    pub(crate) wal: Option<WalSequences>,
    /// How many blocks were checked, or records.
    pub(crate) parts: u64,
    /// How many entries, or keys that records write.
    pub(crate) entries: u64,
}

impl Deep {
    pub(super) fn add(&mut self, part: DamagedPart) {
        if self.damaged.len() < MAX_KEPT {
            self.damaged.push(part);
        } else {
            self.more_damaged += 1;
        }
    }

    pub(super) fn add_unchecked(&mut self, reason: String) {
        if !self.unchecked.contains(&reason) && self.unchecked.len() < MAX_KEPT {
            self.unchecked.push(reason);
        }
    }

    /// Takes what a MANIFEST says otherwise for damage, where there is but one MANIFEST.
    pub(crate) fn with_contradictions(mut self) -> Self {
        for (_, part) in std::mem::take(&mut self.contradictions) {
            self.add(part);
        }
        self
    }

    /// All that is damaged, in a line each, whatever MANIFESTs say.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.damaged.iter().map(ToString::to_string).collect();
        if self.more_damaged > 0 {
            lines.push(format!("{} more damaged parts", self.more_damaged));
        }
        lines
    }
}

impl std::fmt::Display for DamagedPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (reason, about) = (&self.reason, self.about());
        write!(f, "{} at byte {}: {reason}{about}", self.part, self.offset)
    }
}

impl DamagedPart {
    /// What is lost with it, in brackets, behind what is wrong.
    pub(crate) fn about(&self) -> String {
        let keys = match (&self.from_key, &self.to_key) {
            (None, None) => String::new(),
            (Some(from), None) => format!("keys from {from}"),
            (None, Some(to)) => format!("keys up to {to}"),
            (Some(from), Some(to)) => format!("keys from {from} to {to}"),
        };
        let family = self
            .column_family
            .iter()
            .map(|name| format!("column family {name}"));
        let level = self.level.map(|level| format!("level {level}"));
        let keys = (!keys.is_empty()).then_some(keys);
        let about: Vec<String> = family.chain(level).chain(keys).collect();
        if about.is_empty() {
            String::new()
        } else {
            format!(" ({})", about.join(", "))
        }
    }
}

/// A key as `ldb` shows it: text if it is printable, else hexadecimal.
pub(crate) fn shown_key(key: &[u8]) -> String {
    let shown = key.get(..SHOWN_KEY_BYTES).unwrap_or(key);
    let is_text = !shown.is_empty()
        && shown
            .iter()
            .all(|byte| (b' '..=b'~').contains(byte) && *byte != b'"');
    let mut text = String::new();
    if is_text {
        _ = write!(text, "\"{}\"", String::from_utf8_lossy(shown));
    } else {
        text.push_str("0x");
        for byte in shown {
            _ = write!(text, "{byte:02X}");
        }
    }
    if shown.len() < key.len() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(offset: u64) -> DamagedPart {
        DamagedPart {
            part: "data block".to_owned(),
            offset,
            column_family: None,
            level: None,
            from_key: None,
            to_key: None,
            reason: "its checksum is wrong".to_owned(),
        }
    }

    #[test]
    fn the_first_parts_are_kept_and_all_are_counted() {
        let mut deep = Deep::default();
        let all = MAX_KEPT as u64 + 3;
        for offset in 0..all {
            deep.add(part(offset));
        }
        deep.contradictions.push((0, part(all)));
        let lines = deep.with_contradictions().lines();
        assert_eq!(lines.len(), MAX_KEPT + 1);
        assert_eq!(lines[0], "data block at byte 0: its checksum is wrong");
        assert_eq!(lines[MAX_KEPT], "4 more damaged parts");
    }

    #[test]
    fn a_reason_that_kept_something_from_being_checked_is_told_once() {
        let mut deep = Deep::default();
        for reason in 0..2 * MAX_KEPT {
            deep.add_unchecked("no dictionary".to_owned());
            deep.add_unchecked(format!("reason {reason}"));
        }
        assert_eq!(deep.unchecked.len(), MAX_KEPT);
        assert_eq!(&deep.unchecked[..2], ["no dictionary", "reason 0"]);
    }

    #[test]
    fn a_part_names_what_is_lost_with_it() {
        let (from, to) = (Some(shown_key(b"a")), Some(shown_key(&[0, 255])));
        let about = |from_key, to_key, column_family| {
            let part = DamagedPart {
                from_key,
                to_key,
                column_family,
                ..part(7)
            };
            let text = part.to_string();
            let what = text.strip_prefix("data block at byte 7: its checksum is wrong");
            what.unwrap().to_owned()
        };
        assert_eq!(about(None, None, None), "");
        assert_eq!(about(from.clone(), None, None), " (keys from \"a\")");
        assert_eq!(about(None, to.clone(), None), " (keys up to 0x00FF)");
        assert_eq!(
            about(from, to, Some("users".to_owned())),
            " (column family users, keys from \"a\" to 0x00FF)"
        );
    }

    #[test]
    fn long_keys_are_cut_and_quotes_are_shown_in_hexadecimal() {
        let long = [b'k'; SHOWN_KEY_BYTES + 1];
        assert_eq!(shown_key(&long), format!("\"{}\"…", "k".repeat(SHOWN_KEY_BYTES)));
        assert_eq!(shown_key(b"\""), "0x22");
        assert_eq!(shown_key(b""), "0x");
    }
}
