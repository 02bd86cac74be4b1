//! Replaces the library's names of options by those of the command: `wal_dir_option (--wal-dir-option)` becomes the option.

use stonekeep::Warning;

/// The text with each library's word that an option of the command follows in parentheses replaced by that option.
pub(crate) fn in_command_words(text: &str) -> String {
    let (mut words, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(open) = rest.find(" (") {
        let (before, inside) = (&rest[..open], &rest[open + 2..]);
        let option = inside.split_once(')').filter(|(option, _)| option.contains("--"));
        let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let word_begins = before.rfind(|c| !is_of_word(c)).map_or(0, |at| at + 1);
        match option {
            Some((option, after)) if before[word_begins..].contains('_') => {
                words.push_str(&before[..word_begins]);
                words.push_str(option);
                rest = after;
            }
            _ => {
                words.push_str(&rest[..open + 2]);
                rest = inside;
            }
        }
    }
    words + rest
}

/// The same for warnings.
pub(crate) fn translate(warnings: &mut [Warning]) {
    for warning in warnings {
        warning.message = in_command_words(&warning.message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_names_the_option_instead_of_the_method() {
        for (text, expected) in [
            ("allow_other (--allow-other) does it", "--allow-other does it"),
            (
                "take it back with abort_restore (restore --abort)",
                "take it back with restore --abort",
            ),
            ("capture it (--source auto)", "capture it (--source auto)"),
            ("a (b) and c_d (e) and f_g (--h)", "a (b) and c_d (e) and --h"),
            ("é_x (--y", "é_x (--y"),
            ("plain", "plain"),
        ] {
            assert_eq!(in_command_words(text), expected);
        }
    }
}
