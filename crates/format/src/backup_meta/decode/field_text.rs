//! Fields on lines of their own, and text to show in errors.

use crate::Result;
use crate::backup_meta::line::Line;
use crate::backup_meta::{Field, NON_IGNORABLE};

/// How many bytes of a line are repeated in an error.
const SHOWN_BYTES: usize = 120;

pub(super) fn decode_footer_field(line: &Line<'_>) -> Result<Field> {
    let (name, value) = split_field(line)?;
    unknown_field(line, name, value)
}

pub(super) fn split_field<'a>(line: &Line<'a>) -> Result<(&'a [u8], &'a [u8])> {
    line.text
        .iter()
        .position(|byte| *byte == b' ')
        .and_then(|space| Some((line.text.get(..space)?, line.text.get(space + 1..)?)))
        .ok_or_else(|| line.corrupt(format!("{} is no field", shown(line.text))))
}

pub(super) fn unknown_field(line: &Line<'_>, name: &[u8], value: &[u8]) -> Result<Field> {
    if name.starts_with(NON_IGNORABLE) {
        return Err(line.unsupported(format!("the field {}", shown(name))));
    }
    Ok(Field::decode(name, value))
}

pub(super) fn shown(text: &[u8]) -> String {
    let head = text.get(..SHOWN_BYTES).unwrap_or(text);
    format!("\"{}\"", head.escape_ascii())
}
