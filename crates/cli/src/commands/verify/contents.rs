//! What a verification says of the contents of files that it looked into.

use std::collections::BTreeMap;

use stonekeep::engine::verify::VerifiedContents;

use crate::output::text::{Page, Style};
use crate::output::units::count;

/// What was looked into: `7 entries in 2 blocks and batches`.
pub(super) fn looked_into(contents: &VerifiedContents) -> String {
    let entries = match contents.entries {
        1 => "1 entry".to_owned(),
        entries => format!("{entries} entries"),
    };
    let parts = match contents.parts {
        1 => "1 block or batch".to_owned(),
        parts => format!("{parts} blocks and batches"),
    };
    format!("{entries} in {parts}")
}

/// What a deep verification could not check, each reason once.
pub(super) fn unchecked_contents(page: &mut Page<'_>, contents: &VerifiedContents) {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for file in &contents.unchecked {
        for reason in &file.reasons {
            by_reason.entry(reason).or_default().push(&file.file);
        }
    }
    for (reason, files) in by_reason {
        let (number, first) = (count(files.len() as u64, "file"), files.first().unwrap_or(&""));
        page.marked(
            Style::Warning,
            "not checked:",
            format!("{reason}: {number}, such as {first}"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_several() {
        let mut contents = VerifiedContents::default();
        assert_eq!(looked_into(&contents), "0 entries in 0 blocks and batches");
        (contents.entries, contents.parts) = (1, 1);
        assert_eq!(looked_into(&contents), "1 entry in 1 block or batch");
    }
}
