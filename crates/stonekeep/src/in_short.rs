//! Abbreviates a list of names to one line.

use std::fmt::Display;

/// The number of names that are listed completely.
const FEW: usize = 4;

/// Sorted names: all of them if they are few, else the first and the last. The caller reports their number.
pub(crate) fn in_short(names: &[impl Display]) -> String {
    match names {
        [first, .., last] if names.len() > FEW => format!("{first} … {last}"),
        _ => {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            names.join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_names_are_listed_and_many_are_abbreviated() {
        assert_eq!(in_short(&[""; 0]), "");
        assert_eq!(in_short(&["a", "b", "c", "d"]), "a, b, c, d");
        assert_eq!(in_short(&["a", "b", "c", "d", "e"]), "a … e");
    }
}
