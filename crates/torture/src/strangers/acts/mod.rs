//! What is done to a tree, so that whoever reads it is hurt.

mod binary;
mod bombs;
mod ground;
mod listed;
mod manifest;
mod names;
mod numbers;
mod sizes;
mod special;
mod texts;

use anyhow::Result;

pub(super) use self::ground::Ground;

/// Does something; what it was.
type Act = fn(&mut Ground<'_>) -> Result<String>;

/// Each as often as it is here.
const ALL: [Act; 24] = [
    special::instead_of_something,
    special::instead_of_something,
    special::where_something_is_looked_for,
    special::where_something_is_looked_for,
    special::another_mode,
    names::hostile_name,
    names::hostile_name,
    names::deep,
    sizes::sparse,
    sizes::cut,
    sizes::many,
    texts::meta_line,
    texts::meta_line,
    texts::meta_path,
    texts::meta_path,
    texts::meta_length,
    texts::json_value,
    texts::json_value,
    texts::json_lines,
    texts::options,
    binary::bytes,
    binary::edits,
    binary::edits,
    bombs::bomb,
];

/// Does any of them. What cannot be done, after what was done before, is left.
pub(super) fn any(ground: &mut Ground<'_>) -> Option<String> {
    ALL[ground.rng.usize(0..ALL.len())](ground).ok()
}
