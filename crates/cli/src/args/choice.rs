//! Parses a word of a fixed list.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

/// A word, its line of help and its value. A word without help is accepted and not shown.
pub(crate) type Choice<T> = (&'static str, &'static str, T);

/// The parser for one of these words.
pub(crate) fn one_of<T>(choices: &'static [Choice<T>]) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    let shown = choices
        .iter()
        .map(|(word, help, _)| PossibleValue::new(*word).help(*help).hide(help.is_empty()));
    PossibleValuesParser::new(shown).try_map(|typed| {
        let chosen = choices.iter().find(|(word, ..)| *word == typed);
        chosen
            .map(|(.., value)| *value)
            .ok_or("not one of the possible values")
    })
}
